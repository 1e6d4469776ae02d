"""Writing for people: notes to stderr, states and changes in colour where it is wanted. Unaware of what is said."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from flowmake.world.terminal import has_color, has_unicode

if TYPE_CHECKING:
    from flowmake.views.reasons import Line

_STATES = {"fresh": "green", "stale": "yellow", "failed": "red", "running": "blue"}


def note(text: str) -> None:
    """A line for people, beside what was asked for and after it."""
    sys.stdout.flush()
    sys.stderr.write((text if has_unicode(sys.stderr) else _ascii(text)) + "\n")


def say(text: str) -> None:
    """A line of what was asked for."""
    sys.stdout.write((text if has_unicode(sys.stdout) else _ascii(text)) + "\n")


def _ascii(text: str) -> str:
    from flowmake.core.text import to_ascii

    return to_ascii(text)


def painted(text: str, **style: Any) -> str:
    """In a style of click's, where stdout has colours."""
    return click.style(text, **style) if text and has_color(sys.stdout) else text


def painted_state(state: str) -> str:
    """A state, in its colour where stdout has colours."""
    return painted(state, fg=_STATES[state], bold=True) if state in _STATES else state


def say_lines(lines: Iterable[Line], indent: str) -> None:
    """Lines of an explanation: the changes in colour, or in `[-…-]` and `{+…+}` without."""
    from flowmake.views.reasons import plain

    colour = has_color(sys.stdout)
    for line in lines:
        say(indent + ("".join(_painted(style, text) for style, text in line) if colour else plain(line)))


def _painted(style: str, text: str) -> str:
    match style:
        case "old":
            return click.style(text, fg="red", strikethrough=True)
        case "new":
            return click.style(text, fg="green")
        case _:
            return text
