"""How the end of a task is put into words, the same for every observer. Unaware of streams and colours."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

from flowmake.core.events import TaskFinished, TaskRetrying
from flowmake.core.text import duration, safe_line, safe_text

RAN = ("succeeded", "failed", "timed_out", "interrupted", "restored")
"""Statuses of tasks that something was done for."""
BAD = ("failed", "timed_out", "interrupted")
ORDER = ("succeeded", "restored", "failed", "timed_out", "interrupted", "skipped", "fresh")
"""In which order counts are told."""


def signal_name(number: int) -> str:
    """`SIGKILL` for 9; the number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def how_it_ended(event: TaskFinished | TaskRetrying) -> str:
    """`exit code 2`, `killed by SIGKILL`, `timed out`; a message of its own where it says more than the code."""
    if isinstance(event, TaskFinished) and event.status == "interrupted":
        return "interrupted"
    if event.timed_out if isinstance(event, TaskRetrying) else event.status == "timed_out":
        return "timed out"
    if event.signal is not None:
        return f"killed by {signal_name(event.signal)}"
    if event.exit_code:
        return f"exit code {event.exit_code}"
    return (safe_line(event.message) if isinstance(event, TaskFinished) else "") or "failed"


def outcome(event: TaskFinished) -> str:
    """How a task ended and how long it took: `exit code 2 after 1.2s`."""
    ended = how_it_ended(event)
    return f"{ended} after {duration(event.seconds)}" if event.seconds else ended


def message_beside(event: TaskFinished) -> str:
    """The message, where `how_it_ended` does not say it already."""
    message = safe_line(event.message)
    return "" if event.status == "timed_out" or message == how_it_ended(event) else message


def details(event: TaskFinished, lines: int) -> Iterator[str]:
    """What a person needs to see of a failure: its message, the last lines of its log, where the log is."""
    if message := message_beside(event):
        yield message
    shown = [line for text in event.tail for line in safe_text(text).rstrip("\n").split("\n")]
    yield from shown[len(shown) - lines :] if len(shown) > lines else shown
    if event.log:
        yield f"log: {safe_line(_from_here(event.log))}"


def _from_here(path: str) -> str:
    """A path as short as it can be typed from the current folder."""
    here = os.getcwd().rstrip("/") + "/"
    return path.removeprefix(here)
