from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from flowmake.views import mermaid
from flowmake.views.composing import Known, Options, draw
from flowmake.views.picture import Node, Picture


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("collapsed", Options(title='the "weather"')),
        ("files", Options(files=True)),
        ("clusters", Options(cluster="include", expand=True)),
    ],
)
def test_whole_flowcharts(
    graph: Any, order: list[str], known: Known, snapshot: Callable[[str, str], None], name: str, options: Options
) -> None:
    snapshot(f"{name}.mmd", mermaid.source(draw(graph, order, known, options)))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("plain-1.2_x@a,b", "plain-1.2_x@a,b"),
        ('"quoted"', "#34;quoted#34;"),
        ("<script>", "#60;script#62;"),
        ("a#b&c", "a#35;b#38;c"),
        ("`md`", "#96;md#96;"),
        ("new\nline", "new#92;nline"),
        ("end", "end"),
        ("a: b:c fa:fa-ban", "a: b#58;c fa#58;fa-ban"),
        ("$$x$$", "#36;#36;x#36;#36;"),
        ("%%{init: {}}%%", "#37;#37;{init: {}}#37;#37;"),
    ],
)
def test_names_cannot_be_read_as_markup(name: str, label: str) -> None:
    text = mermaid.source(Picture((Node(name, "task"),), ()), "TB")
    assert text == f'flowchart TB\n    n0["{label}"]\n'


def test_a_title_cannot_become_a_directive() -> None:
    text = mermaid.source(Picture((), (), '%%{init: {"theme": "dark"}}%%'))
    assert "%" not in text
    assert text.startswith('---\ntitle: "\\u0025\\u0025{init: {\\"theme')


def test_ids_are_safe_words(graph: Any, order: list[str], known: Known) -> None:
    for line in mermaid.source(draw(graph, order, known)).splitlines():
        if "-->" in line or "-.->" in line:
            assert re.fullmatch(r"    n\d+ (-->|-\.->) n\d+", line)
