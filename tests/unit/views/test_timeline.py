"""Spans out of events, lanes that do not overlap, the chain that takes longest."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.views.timeline import Span, critical_path, epoch, in_lanes, relative, spans

ZERO = 1_767_225_600.0


def at(seconds: float) -> str:
    return f"2026-01-01T00:00:{seconds:06.3f}Z"


def event(kind: str, moment: float, task: str, **more: Any) -> dict[str, Any]:
    return {"v": 1, "event": kind, "time": at(moment), "run": "r", "task": task, **more}


def test_a_task_is_a_span_from_its_start_as_long_as_it_took() -> None:
    story = [
        event("task_judged", 0, "a", verdict="stale"),
        event("task_started", 1, "a", attempt=1),
        event("task_finished", 3.5, "a", status="succeeded", seconds=2.25),
        event("task_finished", 3.5, "b", status="fresh", seconds=0.0),
    ]
    assert spans(story, ZERO + 9) == [Span("a", 1, ZERO + 1, ZERO + 3.25, "succeeded", 0)]


def test_every_attempt_is_a_span() -> None:
    story = [
        event("task_started", 1, "a", attempt=1),
        event("task_retrying", 2, "a", attempt=1, delay=1.0),
        event("task_started", 3, "a", attempt=2),
        event("task_finished", 4, "a", status="timed_out", seconds=0.0),
    ]
    assert [(s.attempt, s.start - ZERO, s.end - ZERO, s.status) for s in spans(story, ZERO + 9)] == [
        (1, 1, 2, "retried"),
        (2, 3, 4, "timed_out"),
    ]


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_what_has_no_end_lasts_until_the_end(status: str) -> None:
    story = [event("task_started", 1, "a", attempt=1)]
    assert spans(story, ZERO + 9, status) == [Span("a", 1, ZERO + 1, ZERO + 9, status)]
    assert spans(story, ZERO, status)[0].seconds == 0


def test_lanes_are_used_again() -> None:
    found = in_lanes([Span("c", 1, 2, 3, ""), Span("a", 1, 0, 2, ""), Span("b", 1, 1, 4, ""), Span("d", 1, 3, 5, "")])
    assert [(span.task, span.lane) for span in found] == [("a", 0), ("b", 1), ("c", 0), ("d", 0)]


times = st.integers(0, 50).map(float)


@given(st.lists(st.tuples(times, times), max_size=40))
def test_spans_of_a_lane_never_overlap_and_no_lane_is_wasted(pairs: list[tuple[float, float]]) -> None:
    given_spans = [Span(str(n), 1, min(pair), max(pair), "") for n, pair in enumerate(pairs)]
    placed = in_lanes(given_spans)
    for lane in {span.lane for span in placed}:
        mine = [span for span in placed if span.lane == lane]
        assert all(first.end <= second.start for first, second in pairwise(mine))
    busiest = max((sum(o.start <= s.start <= o.end for o in placed) for s in placed), default=0)
    assert max((span.lane + 1 for span in placed), default=0) <= busiest


#   a ──▶ group ──▶ d      a + d = 5, b + d = 4, c = 4.5
#   b ─────────────▶ d     c
UPSTREAM = {"d": ("group", "b"), "group": ("a",)}


def test_the_longest_chain_goes_through_what_takes_no_time() -> None:
    seconds = {"a": 2.0, "b": 1.0, "c": 4.5, "d": 3.0}
    order = ["a", "b", "c", "group", "d"]
    assert critical_path(order, lambda name: UPSTREAM.get(name, ()), seconds) == ("a", "d")


@pytest.mark.parametrize(("order", "seconds"), [([], {}), (["a", "group"], {})])
def test_where_nothing_ran_there_is_no_chain(order: list[str], seconds: dict[str, float]) -> None:
    assert critical_path(order, lambda name: UPSTREAM.get(name, ()), seconds) == ()


def test_times_after_the_beginning() -> None:
    assert relative([Span("a", 1, 10.5, 12.00049, "")], 10.0) == [Span("a", 1, 0.5, 2.0, "")]
    assert relative([Span("a", 1, 9.9, 12, "")], 10.0)[0].start == 0


def test_epoch() -> None:
    assert epoch("2026-01-01T00:00:00.250Z") == ZERO + 0.25
