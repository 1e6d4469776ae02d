from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from flowmake.views import mermaid
from flowmake.views.composing import Known, Options, draw
from flowmake.views.picture import Edge, Node, Picture

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    '"quoted"',
    "<script>",
    "<b>bold</b> &amp; a#b&c;",
    "`md` **bold** _it_",
    "1. list",
    "- x",
    "end",
    "subgraph",
    "a: b:c fa:fa-ban",
    "$$x$$",
    "%%{init: {}}%%",
    "C:\\tmp\\n",
    "]] --> [[",
    "ünï 日本",
)


def drawn(source: str) -> ElementTree.Element:
    """As Mermaid itself draws it; raises what it complains about."""
    import mermaidx

    return ElementTree.fromstring(mermaidx.render(source).svg())


def classes(element: ElementTree.Element) -> list[str]:
    return element.get("class", "").split()


def texts(picture: ElementTree.Element, kind: str) -> list[str]:
    return ["".join(group.itertext()).strip() for group in picture.iter(f"{SVG}g") if kind in classes(group)]


def links(picture: ElementTree.Element) -> Iterator[str | None]:
    for link in picture.iter(f"{SVG}a"):
        yield link.get("{http://www.w3.org/1999/xlink}href")


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


def test_mermaid_draws_every_name_as_it_is() -> None:
    nodes = tuple(Node(name, "task", link="https://example.org/#task='a\"b'") for name in HOSTILE)
    edges = tuple(Edge(tail.key, head.key) for tail, head in pairwise(nodes))
    title = '%%{init: {"theme": "dark"}}%% "weather"'
    picture = drawn(mermaid.source(Picture(nodes, edges, title)))
    assert texts(picture, "node") == list(HOSTILE)
    assert set(links(picture)) == {"https://example.org/#task='a\"b'"}
    lines = [path for path in picture.iter(f"{SVG}path") if "flowchart-link" in classes(path)]
    assert len(lines) == len(edges)
    assert [text.text for text in picture.iter(f"{SVG}text") if "flowchartTitleText" in classes(text)] == [title]


def test_mermaid_draws_all_shapes_and_clusters(graph: Any, order: list[str], known: Known) -> None:
    picture = draw(graph, order, known, Options(files=True, cluster="include"))
    found = drawn(mermaid.source(picture))
    assert len(texts(found, "node")) == len(picture.nodes)
    assert set(texts(found, "cluster")) == {node.cluster for node in picture.nodes if node.cluster}
    failed = [group for group in found.iter(f"{SVG}g") if {"node", "failed"} <= set(classes(group))]
    assert len(failed) == sum(node.status == "failed" and node.kind != "file" for node in picture.nodes)


def test_mermaid_refuses_what_is_no_flowchart() -> None:
    with pytest.raises(RuntimeError, match="Parse error"):
        drawn('flowchart LR\n    n0["a"]\n    n1["b --> n0\n')
