"""How much room text takes on a terminal, where some characters take two cells and some none. Unaware of streams."""

from __future__ import annotations

_SINGLE = frozenset("✓✗…→↻─━│⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
"""Our own signs. The tables that know all others take longer to load than many a run takes."""
_LATIN = "\u0300"
"""Below this, no character takes more or less than one cell."""


def width(text: str) -> int:
    """How many cells a line takes."""
    if _is_single(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, room: int, sign: str = "…", *, middle: bool = False) -> str:
    """The text in at most `room` cells, with `sign` for what is left out: at the end, or in the middle."""
    if width(text) <= room:
        return text
    kept = room - len(sign)
    if kept <= 0:
        return _first(text, max(room, 0))
    tail = kept // 2 if middle else 0
    return _first(text, kept - tail) + sign + _first(text[::-1], tail)[::-1]


def _first(text: str, room: int) -> str:
    """As many characters as fit; one that takes two cells may leave the last one empty."""
    if _is_single(text):
        return text[:room]
    from rich.cells import set_cell_size

    return set_cell_size(text, room).rstrip() if room else ""


def _is_single(text: str) -> bool:
    return text.isascii() or all(sign < _LATIN or sign in _SINGLE for sign in text)
