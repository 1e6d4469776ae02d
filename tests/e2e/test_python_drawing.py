"""Looking at a flow from Python: a notebook shows the picture by itself, a script saves it."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from math import inf
from pathlib import Path
from typing import Any

import pytest

import flowmake

FLOW = """\
[flow]
name = "pair"
[tasks.one]
foreach = { n = [1, 2] }
outputs = ["one-{{ n }}"]
run = "touch {{ outputs }}"
[tasks.two]
inputs = ["one-*"]
outputs = ["two"]
run = "cat {{ inputs }} > two"
"""
SECRET = """\
[flow]
secrets = ["TOKEN"]
[env]
TOKEN = "hunter2-hunter2"
[tasks.get]
description = "with hunter2-hunter2"
run = "curl -H hunter2-hunter2"
"""
SVG = "{http://www.w3.org/2000/svg}"


def titles(svg: str) -> set[str]:
    """What the nodes are called."""
    texts = ET.fromstring(svg).iter(f"{SVG}text")
    return {text.text or "" for text in texts}


def names(drawing: Any) -> list[str]:
    return [node.name for node in drawing.picture.nodes]


def test_a_notebook_shows_how_the_tasks_stand(tmp_path: Path) -> None:
    (tmp_path / "Flowfile").write_text(FLOW)
    flow = flowmake.load(tmp_path)
    before = titles(flow.drawing()._repr_svg_())
    assert {"pair", "● one", "● two", "● stale"} <= before
    assert flow.run() is not None
    after = titles(flow.drawing(expand=True)._repr_svg_())
    assert {"one@1", "one@2", "two", "fresh"} <= after
    assert "● stale" not in after


def test_a_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "Flowfile").write_text(FLOW)
    flow = flowmake.load(tmp_path)
    assert names(flow.drawing(["one@2"], up=0, down=inf, expand=True)) == ["one@2", "two"]
    assert names(flow.drawing(between=("one@1", "two"), expand=True)) == ["one@1", "two"]
    with pytest.raises(flowmake.FlowmakeError, match="count from targets"):
        flow.drawing(down=1)


def test_what_is_secret_is_masked(tmp_path: Path) -> None:
    (tmp_path / "Flowfile").write_text(SECRET)
    drawing = flowmake.load(tmp_path).drawing()
    assert [node.command.splitlines()[0] for node in drawing.picture.nodes] == ["curl -H ***"]
    assert "hunter2" not in drawing.source


def test_a_console_shows_it_as_text(tmp_path: Path) -> None:
    (tmp_path / "Flowfile").write_text(FLOW)
    assert repr(flowmake.load(tmp_path).drawing()) == "two [stale]\n└─ one [2 instances, all stale]"


def test_where_nothing_can_draw_a_notebook_shows_text_and_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Flowfile").write_text(FLOW)
    drawing = flowmake.load(tmp_path).drawing()
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.warns(UserWarning, match="needs the program `dot` of Graphviz.*apt install graphviz"):
        assert drawing._repr_svg_() is None


def test_a_script_saves_the_picture_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "Flowfile").write_text(FLOW)
    drawing = flowmake.load(tmp_path).drawing(["two"], files=True)
    drawing.save(str(tmp_path / "flow.svg"))
    drawing.save(str(tmp_path / "flow.dot"))
    assert "two" in titles((tmp_path / "flow.svg").read_text())
    assert (tmp_path / "flow.dot").read_text() == drawing.source
