"""What `flowmake` without a command says: its help page and its version. Needs no click, which takes longer than both.

The layout is that of click's pages, so that all pages of help look alike.
"""

from __future__ import annotations

import os

from flowmake import __version__
from flowmake.cli.table import COMMANDS

TYPE_CHECKING = False  # as from `typing`, whose import alone takes as long as half of the answer
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HELP = ("-h", "--help")
VERSION = ("-V", "--version")

ABOUT = "Runs only what is stale, judged by content and never by the age of files; tells you why; draws the graph."
USAGE = "Usage: flowmake [OPTIONS] [COMMAND] [ARGS]..."
EPILOG = "`flowmake COMMAND --help` tells more about each."
OPTIONS = {
    "-V, --version": "Show the version and exit.",
    "-C DIR": "Change to DIR before doing anything.",
    "-f, --file FILE": "The Flowfile; otherwise searched from here upwards.",
    "-h, --help": "Show this message and exit.",
}

WIDEST = 120
"""Columns that a page takes at most, on however wide a terminal."""

_USUAL = 80
_NARROWEST = 50


def answer(argv: Sequence[str]) -> str | None:
    """The help page or the version, if that is all that was asked for."""
    if not argv or (len(argv) == 1 and argv[0] in HELP):
        return help_page(_columns())
    if len(argv) == 1 and argv[0] in VERSION:
        return version_line()
    return None


def version_line() -> str:
    return f"flowmake {__version__}\n"


def help_page(columns: int) -> str:
    """The page for a terminal of so many columns."""
    width = max(min(columns, WIDEST) - 2, _NARROWEST)
    lines = [USAGE, "", *_wrapped(ABOUT, width, "  "), "", *_section("Options", OPTIONS, width)]
    across = max(map(len, COMMANDS))
    for heading in dict.fromkeys(entry.heading for entry in COMMANDS.values()):
        rows = {name.ljust(across): entry.help for name, entry in COMMANDS.items() if entry.heading == heading}
        lines += ["", *_section(heading, rows, width)]
    return "\n".join([*lines, "", *_wrapped(EPILOG, width, "  ")]) + "\n"


def _section(heading: str, rows: dict[str, str], width: int) -> Iterator[str]:
    yield f"{heading}:"
    across = max(map(len, rows)) + 2
    for term, text in rows.items():
        first, *more = _wrapped(text, width, " " * (across + 2))
        yield f"  {term.ljust(across)}{first.lstrip()}"
        yield from more


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    lines, line = [], indent
    for word in text.split(" "):
        if len(line) + len(word) > width and line != indent:
            lines.append(line.rstrip())
            line = indent
        line += f"{word} "
    return [*lines, line.rstrip()]


def _columns() -> int:
    """As `shutil.get_terminal_size` finds it, which takes longer to import than all the rest here."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(1).columns or _USUAL
    except OSError:
        return _USUAL
