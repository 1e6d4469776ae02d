"""The closing lines on stderr: every failure by name, what was done, how long it took. Unaware of progress."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from flowmake.core.events import Event, RunFinished, TaskFinished
from flowmake.core.text import counted, duration, first_few, safe_line
from flowmake.observers.output import Lines
from flowmake.observers.wording import BAD, ORDER, details, outcome, signal_name

_TAIL = 10
_TOLD_IN_FULL = 10
_NAMED = 5


class Summary:
    """Writes when the run is over. `quiet`: only if something failed."""

    def __init__(self, stream: IO[str], *, quiet: bool = False, color: bool | None = None) -> None:
        self._lines = Lines(stream, color)
        self._quiet = quiet
        self._failures: list[TaskFinished] = []
        self._allowed = 0
        self._end: RunFinished | None = None

    def on_event(self, event: Event) -> None:
        """Keep failures and the end of the run."""
        if isinstance(event, RunFinished):
            self._end = event
        elif isinstance(event, TaskFinished) and event.status in BAD:
            if event.allowed:
                self._allowed += 1
            else:
                self._failures.append(event)

    def on_tick(self, now: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Write, once; after all other observers, so that these lines are the last."""
        end, self._end = self._end, None
        if end is None or (self._quiet and end.status in ("succeeded", "nothing_to_do")):
            return
        self._lines.write(*self._told(end))

    def _told(self, end: RunFinished) -> Iterator[str]:
        failures = [event for event in self._failures if event.status != "interrupted"]
        for index, event in enumerate(failures):
            yield f"{self._lines.style('failed', 'bold', 'red')}: `{safe_line(event.task)}`: {outcome(event)}"
            tail = _TAIL if index < _TOLD_IN_FULL else 0
            yield from (f"    {line}" for line in details(event, tail))
        stopped = [event.task for event in self._failures if event.status == "interrupted"]
        if stopped:
            yield f"interrupted: {_names(stopped)}"
        if end.orphans and not self._quiet:
            verb = "are files" if len(end.orphans) > 1 else "is a file"
            yield f"orphans: {_names(end.orphans)} {verb} that no task makes any more"
            yield "hint: `flowmake clean --orphans` removes them"
        yield self._closing(end)

    def _closing(self, end: RunFinished) -> str:
        if end.status == "nothing_to_do":
            return nothing_to_do(end.total)
        counts = ", ".join(self._counts(end)) or "nothing was run"
        word, color = _WORDS[end.status]
        by = _stopped_by(end.exit_code) if end.status == "interrupted" else ""
        return f"{self._lines.style(word, 'bold', color)}{by} in {duration(end.seconds)}: {counts}"

    def _counts(self, end: RunFinished) -> Iterator[str]:
        for status in ORDER:
            if count := end.counts.get(status, 0):
                allowed = f" ({self._allowed} allowed)" if status == "failed" and self._allowed else ""
                yield f"{count} {status.replace('_', ' ')}{allowed}"


_WORDS = {"succeeded": ("done", "green"), "failed": ("failed", "red"), "interrupted": ("interrupted", "yellow")}


def _stopped_by(exit_code: int) -> str:
    """What stopped a run, as its exit code tells."""
    return f" by {signal_name(exit_code - 128)}" if exit_code > 128 else " by the deadline"


def nothing_to_do(total: int) -> str:
    """The closing line of a run that found all its tasks fresh."""
    return f"nothing to do: {_all_fresh(total)}"


def _all_fresh(total: int) -> str:
    if not total:
        return "there are no tasks"
    return "the task is fresh" if total == 1 else f"all {counted(total, 'task')} are fresh"


def _names(names: tuple[str, ...] | list[str]) -> str:
    return first_few([f"`{safe_line(name)}`" for name in names], _NAMED)
