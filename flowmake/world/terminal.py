"""What a stream can show: is it a terminal, may it have colours, can it carry Unicode. Writes nothing."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as from `typing`, whose import alone takes longer than that of all this needs
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO


def has_color(stream: IO[str], environ: Mapping[str, str] | None = None) -> bool:
    """NO_COLOR (not empty) forbids, FORCE_COLOR (not empty) demands, else a terminal that is not `dumb` decides."""
    environ = os.environ if environ is None else environ
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return is_interactive(stream, environ)


def is_interactive(stream: IO[str], environ: Mapping[str, str] | None = None) -> bool:
    """A terminal that can move its cursor."""
    environ = os.environ if environ is None else environ
    return stream.isatty() and environ.get("TERM", "") not in ("dumb", "unknown")


def window_size(stream: IO[str]) -> tuple[int, int]:
    """Columns and lines of the terminal behind a stream at this moment; without one, what COLUMNS and LINES say."""
    import shutil

    try:
        found = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        found = os.terminal_size((0, 0))
    given = shutil.get_terminal_size()
    return found.columns or given.columns, found.lines or given.lines


def has_unicode(stream: IO[str]) -> bool:
    """Can the stream's encoding carry our signs?"""
    try:
        "✓…→─".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
