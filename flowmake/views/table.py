"""Tables: whole columns two spaces apart, cut on a terminal to what fits its width. Unaware of what the cells mean."""

from __future__ import annotations

from flowmake.core.text import safe_line, to_ascii
from flowmake.world import cells
from flowmake.world.terminal import has_color, has_unicode, window_size

TYPE_CHECKING = False  # as from `typing`, which takes longer to load than all that the shortest answers need
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import IO

    Rows = Sequence[Sequence[str]]

MISSING = "-"
"""Shown in an empty cell of a pipe, so that every row has as many words as columns that have none with spaces."""

_GAP = 2
_LEAST = 12
"""Cells that a column had better have before another one is given up for it."""


_UNSTYLED: Mapping[str, str] = {}


class Column:
    """A heading, and how its cells are shown.

    `right` aligns numbers; `styles` maps cells, or the words they begin with, to rich styles. The rest is for terminals
    that are too narrow: `keep` is never shortened; `brief` makes a shorter cell; `middle` is cut there, as both ends of
    a name tell it apart; of the columns with a `spare`, those with the highest are given up first.
    """

    __slots__ = ("brief", "keep", "middle", "right", "spare", "styles", "title")

    def __init__(
        self,
        title: str,
        *,
        right: bool = False,
        keep: bool = False,
        middle: bool = False,
        spare: int = 0,
        brief: Callable[[str], str] | None = None,
        styles: Mapping[str, str] = _UNSTYLED,
    ) -> None:
        self.title = title
        self.right = right
        self.keep = keep
        self.middle = middle
        self.spare = spare
        self.brief = brief
        self.styles = styles


STATUS_STYLES = {
    "fresh": "green",
    "succeeded": "green",
    "restored": "green",
    "stale": "yellow",
    "waiting": "dim",
    "skipped": "dim",
    "running": "bold blue",
    "queued": "blue",
    "interrupted": "bold magenta",
    "failed": "bold red",
    "timed_out": "bold red",
}


def print_table(columns: Sequence[Column], rows: Rows, stream: IO[str]) -> None:
    """Write the table; nothing at all when there are no rows."""
    if not rows:
        return
    colors, unicode = has_color(stream), has_unicode(stream)
    if not unicode:
        rows = [[to_ascii(cell) for cell in row] for row in rows]
    if stream.isatty():
        (width, _), sign = window_size(stream), "…" if unicode else ".."
        stream.write(fitted(columns, rows, width, colors=colors, sign=sign))
    else:
        stream.write(plain(columns, rows, colors=colors))


def plain(columns: Sequence[Column], rows: Rows, *, colors: bool = False) -> str:
    """Aligned columns, nothing cut, nothing wrapped, no trailing spaces; colours only on demand."""
    titles = [column.title.upper() for column in columns]
    return _text(columns, titles, [[safe_line(cell) or MISSING for cell in row] for row in rows], colors)


def fitted(columns: Sequence[Column], rows: Rows, width: int, *, colors: bool = False, sign: str = "…") -> str:
    """The same in at most `width` cells a line, as long as that leaves room for anything; `sign` where it was cut."""
    shown = [[safe_line(cell) for cell in row] for row in rows]
    if _total(_widths(columns, shown)) > width:
        shown = [[_brief(cell, column) for cell, column in zip(row, columns, strict=True)] for row in shown]
        chosen = _affordable(columns, _widths(columns, shown), width)
        columns = [columns[index] for index in chosen]
        shown = [[row[index] for index in chosen] for row in shown]
        rooms = _rooms(columns, shown, width)
        shown = [
            [
                cells.cut(cell, room, sign, middle=col.middle)
                for cell, room, col in zip(row, rooms, columns, strict=True)
            ]
            for row in shown
        ]
        titles = [cells.cut(column.title, room, sign) for column, room in zip(columns, rooms, strict=True)]
    else:
        titles = [column.title for column in columns]
    heading = [_styled(title, "bold") for title in titles] if colors else titles
    return _text(columns, titles, shown, colors, heading)


def _brief(cell: str, column: Column) -> str:
    return column.brief(cell) if column.brief is not None and cell else cell


def _widths(columns: Sequence[Column], rows: Rows) -> list[int]:
    inside = (max((cells.width(row[index]) for row in rows), default=0) for index in range(len(columns)))
    return [max(len(column.title), widest) for column, widest in zip(columns, inside, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _affordable(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Which columns there is room for, once those that can be shortened are."""
    chosen = list(range(len(columns)))
    while True:
        least = [widths[index] if columns[index].keep else min(widths[index], _LEAST) for index in chosen]
        spare = max(chosen, key=lambda index: columns[index].spare)
        if _total(least) <= width or not columns[spare].spare:
            return chosen
        chosen.remove(spare)


def _rooms(columns: Sequence[Column], rows: Rows, width: int) -> list[int]:
    """How wide each column may be: room for what most of its cells need comes before room for a few long ones."""
    widths = _widths(columns, rows)
    able = [index for index, column in enumerate(columns) if not column.keep]
    left = width - (_total(widths) - sum(widths[index] for index in able))
    usual = [max(len(columns[index].title), _usual(rows, index)) for index in able]
    first = _shared(usual, left)
    second = _shared([widths[i] - room for i, room in zip(able, first, strict=True)], left - sum(first))
    rooms = list(widths)
    for index, room, more in zip(able, first, second, strict=True):
        rooms[index] = max(room + more, 1)
    return rooms


def _usual(rows: Rows, index: int) -> int:
    """The width that nine of ten cells of a column do with."""
    return sorted(cells.width(row[index]) for row in rows)[(len(rows) * 9 + 9) // 10 - 1]


def _shared(wishes: Sequence[int], left: int) -> list[int]:
    """What there is of `left` for each wish: little ones are met, and the others get the same."""
    given = [0] * len(wishes)
    for done, index in enumerate(sorted(range(len(wishes)), key=lambda index: wishes[index])):
        given[index] = max(min(wishes[index], left // (len(wishes) - done)), 0)
        left -= given[index]
    return given


def _text(
    columns: Sequence[Column],
    titles: Sequence[str],
    rows: Rows,
    colors: bool,
    heading: Sequence[str] | None = None,
) -> str:
    """`heading` are the titles as they are shown, where that is in a style."""
    widths = [max(map(cells.width, (titles[i], *(row[i] for row in rows)))) for i in range(len(columns))]
    lines = [_line(columns, titles, heading or titles, widths)]
    for row in rows:
        shown = [_painted(cell, column) for cell, column in zip(row, columns, strict=True)] if colors else row
        lines.append(_line(columns, row, shown, widths))
    return "".join(line + "\n" for line in lines)


def _line(columns: Sequence[Column], row: Sequence[str], shown: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * _GAP).join(_aligned(columns, row, shown, widths)).rstrip()


def _aligned(
    columns: Sequence[Column], row: Sequence[str], shown: Sequence[str], widths: Sequence[int]
) -> Iterator[str]:
    for column, cell, painted, width in zip(columns, row, shown, widths, strict=True):
        gap = " " * (width - cells.width(cell))
        yield gap + painted if column.right else painted + gap


def _painted(cell: str, column: Column) -> str:
    style = column.styles.get(cell) or column.styles.get(cell.partition(" ")[0].rstrip(","), "")
    return _styled(cell, style) if style else cell


def _styled(text: str, style: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)
