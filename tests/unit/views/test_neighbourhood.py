"""Parts of the small flow:

fetch ─ clean ─┬─ split ─ each ─┐
               └────────────────┼─ report ─ all
compile@a,b,c ─ link ───────────┴───────────╯
         warm ╌╌╯
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Any

import pytest

from flowmake.views.neighbourhood import around, between


@pytest.mark.parametrize(
    ("centres", "up", "down", "found"),
    [
        (["clean"], 0, 0, "clean"),
        (["clean"], 1, 0, "fetch clean"),
        (["clean"], 0, 1, "clean split report"),
        (["clean"], 0, 2, "clean split each report all"),
        (["clean"], 1, 1, "fetch clean split report"),
        (["fetch", "warm"], 0, 1, "fetch clean warm link"),
        (["fetch"], inf, inf, "fetch clean split each report all"),
        (["link"], 1, 0, "compile@a compile@b compile@c warm link"),
        (["compile@b"], 0, 1, "compile@b compile link"),
        (["compile"], 0, 1, "compile@a compile@b compile@c compile link"),
        (["compile"], 1, 0, "compile@a compile@b compile@c compile"),
    ],
)
def test_around(graph: Any, order: list[str], centres: list[str], up: float, down: float, found: str) -> None:
    assert around(graph, order, centres, up, down) == found.split()


def test_from_the_name_of_a_fan_out_to_its_instances_is_no_step(flow_of: Any, task: Any, graph: Any) -> None:
    letters = graph.tasks["compile@a"].declared.foreach
    flow = flow_of(task("before"), task("each", foreach=letters, needs=("before",)), task("after", needs=("each",)))
    names = ["before", "each@a", "each@b", "each@c", "each", "after"]
    assert around(flow, names, ["after"], 1, 0) == ["each@a", "each@b", "each@c", "each", "after"]
    assert around(flow, names, ["after"], 2, 0) == names
    assert around(flow, names, ["before"], 0, 1) == names[:-1]


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("clean", "all", "clean split each report all"),
        ("clean", "report", "clean split each report"),
        ("compile", "all", "compile@a compile@b compile@c link report all"),
        ("compile@a", "report", "compile@a link report"),
        ("clean", "clean", "clean"),
        ("all", "clean", ""),
        ("clean", "link", ""),
    ],
)
def test_between(graph: Any, order: list[str], start: str, end: str, found: str) -> None:
    assert between(graph, order, [start], [end]) == found.split()


def test_a_long_chain_is_no_trouble(flow_of: Any, task: Any) -> None:
    names = [f"t{number}" for number in range(5_000)]
    flow = flow_of(task("t0"), *(task(name, needs=(before,)) for before, name in pairwise(names)))
    assert around(flow, names, ["t0"], 0, inf) == names
    assert between(flow, names, ["t0"], ["t4999"]) == names
