"""How far a run is and how long it may still take, kept up to date in constant time per event. Unaware of display."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic

from msgspec import Struct

from flowmake.core.events import (
    Event,
    RunStarted,
    TaskFinished,
    TaskJudged,
    TaskQueued,
    TaskRetrying,
    TasksFound,
    TaskStarted,
)
from flowmake.observers.wording import RAN


class Running(Struct, gc=False):
    """A task at work: monotonic seconds of its start, and how long it took last time, where known."""

    task: str
    started: float
    estimate: float | None = None
    attempt: int = 1


class Progress:
    """Counts and an estimate. `durations` are what tasks took when they last succeeded, in seconds, by name."""

    def __init__(self, durations: Mapping[str, float] | None = None, clock: Callable[[], float] = monotonic) -> None:
        self.total = 0
        self.done = 0
        self.failed = 0
        self.jobs = 1
        self.running: dict[str, Running] = {}
        self.queued: set[str] = set()
        self._recorded = durations or {}
        self._mean = sum(self._recorded.values()) / len(self._recorded) if self._recorded else None
        self._clock = clock
        self._ahead: dict[str, float | None] = {}
        self._ahead_sum = 0.0
        self._ahead_unknown = 0
        self._ran = 0
        self._seconds = 0.0
        self._begun = clock()

    def on_event(self, event: Event) -> None:
        """Count it."""
        match event:
            case RunStarted():
                self.total, self.done, self.jobs = event.expected, len(event.fresh), max(event.jobs, 1)
                self._begun = self._clock()
            case TasksFound():
                self.total += event.count
            case TaskJudged():
                self._judged(event)
            case TaskQueued():
                self.queued.add(event.task)
            case TaskStarted():
                self._drop(event.task)
                self.queued.discard(event.task)
                estimate = self._estimate(event.task, event.estimate)
                self.running[event.task] = Running(event.task, self._clock(), estimate, event.attempt)
            case TaskRetrying():
                self.queued.discard(event.task)
                if task := self.running.pop(event.task, None):
                    self._put_ahead(event.task, task.estimate)
            case TaskFinished():
                self._finished(event)

    def elapsed(self, now: float) -> float:
        """Seconds since the run began."""
        return now - self._begun

    def remaining(self, now: float) -> float | None:
        """Seconds until the end: the work left spread over the jobs, no less than what the longest one running needs.

        None while nothing is known to go by. What runs past its estimate counts as about to end. Tasks never timed
        count as the average; of those not judged yet, as many are expected to run as did among the settled ones.
        """
        left = [max((task.estimate or 0.0) - (now - task.started), 0.0) for task in self.running.values()]
        unjudged = max(self.total - self.done - len(self.running) - len(self._ahead), 0)
        unknown = self._ahead_unknown + unjudged * (self._ran / self.done if self.done else 1.0)
        mean = self._mean if self._mean is not None else self._seconds / self._ran if self._ran else None
        if mean is None and unknown:
            return None
        return max((self._ahead_sum + sum(left) + unknown * (mean or 0.0)) / self.jobs, max(left, default=0.0))

    def _judged(self, event: TaskJudged) -> None:
        if event.verdict == "stale" and event.task not in self.running:
            self._drop(event.task)
            self._put_ahead(event.task, self._estimate(event.task, event.estimate))

    def _finished(self, event: TaskFinished) -> None:
        self._drop(event.task)
        self.running.pop(event.task, None)
        self.queued.discard(event.task)
        self.done += 1
        self.total = max(self.total, self.done)
        if event.status in RAN:
            self._ran += 1
            self._seconds += event.seconds
        if event.status in ("failed", "timed_out") and not event.allowed:
            self.failed += 1

    def _estimate(self, task: str, given: float | None) -> float | None:
        return self._recorded.get(task) if given is None else given

    def _put_ahead(self, task: str, estimate: float | None) -> None:
        self._ahead[task] = estimate
        self._ahead_sum += estimate or 0.0
        self._ahead_unknown += estimate is None

    def _drop(self, task: str) -> None:
        if task in self._ahead:
            estimate = self._ahead.pop(task)
            self._ahead_sum -= estimate or 0.0
            self._ahead_unknown -= estimate is None
