from __future__ import annotations

import itertools
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.views import dot, images
from flowmake.views.composing import Known, Options, draw
from flowmake.views.picture import SIGNS, STATUSES, Edge, Node, NodeKind, Picture

SVG = "{http://www.w3.org/2000/svg}"
Snapshot = Callable[[str, str], None]


def drawn_texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("collapsed", Options(title="weather")),
        ("expanded", Options(expand=True)),
        ("files", Options(files=True)),
        ("clusters", Options(cluster="tag")),
    ],
)
def test_whole_dot_texts(
    graph: Any, order: list[str], known: Known, snapshot: Snapshot, name: str, options: Options
) -> None:
    snapshot(f"{name}.dot", dot.source(draw(graph, order, known, options)))


def test_without_statuses_there_is_no_legend(graph: Any) -> None:
    text = dot.source(draw(graph, ["fetch", "clean"]), rankdir="TB")
    assert 'label=""' in text
    assert "rankdir=TB" in text


@pytest.mark.parametrize("kind", ["task", "group", "foreach"])
def test_statuses_differ_without_colours(kind: NodeKind) -> None:
    looks = {}
    for status in STATUSES:
        node = Node("n", kind, ("n",), status, {status: 1})
        line = next(line for line in dot.source(Picture((node,), ())).splitlines() if line.startswith("\tn "))
        looks[status] = re.sub(r'(fillcolor|color|tooltip)=("[^"]*"|\S+)|, 1 \w+|, all \w+', "", line)
    plain = {look for status, look in looks.items() if status != "unknown"}
    assert len(plain) == len(STATUSES) - 1
    signs = [SIGNS[status] for status in STATUSES if status not in ("fresh", "unknown")]
    assert len({*signs, ""}) == len(signs) + 1


HOSTILE = [
    'quo"te',
    "back\\slash",
    "ends in \\",
    "<b>html</b>",
    "&lt;entity&amp;",
    "colon:port",
    "new\nline",
    "\\N \\G \\l",
    "per%cent {brace} | [x]",
    "umläut ✓",
    "node 1",
    "graph",
]


def expected_text(name: str) -> str:
    return name.replace("\n", "\\n")


def hostile_picture(names: list[str]) -> Picture:
    nodes = tuple(Node(n, "task", (n,), "stale", {"stale": 1}, command=n, description=n, cluster=n) for n in names)
    edges = tuple(Edge(a.key, b.key) for a, b in itertools.pairwise(nodes))
    return Picture(nodes, edges, names[0])


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_drawn_as_it_is(name: str) -> None:
    svg = images.image(dot.source(hostile_picture([name, "plain"])), "svg")
    texts = drawn_texts(svg)
    assert texts.count(expected_text(name)) == 2
    assert texts.count(f"● {expected_text(name)}") == 1
    assert len(list(ET.fromstring(svg).iter(f"{SVG}g"))) > 3


def test_hostile_names_together_keep_their_edges() -> None:
    svg = images.image(dot.source(hostile_picture(HOSTILE)), "svg")
    edges = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("class") == "edge"]
    assert len(edges) >= len(HOSTILE) - 1


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20))
def test_no_name_breaks_the_syntax(name: str) -> None:
    text = dot.source(hostile_picture([name, "plain"]))
    done = subprocess.run(["dot", "-Tcanon"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_tooltips_tell_status_description_and_command(graph: Any) -> None:
    known = Known({"fetch": "stale"}, {"fetch": "curl -o raw.csv"})
    svg = images.image(dot.source(draw(graph, ["fetch"], known)), "svg").decode()
    assert "fetch: stale&#10;get the data&#10;curl &#45;o raw.csv" in svg


def test_long_names_are_cut_in_the_middle() -> None:
    picture = Picture((Node("begin-" + "x" * 100 + "-end", "task"),), ())
    texts = drawn_texts(images.image(dot.source(picture), "svg"))
    assert texts == ["begin-" + "x" * 18 + "…" + "x" * 19 + "-end"]


def test_bigger_graphs_settle_for_a_quick_layout() -> None:
    nodes = tuple(Node(f"t{n}", "task") for n in range(2_100))
    edges = tuple(Edge(nodes[n // 2].key, nodes[n].key) for n in range(1, 2_100))
    assert "nslimit=0.2" in dot.source(Picture(nodes, edges))
    assert "nslimit" not in dot.source(Picture(nodes, edges[:2_000]))
