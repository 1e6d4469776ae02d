"""Progress as one line for each thing that happens, for logs, pipes and cron. Unaware of terminals that redraw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import IO, Any

from flowmake.core.events import (
    Event,
    Notice,
    RunStarted,
    TaskFinished,
    TaskJudged,
    TaskQueued,
    TaskRetrying,
    TasksFound,
    TaskStarted,
)
from flowmake.core.text import counted, duration, first_few, safe_line, safe_text
from flowmake.core.wording import reason_sentence
from flowmake.observers.output import Lines
from flowmake.observers.wording import details, how_it_ended, outcome

HEARTBEAT = 60.0
"""Seconds of monotonic time without a line before one says that the run is alive."""

_TAIL = 10
_NAMED = 3


_SAID_IN_CHAT = frozenset({"succeeded", "restored", "fresh", "skipped"})


class Plain:
    """One line for each start, success and failure, and a heartbeat.

    `quiet`: only failures. `verbose`: reasons, commands and the last lines of logs, too.
    """

    def __init__(
        self,
        stream: IO[str],
        *,
        quiet: bool = False,
        verbose: bool = False,
        color: bool | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._lines = Lines(stream, color)
        self._quiet = quiet
        self._verbose = verbose
        self._total = 0
        self._done = 0
        self._has_begun = False
        self._running: dict[str, float] = {}
        self._delayed: dict[str, None] = {}
        self._queued: dict[str, None] = {}
        self._clock = clock
        self._last_line = clock()
        self._heeded = self._heeding()

    def _heeding(self) -> Mapping[type[Event], Callable[[Any], None]]:
        """What to do about each kind of event; the others say nothing to whoever wants it so quiet, or so brief."""
        heeded: dict[type[Event], Callable[[Any], None]] = {
            RunStarted: self._run_started,
            TasksFound: self._found,
            TaskRetrying: self._retrying,
            TaskFinished: self._finished,
            Notice: self._notice,
        }
        if not self._quiet:
            heeded |= {TaskQueued: self._was_queued, TaskStarted: self._started}
        if self._verbose:
            heeded[TaskJudged] = self._judged
        return heeded

    def on_event(self, event: Event) -> None:
        """Write what there is to say about it."""
        heed = self._heeded.get(type(event))
        if heed is not None:
            heed(event)

    def on_tick(self, now: float) -> None:
        """Say that the run is alive when nothing was said for a minute."""
        if now - self._last_line >= HEARTBEAT and (self._running or self._queued or self._delayed):
            self._chat(self._heartbeat(now))
            self._last_line = now

    def close(self) -> None:
        """Nothing to release: every line was flushed."""

    def _chat(self, *lines: str) -> None:
        if not self._quiet:
            self._say(*lines)

    def _say(self, *lines: str) -> None:
        self._lines.write(*lines)
        self._last_line = self._clock()

    def _counter(self) -> str:
        total = max(self._total, self._done)
        return f"[{self._done:>{len(str(total))}}/{total}] "

    def _run_started(self, event: RunStarted) -> None:
        self._total, self._done = event.expected, len(event.fresh)

    def _found(self, event: TasksFound) -> None:
        self._total += event.count
        if self._has_begun or self._verbose:  # a run that finds nothing to do has nothing to tell
            self._chat(self._counter() + f"{safe_line(event.by)} brought {counted(event.count, 'more task')}")

    def _judged(self, event: TaskJudged) -> None:
        if event.verdict == "stale":
            name = safe_line(event.task)
            self._chat(*(f"{name}: stale: {reason_sentence(reason)}" for reason in event.reasons))

    def _was_queued(self, event: TaskQueued) -> None:
        self._has_begun = True
        self._queued[event.task] = None
        self._delayed.pop(event.task, None)
        again = f", attempt {event.attempt}" if event.attempt > 1 else ""
        self._chat(f"{self._counter()}{safe_line(event.task)} queued on {safe_line(event.executor)}{again}")

    def _started(self, event: TaskStarted) -> None:
        self._has_begun = True
        self._running[event.task] = self._clock()
        self._delayed.pop(event.task, None)
        self._queued.pop(event.task, None)
        again = f", attempt {event.attempt}" if event.attempt > 1 else ""
        what = f": {safe_line(event.description)}" if event.description else ""
        lines = [f"{self._counter()}{safe_line(event.task)} started{again}{what}"]
        if self._verbose:
            lines += [f"    $ {line}" for line in safe_text(event.command).strip().split("\n")]
        self._chat(*lines)

    def _retrying(self, event: TaskRetrying) -> None:
        self._running.pop(event.task, None)
        self._queued.pop(event.task, None)
        self._delayed[event.task] = None
        again = f"attempt {event.attempt} {how_it_ended(event)}, again in {duration(event.delay)}"
        self._chat(f"{self._counter()}{safe_line(event.task)} ↻ {again}")

    def _finished(self, event: TaskFinished) -> None:
        self._running.pop(event.task, None)
        self._delayed.pop(event.task, None)
        self._queued.pop(event.task, None)
        self._done += 1
        if self._quiet and event.status in _SAID_IN_CHAT:
            return
        name = self._counter() + safe_line(event.task)
        match event.status:
            case "succeeded":
                same = ", outputs unchanged" if event.cut_off else ""
                self._chat(f"{name} {self._lines.style('✓', 'green')} {duration(event.seconds)}{same}")
            case "restored":
                self._chat(f"{name} {self._lines.style('✓', 'green')} restored")
            case "fresh" | "skipped":
                if self._verbose:
                    self._chat(f"{name} {event.status}")
            case _ if event.allowed:
                self._chat(f"{name} {self._lines.style('✗', 'yellow')} {outcome(event)} (allowed)")
            case _:
                self._failed(event, name)

    def _failed(self, event: TaskFinished, name: str) -> None:
        lines = [f"{name} {self._lines.style('✗', 'red')} {outcome(event)}"]
        if self._verbose:
            lines += [f"    {line}" for line in details(event, _TAIL)]
        self._say(*lines)

    def _notice(self, event: Notice) -> None:
        text = safe_text(event.text)
        if event.level == "error":
            self._say(f"error: {text}")
        elif event.level == "warning":
            self._chat(f"warning: {text}")
        else:
            self._chat(text)

    def _heartbeat(self, now: float) -> str:
        longest = sorted(self._running.items(), key=lambda item: item[1])
        running = [f"{safe_line(name)} {duration(now - start)}" for name, start in longest]
        queued = [safe_line(name) for name in self._queued]
        parts = [
            _few("running", running),
            _few("queued", queued),
            _few("to be repeated", [safe_line(name) for name in self._delayed]),
        ]
        return self._counter() + "; ".join(part for part in parts if part)


def _few(what: str, names: list[str]) -> str:
    """`running: a, b, c and 2 more`; empty for none."""
    return f"{what}: {first_few(names, _NAMED)}" if names else ""
