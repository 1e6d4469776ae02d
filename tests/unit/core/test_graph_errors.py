"""Whole error texts of Flowfiles that are well-formed but make no graph, one case a file in `tests/cases/graph_errors`.

A case has two sections, `=== Flowfile` and `=== errors`: what people must see.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desk import Desk

CASES = sorted((Path(__file__).parents[2] / "cases" / "graph_errors").glob("*.txt"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_errors_of_a_graph_are_told_whole(path: Path) -> None:
    text, _, errors = path.read_text().removeprefix("=== Flowfile\n").partition("=== errors\n")
    assert Desk(text).complaints() == errors


def test_there_are_cases() -> None:
    assert len(CASES) > 10
