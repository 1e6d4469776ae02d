"""The trace: what the format of trace events asks for, and what a person finds in it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from flowmake.views.timeline import Span
from flowmake.views.trace import document

SPANS = [
    Span("a", 1, 100.0, 101.5, "retried", 0),
    Span("b\x1b[1m", 1, 100.5, 101.0, "succeeded", 1),
    Span("a", 2, 102.0, 104.0, "succeeded", 0),
]


def trace(spans: list[Span] = SPANS) -> Any:
    return json.loads(document(spans, ("a", "gone"), "flow, run r1", {"a": {"command": "make a"}}, {"run": "r1"}))


def test_every_event_has_what_the_format_asks_for() -> None:
    found = trace()
    check(found)
    assert {event["ph"] for event in found["traceEvents"]} == {"M", "X"}


def check(found: Any) -> None:
    """What the description of the format asks for, and what viewers take amiss."""
    assert found.keys() == {"traceEvents", "displayTimeUnit", "otherData"}
    assert found["displayTimeUnit"] in ("ms", "ns")
    for event in found["traceEvents"]:
        assert isinstance(event["name"], str)
        assert isinstance(event["args"], dict)
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert event["ph"] in ("M", "X")
        if event["ph"] == "X":
            assert isinstance(event["ts"], int)
            assert isinstance(event["dur"], int)
            assert min(event["ts"], event["dur"]) >= 0
            assert isinstance(event["cat"], str)
    named = {event["tid"] for event in found["traceEvents"] if event["name"] == "thread_name"}
    for thread in {event["tid"] for event in found["traceEvents"]}:
        assert thread in named
        spans = [(e["ts"], e["ts"] + e["dur"]) for e in found["traceEvents"] if (e["ph"], e["tid"]) == ("X", thread)]
        assert spans == sorted(spans)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans)), "two at once in a thread"


def test_attempts_are_in_their_lanes_in_microseconds() -> None:
    shown = [event for event in trace()["traceEvents"] if event["ph"] == "X" and event["tid"]]
    shown.sort(key=lambda event: event["ts"])
    assert [(e["name"], e["tid"], e["ts"], e["dur"], e["cat"]) for e in shown] == [
        ("a", 1, 0, 1_500_000, "retried"),
        ("b\\x1b[1m", 2, 500_000, 500_000, "succeeded"),
        ("a", 1, 2_000_000, 2_000_000, "succeeded"),
    ]
    assert shown[0]["args"] == {"status": "retried", "attempt": 1, "command": "make a"}


def test_the_critical_path_and_the_workers_have_names() -> None:
    events = trace()["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert names == {0: "critical path", 1: "worker 1", 2: "worker 2"}
    assert [(e["name"], e["ts"]) for e in events if e["ph"] == "X" and e["tid"] == 0] == [("a", 2_000_000)]
    assert next(e["args"]["name"] for e in events if e["name"] == "process_name") == "flow, run r1"


def test_blurred_times_do_not_make_one_task_a_part_of_another() -> None:
    spans = [Span("a", 1, 100.0, 101.0, "succeeded"), Span("b", 1, 100.9985, 102.0, "succeeded")]
    found = json.loads(document(spans, ("a", "b"), "flow", {}, {}))
    check(found)
    shown = [(e["tid"], e["ts"], e["dur"]) for e in found["traceEvents"] if e["ph"] == "X"]
    assert shown == [(thread, *times) for thread in (1, 0) for times in ((0, 998_500), (998_500, 1_001_500))]


def test_nothing_ran() -> None:
    assert [event["ph"] for event in trace([])["traceEvents"]] == ["M", "M", "M"]
