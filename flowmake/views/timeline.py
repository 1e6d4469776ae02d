"""When what ran in a run: attempts as spans, spread over lanes, and the chain that no parallelism could have shortened.

Works on the recorded events of a run. Unaware of files, stores and how any of it is shown.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

_BLUR = 0.002
"""Seconds; times are recorded in milliseconds, and one task may seem to start before the other has ended."""


_NOTABLE_RATIO, _NOTABLE_SECONDS = 1.2, 0.1
"""Less than this is the noise of any machine."""


def is_notable(before: float, now: float) -> bool:
    """Whether two durations in seconds differ by more than chance."""
    low, high = sorted((before, now))
    return high - low >= _NOTABLE_SECONDS and high >= low * _NOTABLE_RATIO


class Span(Struct, frozen=True):
    """One attempt at a task. Times in seconds since the epoch.

    `status` is that of the task for its last attempt, `retried` for those before, `running` for one without an end.
    Spans in the same `lane` (from 0) do not overlap.
    """

    task: str
    attempt: int
    start: float
    end: float
    status: str
    lane: int = 0

    @property
    def seconds(self) -> float:
        """How long the attempt took."""
        return max(self.end - self.start, 0.0)


def spans(events: Iterable[Mapping[str, Any]], end: float, unfinished: str = "interrupted") -> list[Span]:
    """The attempts that recorded events tell of, by their start, in lanes.

    What has no end recorded lasts until `end` and has the status `unfinished`.
    """
    started: dict[str, tuple[int, float]] = {}
    found = []
    for event in events:
        task = event.get("task", "")
        match event["event"]:
            case "task_started":
                started[task] = (event["attempt"], epoch(event["time"]))
            case "task_retrying" if task in started:
                attempt, start = started.pop(task)
                found.append(Span(task, attempt, start, epoch(event["time"]), "retried"))
            case "task_finished" if task in started:
                attempt, start = started.pop(task)
                finish = start + event["seconds"] if event["seconds"] else epoch(event["time"])
                found.append(Span(task, attempt, start, finish, event["status"]))
    found += [Span(task, attempt, start, max(start, end), unfinished) for task, (attempt, start) in started.items()]
    return in_lanes(found)


def in_lanes(found: Iterable[Span]) -> list[Span]:
    """The spans by their start, each in the first lane that is free by then."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    placed = []
    for span in sorted(found, key=lambda span: (span.start, span.end, span.task)):
        while busy and busy[0][0] <= span.start + _BLUR:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (span.end, lane))
        placed.append(replace(span, lane=lane))
    return placed


def critical_path(
    order: Iterable[str], upstream: Callable[[str], Iterable[str]], seconds: Mapping[str, float]
) -> tuple[str, ...]:
    """The chain of dependent tasks that took longest in sum: with any number of workers, a run takes at least that.

    `order` has everything after what it depends on; what has no `seconds` (groups, fresh tasks) takes no time.
    """
    length: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for name in order:
        last = max((other for other in upstream(name) if other in length), key=length.__getitem__, default=None)
        length[name] = seconds.get(name, 0.0) + (length[last] if last is not None else 0.0)
        before[name] = last
    chain = []
    step = max(length, key=length.__getitem__, default=None)
    while step is not None:
        chain.append(step)
        step = before[step]
    return tuple(name for name in reversed(chain) if name in seconds)


def epoch(moment: str) -> float:
    """Seconds since the epoch of an event's `time`."""
    return datetime.fromisoformat(moment).timestamp()


def relative(found: Iterable[Span], begin: float) -> list[Span]:
    """The spans with times counted from `begin`, to the millisecond."""
    return [
        replace(span, start=round(max(span.start - begin, 0.0), 3), end=round(max(span.end - begin, 0.0), 3))
        for span in found
    ]
