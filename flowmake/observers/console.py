"""Progress on a terminal: what runs, a bar, an estimate; failures at once above. Unaware of how tasks are run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import IO, cast

from rich.cells import cell_len, set_cell_size
from rich.console import Console as Terminal
from rich.console import Group
from rich.live import Live
from rich.text import Text

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
from flowmake.core.text import cut_middle, duration, safe_line, safe_text, to_ascii
from flowmake.core.wording import reason_sentence
from flowmake.observers.output import Tolerant
from flowmake.observers.progress import Progress, Running
from flowmake.observers.wording import details, how_it_ended, outcome
from flowmake.world.terminal import has_color, has_unicode

REDRAW = 0.1
"""Seconds between two redraws, at least."""

_ROWS = 8
_TAIL = 10
_BAR = 24
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Console:
    """A live display on a terminal. Events only count; drawing happens at most ten times in a second.

    `durations` are recorded durations by task, for the estimate. While a task has the terminal to itself, nothing is
    drawn.
    """

    def __init__(
        self,
        stream: IO[str] | None = None,
        *,
        verbose: bool = False,
        durations: Mapping[str, float] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        stream = sys.stderr if stream is None else stream
        self._unicode = has_unicode(stream)
        self._terminal = Terminal(
            file=cast("IO[str]", Tolerant(stream)),
            force_terminal=True,
            color_system="standard" if has_color(stream) else None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live: Live | None = None
        self._progress = Progress(durations, clock)
        self._clock = clock
        self._verbose = verbose
        self._owner = ""
        self._drawn = float("-inf")
        self._frame = 0

    def on_event(self, event: Event) -> None:
        """Count it, and print at once what must not be missed."""
        if isinstance(event, TaskStarted) and event.console:
            self._owner = event.task
            self._hide()
        self._progress.on_event(event)
        match event:
            case RunStarted():
                self._show()
            case RunFinished():
                self._hide()
            case TaskFinished():
                self._finished(event)
            case TaskRetrying() | Notice() | TaskJudged() | TaskStarted():
                self._mention(event)
        if not isinstance(event, RunStarted):
            self._redraw(self._clock())

    def on_tick(self, now: float) -> None:
        """Move the clock and the bar on."""
        self._redraw(now)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._hide()

    def _show(self) -> None:
        """A new display each time: one that was stopped would still move up over its old lines."""
        if self._live is None:
            self._live = Live(
                console=self._terminal,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._live.start()

    def _hide(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _redraw(self, now: float) -> None:
        if self._live is not None and now - self._drawn >= REDRAW:
            self._drawn = now
            self._frame += 1
            self._live.update(self._picture(now), refresh=True)

    # -- lines above -------------------------------------------------------------------------------------------

    def _print(self, *lines: Text | str) -> None:
        for line in lines:
            text = line if isinstance(line, Text) else Text(line)
            self._terminal.print(text if self._unicode else _ascii(text), soft_wrap=True)

    def _finished(self, event: TaskFinished) -> None:
        if event.task == self._owner:
            self._owner = ""
            self._show()
        name = safe_line(event.task)
        if event.status in ("failed", "timed_out", "interrupted"):
            style = "yellow" if event.allowed else "bold red"
            allowed = " (allowed)" if event.allowed else ""
            self._print(Text.assemble(("✗ ", style), (name, "bold"), f" {outcome(event)}{allowed}"))
            if event.status != "interrupted":
                self._print(*(f"    {line}" for line in details(event, _TAIL)))
        elif self._verbose and event.status != "skipped":
            took = duration(event.seconds) if event.status == "succeeded" else event.status
            same = ", outputs unchanged" if event.cut_off else ""
            self._print(Text.assemble(("✓ ", "green"), f"{name} {took}{same}"))

    def _mention(self, event: TaskRetrying | Notice | TaskJudged | TaskStarted) -> None:
        match event:
            case TaskRetrying():
                again = f"attempt {event.attempt} {how_it_ended(event)}, again in {duration(event.delay)}"
                self._print(Text.assemble(("↻ ", "yellow"), f"{safe_line(event.task)} {again}"))
            case Notice():
                label = "" if event.level == "info" else f"{event.level}: "
                style = "bold red" if event.level == "error" else "yellow"
                self._print(Text.assemble((label, style), safe_text(event.text)))
            case TaskJudged() if self._verbose and event.verdict == "stale":
                name = safe_line(event.task)
                self._print(*(f"{name}: stale: {reason_sentence(reason)}" for reason in event.reasons))
            case TaskStarted() if self._verbose:
                self._print(*(f"    $ {line}" for line in safe_text(event.command).strip().split("\n")))

    # -- the live part -----------------------------------------------------------------------------------------

    def _picture(self, now: float) -> Group:
        size = self._terminal.size
        running = sorted(self._progress.running.values(), key=lambda task: task.started)
        rows = max(min(_ROWS, size.height - 3), 0)
        shown = running if len(running) <= rows else running[: max(rows - 1, 0)]
        lines = [self._task_line(task, now, size.width) for task in shown]
        if rows and len(running) > len(shown):
            lines.append(Text(f"  … and {len(running) - len(shown)} more", "dim"))
        lines.append(self._bar_line(now, size.width))
        return Group(*(line if self._unicode else _ascii(line) for line in lines))

    def _task_line(self, task: Running, now: float, width: int) -> Text:
        spinner = _SPINNER[self._frame % len(_SPINNER)] if self._unicode else "|/-\\"[self._frame % 4]
        times = duration(now - task.started)
        if task.estimate:
            times += f" of about {duration(task.estimate)}"
        if task.attempt > 1:
            times += f", attempt {task.attempt}"
        room = max(width - len(times) - 5, 1)
        name = safe_line(task.task)
        name = _fitted(name, room, "…") if self._unicode else _fitted(to_ascii(name), room, "..")
        line = Text.assemble((f"{spinner} ", "blue"), name, (f"  {times}", "dim"), no_wrap=True)
        line.truncate(max(width - 1, 1))
        return line

    def _bar_line(self, now: float, width: int) -> Text:
        progress = self._progress
        share = progress.done / progress.total if progress.total else 0.0
        full = round(share * _BAR)
        left = progress.remaining(now)
        parts = [
            ("━" * full, "red" if progress.failed else "green"),
            (("─" if self._unicode else ".") * (_BAR - full) + "  ", "dim"),
            (f"{progress.done}/{progress.total}", ""),
            (f"  {progress.failed} failed" if progress.failed else "", "bold red"),
            (f"  {duration(progress.elapsed(now))}", ""),
            (f", about {duration(left)} left" if left else "", "dim"),
        ]
        return _first_that_fit(parts if width >= _BAR + 30 else parts[2:], width - 1)


def _first_that_fit(parts: Sequence[tuple[str, str]], width: int) -> Text:
    """The parts up to the first that goes past the width, at least the beginning of one."""
    line = Text(no_wrap=True)
    for text, style in parts:
        if line and len(line) + len(text) > width:
            break
        line.append(text, style)
    line.truncate(max(width, 1))
    return line


def _fitted(name: str, room: int, sign: str) -> str:
    """The name in at most `room` cells, cut in the middle (at the end, where characters take two)."""
    if cell_len(name) <= room:
        return name
    return cut_middle(name, room, sign) if cell_len(name) == len(name) else set_cell_size(name, room)


def _ascii(text: Text) -> Text:
    """For streams that cannot carry more; styles go, what is said stays."""
    return Text(to_ascii(text.plain), no_wrap=text.no_wrap)
