from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from flowmake.views import text
from flowmake.views.composing import Known, Options, draw
from flowmake.views.picture import Edge, Node, Picture


def test_whole_tree(graph: Any, order: list[str], known: Known) -> None:
    assert text.tree(draw(graph, order, known)) == (
        "all [waiting]\n"
        "├─ report [waiting]\n"
        "│  ├─ each [instances not known yet]\n"
        "│  │  └─ split [failed]\n"
        "│  │     └─ clean [fresh]\n"
        "│  │        └─ fetch [fresh]\n"
        "│  ├─ link [running]\n"
        "│  │  ├─ warm [stale]\n"
        "│  │  └─ compile [3 instances, 1 failed, 1 stale]\n"
        "│  └─ clean [fresh] (see above)\n"
        "└─ link [running] (see above)\n"
    )


def test_whole_tree_with_files(
    graph: Any, order: list[str], known: Known, snapshot: Callable[[str, str], None]
) -> None:
    snapshot("files.txt", text.tree(draw(graph, order, known, Options(files=True))))


def test_ascii_for_streams_that_cannot_carry_more() -> None:
    nodes = [Node(name, "task") for name in ("a", "b", "ü→", "top")]
    edges = [Edge(nodes[0].key, nodes[1].key), Edge(nodes[1].key, nodes[3].key), Edge(nodes[2].key, nodes[3].key)]
    assert text.tree(Picture(tuple(nodes), tuple(edges)), ascii_only=True) == (
        "top\n"
        "|- b\n"
        "|  `- a\n"
        "`- \\xfc->\n"
    )  # fmt: skip


def test_chains_longer_than_the_stack_of_python() -> None:
    nodes = tuple(Node(f"t{n}", "task") for n in range(5_000))
    edges = tuple(Edge(a.key, b.key) for a, b in itertools.pairwise(nodes))
    lines = text.tree(Picture(nodes, edges)).splitlines()
    assert lines[-1].endswith("└─ t0")
    assert max(map(len, lines)) < 400
    roots = [line for line in lines if line.startswith("t")]
    assert roots == [f"t{n}" for n in range(4_999, -1, -text.DEEPEST)]
    assert [line.split("─ ")[1] for line in lines if line.endswith("(see below)")] == [
        f"{root} (see below)" for root in roots[1:]
    ]
    assert len(lines) == 5_000 + len(roots) - 1


def test_a_loop_between_collapsed_nodes_is_shown_once() -> None:
    a, b = Node("a", "foreach", ("a@1",)), Node("b", "foreach", ("b@1", "b@2"))
    loop = Picture((a, b), (Edge(a.key, b.key), Edge(b.key, a.key)))
    assert text.tree(loop) == "a [1 instance]\n└─ b [2 instances]\n   └─ a [1 instance] (see above)\n"


def test_control_characters_in_names_are_spelt_out() -> None:
    assert text.tree(Picture((Node("a\x1b[2J\nb", "file", outputs=("x",)),), ())) == "a\\x1b[2J\\nb\n"
