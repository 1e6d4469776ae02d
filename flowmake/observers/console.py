"""Progress on a terminal: what runs, a bar, an estimate; failures at once above. Unaware of how tasks are run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import IO

from flowmake.core.events import (
    Event,
    Notice,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskJudged,
    TaskRetrying,
    TaskStarted,
)
from flowmake.core.text import duration, safe_line, safe_text, to_ascii
from flowmake.core.wording import reason_sentence
from flowmake.observers.frame import Frame
from flowmake.observers.output import Tolerant, styled
from flowmake.observers.progress import Progress, Running
from flowmake.observers.wording import details, how_it_ended, outcome
from flowmake.world import cells
from flowmake.world.terminal import has_color, has_unicode, window_size

REDRAW = 0.1
"""Seconds between two redraws, at least."""

_ROWS = 8
_TAIL = 10
_BAR = 24
_NAME, _BESIDE = 16, 5
"""Cells of a name that come before anything but its time; cells of a line that are neither name nor times."""
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

Piece = tuple[str, str]
"""Text, and its styles by name with spaces between."""


class Console:
    """A live display on a terminal. Events only count; drawing happens at most ten times in a second.

    `durations` are recorded durations by task, for the estimate. While a task has the terminal to itself, nothing is
    drawn. In `undisturbed`, nobody may call `pause`.
    """

    def __init__(
        self,
        stream: IO[str] | None = None,
        *,
        verbose: bool = False,
        durations: Mapping[str, float] | None = None,
        clock: Callable[[], float] = monotonic,
        undisturbed: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        stream = sys.stderr if stream is None else stream
        self._terminal = stream
        self._unicode = has_unicode(stream)
        self._color = has_color(stream)
        self._frame = Frame(Tolerant(stream))
        self._progress = Progress(durations, clock)
        self._clock = clock
        self._verbose = verbose
        self._owner = ""
        self._drawn = float("-inf")
        self._turn = 0
        self._size = (0, 0)
        self._was_open = False
        self._undisturbed = undisturbed

    def on_event(self, event: Event) -> None:
        """Count it, and print at once what must not be missed."""
        with self._undisturbed():
            self._take_in(event)

    def on_tick(self, now: float) -> None:
        """Move the clock and the bar on."""
        with self._undisturbed():
            self._redraw(now)

    def close(self) -> None:
        """Leave the terminal as it was."""
        with self._undisturbed():
            self._frame.close()

    def pause(self) -> None:
        """The terminal is somebody else's until `resume`."""
        self._was_open = self._frame.is_open
        self._frame.close()

    def resume(self) -> None:
        """Go on where `pause` found it."""
        if self._was_open:
            self._frame.open()

    def _take_in(self, event: Event) -> None:
        if isinstance(event, TaskStarted) and event.console:
            self._owner = event.task
            self._frame.close()
        self._progress.on_event(event)
        match event:
            case RunStarted():
                self._frame.open()
            case RunFinished():
                self._frame.close()
            case TaskFinished():
                self._finished(event)
            case TaskRetrying() | Notice() | TaskJudged() | TaskStarted():
                self._mention(event)
        if not isinstance(event, RunStarted):
            self._redraw(self._clock())

    def _redraw(self, now: float) -> None:
        if self._frame.is_open and now - self._drawn >= REDRAW:
            self._drawn = now
            self._turn += 1
            size = window_size(self._terminal)
            self._frame.draw(self._picture(now, *size), resized=size != self._size)
            self._size = size

    # -- lines above -------------------------------------------------------------------------------------------

    def _print(self, *lines: Sequence[Piece]) -> None:
        self._frame.above("".join(self._rendered(line) + "\n" for line in lines))

    def _rendered(self, line: Sequence[Piece]) -> str:
        """With its styles, in ASCII where the stream can carry no more."""
        shown = [(text if self._unicode else to_ascii(text), style) for text, style in line]
        return "".join(styled(text, *style.split()) if self._color else text for text, style in shown)

    def _finished(self, event: TaskFinished) -> None:
        if event.task == self._owner:
            self._owner = ""
            self._frame.open()
        name = safe_line(event.task)
        if event.status in ("failed", "timed_out", "interrupted"):
            style = "yellow" if event.allowed else "bold red"
            allowed = " (allowed)" if event.allowed else ""
            tail = details(event, _TAIL) if event.status != "interrupted" else ()
            first = [("✗ ", style), (name, "bold"), (f" {outcome(event)}{allowed}", "")]
            self._print(first, *([(f"    {line}", "")] for line in tail))
        elif self._verbose and event.status != "skipped":
            took = duration(event.seconds) if event.status == "succeeded" else event.status
            same = ", outputs unchanged" if event.cut_off else ""
            self._print([("✓ ", "green"), (f"{name} {took}{same}", "")])

    def _mention(self, event: TaskRetrying | Notice | TaskJudged | TaskStarted) -> None:
        match event:
            case TaskRetrying():
                again = f"attempt {event.attempt} {how_it_ended(event)}, again in {duration(event.delay)}"
                self._print([("↻ ", "yellow"), (f"{safe_line(event.task)} {again}", "")])
            case Notice():
                label = "" if event.level == "info" else f"{event.level}: "
                style = "bold red" if event.level == "error" else "yellow"
                self._print([(label, style), (safe_text(event.text), "")])
            case TaskJudged() if self._verbose and event.verdict == "stale":
                name = safe_line(event.task)
                self._print(*([(f"{name}: stale: {reason_sentence(reason)}", "")] for reason in event.reasons))
            case TaskStarted() if self._verbose:
                self._print(*([(f"    $ {line}", "")] for line in safe_text(event.command).strip().split("\n")))

    # -- the live part -----------------------------------------------------------------------------------------

    def _picture(self, now: float, width: int, height: int) -> list[str]:
        running = sorted(self._progress.running.values(), key=lambda task: task.started)
        rows = max(min(_ROWS, height - 3), 0)
        shown = running if len(running) <= rows else running[: max(rows - 1, 0)]
        lines = [self._task_line(task, now, width) for task in shown]
        if rows and len(running) > len(shown):
            lines.append([(f"  … and {len(running) - len(shown)} more", "dim")])
        lines.append(self._bar_line(now, width))
        return [self._rendered(self._fitted(line, max(width - 1, 1))) for line in lines]

    def _task_line(self, task: Running, now: float, width: int) -> list[Piece]:
        spinner = _SPINNER[self._turn % len(_SPINNER)] if self._unicode else "|/-\\"[self._turn % 4]
        name, sign = safe_line(task.task), "…"
        if not self._unicode:
            name, sign = to_ascii(name), ".."
        times = elapsed = duration(now - task.started)
        if task.estimate:
            times += f" of about {duration(task.estimate)}"
        if task.attempt > 1:
            times += f", attempt {task.attempt}"
        if width - len(times) < min(cells.width(name), _NAME) + _BESIDE:
            times = elapsed
        name = cells.cut(name, max(width - len(times) - _BESIDE, 1), sign, middle=True)
        return [(f"{spinner} ", "blue"), (name, ""), (f"  {times}", "dim")]

    def _bar_line(self, now: float, width: int) -> list[Piece]:
        progress = self._progress
        share = progress.done / progress.total if progress.total else 0.0
        full = round(share * _BAR)
        left = progress.remaining(now)
        parts = [
            ("━" * full, "red" if progress.failed else "green"),
            (("─" if self._unicode else ".") * (_BAR - full) + "  ", "dim"),
            (f"{progress.done}/{progress.total}", ""),
            (f"  {len(progress.queued)} queued" if progress.queued else "", "dim"),
            (f"  {progress.failed} failed" if progress.failed else "", "bold red"),
            (f"  {duration(progress.elapsed(now))}", ""),
            (f", about {duration(left)} left" if left else "", "dim"),
        ]
        return _first_that_fit(parts if width >= _BAR + 30 else parts[2:], width - 1)

    def _fitted(self, line: Sequence[Piece], room: int) -> list[Piece]:
        """The line in at most so many cells, as the stream will show it."""
        found: list[Piece] = []
        for text, style in line:
            shown = cells.cut(text if self._unicode else to_ascii(text), room, "")
            found.append((shown, style))
            room -= cells.width(shown)
        return found


def _first_that_fit(parts: Sequence[Piece], width: int) -> list[Piece]:
    """The parts up to the first that goes past the width, at least one."""
    found: list[Piece] = []
    for text, style in parts:
        if found and len(text) > width:
            break
        found.append((text, style))
        width -= len(text)
    return found
