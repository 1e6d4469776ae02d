"""How much room text takes on a terminal, where some characters take two cells and some none. Unaware of streams."""

from __future__ import annotations


def width(text: str) -> int:
    """How many cells a line takes."""
    if text.isascii():
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
    if text.isascii():
        return text[:room]
    from rich.cells import set_cell_size

    return set_cell_size(text, room).rstrip() if room else ""
