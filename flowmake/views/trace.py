"""A run as a trace for Perfetto and Chrome's `about:tracing` (the JSON format of trace events). Reads no files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

from flowmake.core.text import safe_line
from flowmake.views.timeline import Span

_PROCESS = 1
_CRITICAL = 0
"""The thread of the critical path; the lanes come after it."""


def document(
    spans: Sequence[Span],
    critical: Sequence[str],
    title: str,
    more: Mapping[str, Mapping[str, Any]],
    about: Mapping[str, Any],
) -> str:
    """The trace as JSON. `more` are further facts of tasks, by name; `about` those of the run."""
    begin = min((span.start for span in spans), default=0.0)
    events = list(_names(spans, title))
    for lane in sorted({span.lane for span in spans}):
        of_lane = [(span, more.get(span.task, {})) for span in spans if span.lane == lane]
        events += _thread(1 + lane, of_lane, begin)
    last = {span.task: span for span in spans}
    events += _thread(_CRITICAL, [(last[task], {}) for task in critical if task in last], begin)
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": dict(about)}, indent=1) + "\n"


def _names(spans: Sequence[Span], title: str) -> Iterator[dict[str, Any]]:
    threads = {_CRITICAL: "critical path"} | {1 + lane: f"worker {1 + lane}" for lane in {span.lane for span in spans}}
    yield _metadata("process_name", _CRITICAL, name=safe_line(title))
    for thread, name in threads.items():
        yield _metadata("thread_name", thread, name=name)
        yield _metadata("thread_sort_index", thread, sort_index=thread)


def _metadata(kind: str, thread: int, **args: Any) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": _PROCESS, "tid": thread, "args": args}


def _thread(number: int, spans: Sequence[tuple[Span, Mapping[str, Any]]], begin: float) -> Iterator[dict[str, Any]]:
    """Complete events, in microseconds.

    Viewers take an event that begins within another one for a call that it makes, and drop what then ends too late.
    Recorded times are a little blurred, so each event ends when the next one begins, at the latest.
    """
    starts = [span.start for span, _ in spans]
    for (span, more), following in zip(spans, [*starts, inf][1:], strict=False):
        start, end = (round((time - begin) * 1e6) for time in (span.start, min(span.start + span.seconds, following)))
        yield {
            "ph": "X",
            "name": safe_line(span.task),
            "cat": span.status,
            "pid": _PROCESS,
            "tid": number,
            "ts": start,
            "dur": max(end - start, 0),
            "args": {"status": span.status, "attempt": span.attempt, **more},
        }
