"""Tables that fit: by rich on a terminal, whole columns two spaces apart in a pipe. Unaware of what the cells mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Literal

from msgspec import Struct

from flowmake.core.text import safe_line
from flowmake.world.terminal import has_color

MISSING = "-"
"""Shown in an empty cell of a pipe, so that every row has as many words as columns that have none with spaces."""


class Column(Struct, frozen=True):
    """A heading; `right` aligns numbers; `keep` is never shortened; `styles` maps whole cells to rich styles."""

    title: str
    right: bool = False
    keep: bool = False
    styles: dict[str, str] = {}


STATUS_STYLES = {
    "fresh": "green",
    "succeeded": "green",
    "restored": "green",
    "stale": "yellow",
    "waiting": "dim",
    "skipped": "dim",
    "running": "bold blue",
    "interrupted": "bold magenta",
    "failed": "bold red",
    "timed_out": "bold red",
}


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], stream: IO[str]) -> None:
    """Write the table; nothing at all when there are no rows."""
    if not rows:
        return
    if stream.isatty():
        _print_rich(columns, rows, stream)
    else:
        stream.write(plain(columns, rows, colors=has_color(stream)))


def plain(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, colors: bool = False) -> str:
    """Aligned columns, nothing cut, nothing wrapped, no trailing spaces; colours only on demand."""
    cells = [[column.title.upper() for column in columns]]
    cells += [[safe_line(cell) or MISSING for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    lines = ("  ".join(_aligned(row, widths, columns, colors)).rstrip() for row in cells)
    return "".join(line + "\n" for line in lines)


def _aligned(row: Sequence[str], widths: Sequence[int], columns: Sequence[Column], colors: bool) -> Iterator[str]:
    for cell, width, column in zip(row, widths, columns, strict=True):
        style = column.styles.get(cell, "") if colors else ""
        gap = " " * (width - len(cell))
        shown = _styled(cell, style) if style else cell
        yield gap + shown if column.right else shown + gap


def _styled(text: str, style: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


def _print_rich(columns: Sequence[Column], rows: Sequence[Sequence[str]], stream: IO[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        justify = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, no_wrap=column.keep, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        cells = zip(row, columns, strict=True)
        table.add_row(*(Text(safe_line(cell), column.styles.get(cell, "")) for cell, column in cells))
    color_system: Literal["auto"] | None = "auto" if has_color(stream) else None
    Console(file=stream, highlight=False, color_system=color_system).print(table)
