"""What a run is said to have changed."""

from __future__ import annotations

from typing import Any

import pytest

from flowmake.views.report.compare import compare
from flowmake.views.report.page import Change, Comparison, Past, RunPage, TaskPage

BEFORE = RunPage("r1", "succeeded", "", 9.0)


def task(name: str, status: str = "succeeded", past: str = "", **more: Any) -> TaskPage:
    history = (Past("r1", past, 1.0),) if past else ()
    return TaskPage(name, status, history=history, **more)


@pytest.mark.parametrize(
    ("before", "now", "is_slower", "is_faster"),
    [
        (1.0, 2.0, True, False),
        (2.0, 1.0, False, True),
        (1.0, 1.1, False, False),
        (0.01, 0.1, False, False),
        (10.0, 11.0, False, False),
        (0.0, 0.5, True, False),
        (None, 5.0, False, False),
    ],
)
def test_a_difference_counts_when_it_is_more_than_noise(
    before: float | None, now: float, is_slower: bool, is_faster: bool
) -> None:
    found = compare([task("a", past="succeeded", before=before, seconds=now)], BEFORE)
    assert (bool(found.slower), bool(found.faster)) == (is_slower, is_faster)


def test_the_greatest_difference_comes_first() -> None:
    found = compare([task(str(n), past="succeeded", before=1.0, seconds=float(n)) for n in (2, 9, 4)], BEFORE)
    assert found.slower[0] == Change(1, "9", 1.0, 9.0)
    assert [change.name for change in found.slower] == ["9", "4", "2"]


def test_only_successes_are_compared() -> None:
    found = compare([task("a", "failed", "succeeded", before=1.0, seconds=9.0)], BEFORE)
    assert found == Comparison(BEFORE, broken=((0, "a"),))


def test_broken_mended_first() -> None:
    tasks = [
        task("a", "failed", "succeeded"),
        task("b", "succeeded", "timed_out"),
        task("c"),
        task("d", "failed", "failed"),
    ]
    found = compare([*tasks, task("e", "fresh"), task("f", "")], None)
    assert (found.broken, found.mended, found.first) == (((0, "a"),), ((1, "b"),), ((2, "c"),))


#   cut ──▶ near ──▶ far        other ──▶ alone
def test_what_a_cut_off_spared_is_counted() -> None:
    tasks = [
        task("cut", past="succeeded", cut_off=True),
        task("near", "fresh", upstream=(0,)),
        task("far", "fresh", upstream=(1, 0)),
        task("other", past="succeeded"),
        task("alone", "fresh", upstream=(3,)),
    ]
    found = compare(tasks, BEFORE)
    assert (found.cut_off, found.spared) == (((0, "cut"),), 2)
