"""Where the nodes and edges of a picture go: by Graphviz where there is one, else in plain columns. Draws nothing."""

from __future__ import annotations

import shlex
import unicodedata

from msgspec import Struct

from flowmake.core.errors import FlowmakeError
from flowmake.core.text import cut_middle, safe_line
from flowmake.views import images
from flowmake.views.picture import EdgeKind, Node, NodeKind, Picture, upstream_of

HEIGHT = 30
_LONGEST_LABEL = 38
_NARROW, _USUAL, _WIDE, _WIDEST = 4.2, 7.6, 9.3, 12.6
"""Pixels of characters; only browsers know exactly, so those of a wide font are reckoned with."""
_AROUND = 40.0
"""Pixels beside the label: the sign of the status and the margins."""
_COLUMN_GAP, _ROW_GAP, _FOLD_GAP = 60.0, 14.0, 24.0
_TALLEST = 40
"""Rows; a column of more is folded into several side by side."""
_MOST_NODES, _MOST_EDGES = 1_200, 4_000
"""Beyond, Graphviz takes longer than anybody wants to wait for a page."""
_INCH = 72.0


class Box(Struct, frozen=True, omit_defaults=True):
    """A node with its place: `x` and `y` are its centre, in pixels, `y` downwards."""

    name: str
    label: str
    kind: NodeKind
    tasks: tuple[str, ...]
    x: float
    y: float
    w: float
    known: bool = True
    """False for a fan-out whose instances only a run will tell."""


class Line(Struct, frozen=True, omit_defaults=True):
    """An edge between boxes, given by index: the corners of Bézier curves (1 + 3n points), x and y in turns.

    Without points it goes from the right side of one box to the left side of the other.
    """

    tail: int
    head: int
    points: tuple[float, ...] = ()
    kind: EdgeKind = "needs"


class Drawing(Struct, frozen=True):
    """A picture laid out. `by_graphviz`: whether Graphviz did it."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    by_graphviz: bool


Places = dict[int, tuple[float, float]]
Curves = dict[tuple[int, int], tuple[float, ...]]


def lay_out(picture: Picture) -> Drawing:
    """Boxes and lines for a picture; never fails for want of a program to lay it out."""
    numbers = {node.key: number for number, node in enumerate(picture.nodes)}
    by_graphviz = len(picture.nodes) <= _MOST_NODES and len(picture.edges) <= _MOST_EDGES
    places: Places = {}
    curves: Curves = {}
    if by_graphviz:
        try:
            places, curves = _read(images.image(_dot(picture, numbers), "plain").decode("utf-8"))
        except FlowmakeError:  # no Graphviz, or one that cannot do it: the columns below serve as well
            by_graphviz = False
    if not by_graphviz:
        places = _columns(picture, numbers)
    boxes = tuple(_box(node, places[number]) for number, node in enumerate(picture.nodes))
    ends = [(numbers[edge.tail], numbers[edge.head]) for edge in picture.edges]
    lines = tuple(Line(*pair, curves.get(pair, ()), edge.kind) for pair, edge in zip(ends, picture.edges, strict=True))
    return Drawing(boxes, lines, by_graphviz)


def _box(node: Node, place: tuple[float, float]) -> Box:
    x, y = place
    return Box(safe_line(node.name), label(node), node.kind, node.tasks, x, y, width(node), not node.expandable)


def label(node: Node) -> str:
    """The name, as long as a node can be, and how many tasks it stands for."""
    count = f" ×{len(node.tasks)}" if node.kind == "foreach" and not node.expandable else ""  # noqa: RUF001 a sign
    return cut_middle(safe_line(node.name), _LONGEST_LABEL) + count


def width(node: Node) -> float:
    """Pixels that a node takes."""
    return round(sum(_advance(character) for character in label(node)) + _AROUND)


def _advance(character: str) -> float:
    if character in "fijlrt.,:;!|'()[] -":
        return _NARROW
    if character in "mwMW@%" or unicodedata.east_asian_width(character) in "WF":
        return _WIDEST
    return _WIDE if character.isupper() else _USUAL


def _dot(picture: Picture, numbers: dict[tuple[bool, str], int]) -> str:
    """Only the shape of the graph, with numbers for names, so that no text has to be escaped."""
    lines = ['graph [rankdir="LR", ranksep="0.7", nodesep="0.16"]', 'node [shape="box", fixedsize="true", label=""]']
    if len(picture.edges) > 2_000:
        lines.append('graph [nslimit="0.2", nslimit1="0.2", mclimit="0.1"]')
    size = f'height="{HEIGHT / _INCH:.3f}"'
    lines += [f'{number} [width="{width(node) / _INCH:.3f}", {size}]' for number, node in enumerate(picture.nodes)]
    lines += [f"{numbers[edge.tail]} -> {numbers[edge.head]}" for edge in picture.edges]
    return "digraph {\n" + "\n".join(lines) + "\n}\n"


def _read(plain: str) -> tuple[Places, Curves]:
    """Graphviz's `plain` format: inches, upwards."""
    places: Places = {}
    curves: Curves = {}
    for line in plain.splitlines():
        match shlex.split(line):
            case ["node", name, x, y, *_]:
                places[int(name)] = _pixels(x), -_pixels(y)
            case ["edge", tail, head, count, *rest]:
                ends = [_pixels(value) for value in rest[: 2 * int(count)]]
                curves[int(tail), int(head)] = tuple(-v if index % 2 else v for index, v in enumerate(ends))
    return places, curves


def _pixels(inches: str) -> float:
    return round(float(inches) * _INCH, 1)


def _columns(picture: Picture, numbers: dict[tuple[bool, str], int]) -> Places:
    """Every node right of all it waits for, near the middle of what it waits for."""
    upstream = {numbers[key]: [numbers[u] for u in found] for key, found in upstream_of(picture).items()}
    widths = [width(node) for node in picture.nodes]
    places: Places = {}
    left = 0.0
    for column in _ranks(upstream):
        heights = {number: _mean([places[u][1] for u in upstream[number] if u in places]) for number in column}
        column.sort(key=lambda number: (heights[number], number))
        for start in range(0, len(column), _TALLEST):
            fold = column[start : start + _TALLEST]
            widest = max(widths[number] for number in fold)
            for row, number in enumerate(fold):
                places[number] = left + widest / 2, (row - (len(fold) - 1) / 2) * (HEIGHT + _ROW_GAP)
            left += widest + _FOLD_GAP
        left += _COLUMN_GAP - _FOLD_GAP
    return places


def _ranks(upstream: dict[int, list[int]]) -> list[list[int]]:
    """The nodes in columns; a picture has them upstream first, but collapsed fan-outs may wait for each other."""
    rank: dict[int, int] = {}
    columns: dict[int, list[int]] = {}
    for number, found in upstream.items():
        rank[number] = 1 + max((rank[u] for u in found if u in rank), default=-1)
        columns.setdefault(rank[number], []).append(number)
    return [columns[number] for number in sorted(columns)]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
