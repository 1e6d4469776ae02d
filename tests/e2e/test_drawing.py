"""Drawing a real flow with whatever program is there to draw with."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

FLOWFILE = """
    [flow]
    name = "letters & <numbers>"

    [tasks.raw]
    outputs = ["raw.txt"]
    run = "printf 'a b c' > {{ outputs }}"

    [tasks.split]
    inputs = ["raw.txt"]
    outputs = ["parts/"]
    run = "mkdir -p parts && for part in $(cat {{ inputs }}); do echo $part > parts/$part.txt; done"

    [tasks.upper]
    foreach = { part = { glob = "parts/{part}.txt" } }
    inputs = ["parts/{{ part }}.txt"]
    outputs = ["upper/{{ part }}.txt"]
    run = 'tr a-z A-Z < {{ inputs }} > {{ outputs }}; [ "{{ part }}" != b ]'

    [tasks.join]
    inputs = ["upper/*.txt"]
    outputs = ["all.txt"]
    run = "cat {{ inputs }} > {{ outputs }}"
"""
ONLY_OURS = {"PATH": str(Path(sys.executable).parent)}
"""Where the replacement for `dot` is installed, and `dot` is not."""


@pytest.fixture
def flow(project: Any) -> Any:
    project.flowfile(FLOWFILE)
    return project


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("env", [{}, ONLY_OURS], ids=["dot", "graphviz-pure"])
def test_a_flow_before_and_after_its_fan_out(flow: Any, env: dict[str, str]) -> None:
    done = flow.run("graph", "-o", "before.svg", env=env)
    assert (done.code, done.stdout, done.stderr) == (0, "", "")
    before = texts(flow.read("before.svg"))
    assert {"letters & <numbers>", "● stale", "● raw", "● split", "○ upper", "● join"} <= set(before)
    assert "instances not known yet" in before
    assert flow.run("run", "-k").code == 1
    done = flow.run("graph", "-o", "after.svg", env=env)
    assert done.code == 0
    after = texts(flow.read("after.svg"))
    assert {"\u00d7 upper", "3 instances, 1 failed", "fresh", "\u00d7 failed", "● stale", "raw"} <= set(after)


def test_files_and_instances(flow: Any) -> None:
    flow.run("run", "-k")
    done = flow.run("graph", "--files", "--format", "text")
    assert done.stdout == (
        "all.txt\n"
        "└─ join [stale]\n"
        "   └─ upper/*.txt (3 files)\n"
        "      └─ upper [3 instances, 1 failed]\n"
        "         └─ parts/\n"
        "            └─ split [fresh]\n"
        "               └─ raw.txt\n"
        "                  └─ raw [fresh]\n"
    )
    done = flow.run("graph", "--expand", "--format", "text", "upper")
    assert "upper@b [failed]" in done.stdout


def test_pdf_needs_graphviz_and_says_so(flow: Any) -> None:
    done = flow.run("graph", "-o", "graph.pdf", env=ONLY_OURS)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        "error: drawing `pdf` needs the program `dot` of Graphviz, which is not installed\n"
        "hint: `apt install graphviz` brings it; `-o FILE.svg` and `.png` work with the `graphviz-pure` that is "
        "installed, `-o FILE.dot` and `--format mermaid|text|json` without either\n"
    )
    assert not flow.exists("graph.pdf")


@pytest.mark.parametrize("form", ["dot", "mermaid", "text", "json"])
def test_texts_need_no_program(flow: Any, form: str) -> None:
    done = flow.run("graph", "--format", form, env={"PATH": "/nonexistent"})
    assert (done.code, done.stderr) == (0, "")
    assert "split" in done.stdout
