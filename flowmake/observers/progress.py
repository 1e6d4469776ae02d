"""How far a run is and how long it may still take, kept up to date in constant time per event. Unaware of display."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic

from msgspec import Struct

from flowmake.core.events import Event, RunStarted, TaskFinished, TaskJudged, TaskRetrying, TasksFound, TaskStarted
from flowmake.observers.wording import RAN


class Running(Struct, gc=False):
    """A task at work: monotonic seconds of its start, and how long it took last time, where known."""

    task: str
    started: float
    estimate: float | None = None
    attempt: int = 1


class Progress:
    """Counts and an estimate. `durations` are what tasks of the plan took when they last succeeded, in seconds."""

    def __init__(self, durations: Mapping[str, float] | None = None, clock: Callable[[], float] = monotonic) -> None:
        self.total = 0
        self.done = 0
        self.failed = 0
        self.jobs = 1
        self.running: dict[str, Running] = {}
        self._clock = clock
        self._ahead = dict(durations or {})
        self._ahead_sum = sum(self._ahead.values())
        self._measured = 0.0
        self._begun = clock()

    def on_event(self, event: Event) -> None:
        """Count it."""
        match event:
            case RunStarted():
                self.total, self.jobs, self._begun = event.expected, max(event.jobs, 1), self._clock()
            case TasksFound():
                self.total += event.count
            case TaskJudged():
                self._judged(event)
            case TaskStarted():
                known = self._drop(event.task)
                estimate = known if event.estimate is None else event.estimate
                self.running[event.task] = Running(event.task, self._clock(), estimate, event.attempt)
            case TaskRetrying():
                self.running.pop(event.task, None)
            case TaskFinished():
                self._finished(event)

    def elapsed(self, now: float) -> float:
        """Seconds since the run began."""
        return now - self._begun

    def remaining(self, now: float) -> float | None:
        """Seconds until the end: the work left spread over the jobs, no less than what the longest one running needs.

        None while nothing is known to go by. What is past its estimate counts as about to end; tasks never timed
        count as much as the settled ones took on average, fresh ones included.
        """
        left = [max((task.estimate or 0.0) - (now - task.started), 0.0) for task in self.running.values()]
        unknown = self.total - self.done - len(self._ahead) - len(self.running)
        unknown += sum(task.estimate is None for task in self.running.values())
        if unknown > 0 and not self.done:
            return None
        guessed = unknown * self._measured / self.done if unknown > 0 else 0.0
        return max((self._ahead_sum + sum(left) + guessed) / self.jobs, max(left, default=0.0))

    def _judged(self, event: TaskJudged) -> None:
        self._drop(event.task)
        if event.verdict != "fresh" and event.estimate is not None and event.task not in self.running:
            self._ahead[event.task] = event.estimate
            self._ahead_sum += event.estimate

    def _finished(self, event: TaskFinished) -> None:
        self._drop(event.task)
        self.running.pop(event.task, None)
        self.done += 1
        self.total = max(self.total, self.done)
        if event.status in RAN:
            self._measured += event.seconds
        if event.status in ("failed", "timed_out") and not event.allowed:
            self.failed += 1

    def _drop(self, task: str) -> float | None:
        estimate = self._ahead.pop(task, None)
        if estimate is not None:
            self._ahead_sum -= estimate
        return estimate
