"""A run as a trace for Perfetto and Chrome's `about:tracing` (the JSON format of trace events). Reads no files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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
    events = [*_names(spans, title), *(_event(span, begin, more.get(span.task, {})) for span in spans)]
    last = {span.task: span for span in spans}
    events += [_event(last[task], begin, {}, _CRITICAL) for task in critical if task in last]
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": dict(about)}, indent=1) + "\n"


def _names(spans: Sequence[Span], title: str) -> Iterator[dict[str, Any]]:
    threads = {_CRITICAL: "critical path"} | {1 + lane: f"worker {1 + lane}" for lane in {span.lane for span in spans}}
    yield _metadata("process_name", _CRITICAL, name=safe_line(title))
    for thread, name in threads.items():
        yield _metadata("thread_name", thread, name=name)
        yield _metadata("thread_sort_index", thread, sort_index=thread)


def _metadata(kind: str, thread: int, **args: Any) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": _PROCESS, "tid": thread, "args": args}


def _event(span: Span, begin: float, more: Mapping[str, Any], thread: int | None = None) -> dict[str, Any]:
    """A complete event; times in microseconds, as the format has them."""
    return {
        "ph": "X",
        "name": safe_line(span.task),
        "cat": span.status,
        "pid": _PROCESS,
        "tid": 1 + span.lane if thread is None else thread,
        "ts": round((span.start - begin) * 1e6),
        "dur": round(span.seconds * 1e6),
        "args": {"status": span.status, "attempt": span.attempt, **more},
    }
