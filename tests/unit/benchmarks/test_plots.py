"""Where labels go."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import figures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plots import draw, spread

RUN = {"scenario": "no-op", "cpu": 1.0, "memory": 9.0, "floor": 9.0}


def test_labels_far_enough_apart_stay_where_they_are() -> None:
    assert spread([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])


def test_labels_too_near_move_apart_around_their_middle() -> None:
    assert spread([0.1, 0.5, 0.5], 0.1) == pytest.approx([0.1, 0.45, 0.55])


@given(st.lists(st.floats(0, 1)).map(sorted))
def test_labels_keep_their_order_and_their_distance(heights: list[float]) -> None:
    moved = spread(heights, 0.1)

    assert len(moved) == len(heights)
    assert all(upper - lower >= 0.1 - 1e-9 for lower, upper in pairwise(moved))


def test_every_tool_has_a_line_on_an_opaque_ground(tmp_path: Path) -> None:
    runs = [
        {**RUN, "tool": tool, "tasks": tasks, "wall": wall * tasks}
        for tasks in (10, 100)
        for tool, wall in (("flowmake", 0.1), ("ninja", 0.2))
    ]

    draw(figures.medians_of(runs), "no-op", "wall", "Nothing", tmp_path / "a.svg")

    drawn = (tmp_path / "a.svg").read_text()
    assert 'id="ninja"' in drawn
    assert 'id="flowmake"' in drawn
    assert "fill: #ffffff" in drawn
