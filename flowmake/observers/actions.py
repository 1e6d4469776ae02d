"""What GitHub Actions makes of a run: logs of failures as groups, annotations where tasks are declared.

Lines that begin with `::` are commands to it, whoever printed them. So it is told to heed none, under a token that
nobody can guess, before anything else is printed; only for commands of our own that is lifted. The commands are those
of https://docs.github.com/actions/reference/workflow-commands-for-github-actions. Unaware of how progress is worded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import IO, Literal

from flowmake.core.events import Event, Notice, TaskFinished
from flowmake.core.ports import Observer
from flowmake.core.text import safe_line, safe_text, size
from flowmake.observers.output import Lines
from flowmake.observers.wording import BAD, details, message_beside, outcome

LONGEST = 1 << 20
"""Bytes of a log that are shown, from its end."""

Place = tuple[str, int]
"""A file, relative to the checkout, and a line in it, from 1."""
Level = Literal["error", "warning"]


class Actions:
    """Wraps the listeners that print to the same stream. `locate` tells where a task is declared, None if nowhere.

    `token` must not be known to any task.
    """

    def __init__(
        self, stream: IO[str], inner: Sequence[Observer], locate: Callable[[str], Place | None], token: str
    ) -> None:
        self._lines = Lines(stream, color=False)
        self._inner = inner
        self._locate = locate
        self._token = token
        self._is_paused = False

    def on_event(self, event: Event) -> None:
        self._pause()
        for observer in self._inner:
            observer.on_event(event)
        if isinstance(event, TaskFinished) and event.status in BAD and event.status != "interrupted":
            self._failed(event)
        elif isinstance(event, Notice) and event.level != "info":
            self._command(annotation(event.level, safe_text(event.text)))

    def on_tick(self, now: float) -> None:
        for observer in self._inner:
            observer.on_tick(now)

    def close(self) -> None:
        for observer in self._inner:
            observer.close()
        self._resume()

    def _failed(self, event: TaskFinished) -> None:
        told = ": ".join(part for part in (outcome(event), message_beside(event)) if part)
        level: Level = "warning" if event.allowed else "error"
        said = annotation(level, told, safe_line(event.task), self._locate(event.task))
        if log := _log(event):
            self._command(f"::group::{_data(f'log of {safe_line(event.task)}')}")
            self._lines.write(*log)
            self._command("::endgroup::", said)
        else:
            self._command(said)

    def _command(self, *commands: str) -> None:
        self._resume()
        self._lines.write(*commands)
        self._pause()

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._lines.write(f"::stop-commands::{self._token}")

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._lines.write(f"::{self._token}::")


def _log(event: TaskFinished) -> list[str]:
    """The lines of its log, the end of a long one; where it cannot be read, what the event holds of it."""
    try:
        with open(event.log, "rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(length - LONGEST, 0))
            lines = safe_text(file.read()).splitlines()
    except OSError:  # there may be none: of a task that did not get as far
        return list(details(event, len(event.tail))) if event.tail else []
    return [f"({size(length - LONGEST)} left out here)", *lines] if length > LONGEST else lines


def annotation(level: Level, text: str, title: str = "", place: Place | None = None) -> str:
    """The command that shows a text at a place of the checkout."""
    known = {"file": place[0], "line": str(place[1])} if place is not None else {}
    properties = ",".join(f"{name}={_property(value)}" for name, value in (known | {"title": title}).items() if value)
    return f"::{level}{' ' if properties else ''}{properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
