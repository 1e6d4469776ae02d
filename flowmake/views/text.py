"""A picture as a tree for terminals: what is asked for at the left, what it waits for below it. Unaware of colours."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from flowmake.core.text import safe_line, to_ascii
from flowmake.views.picture import Node, Picture, counts_text, ends, files_text, upstream_of

Key = tuple[bool, str]
_GAP = "   "
_SEEN = "(see above)"
_TO_COME = "(see below)"

DEEPEST = 100
"""Levels of one tree. What lies deeper begins at the left again: to indent a long chain takes its length squared."""


def tree(picture: Picture, *, ascii_only: bool = False) -> str:
    """One line for each mention of a node; what was shown before is marked and not repeated."""
    lines = "".join(line + "\n" for line in _lines(picture))
    if not ascii_only:
        return lines
    return to_ascii(lines.replace("├─ ", "|- ").replace("└─ ", "`- ").replace("│  ", "|  "))


def _lines(picture: Picture) -> Iterator[str]:
    nodes = {node.key: node for node in picture.nodes}
    upstream = upstream_of(picture)
    shown: set[Key] = set()
    for root in (*ends(picture), *picture.nodes):
        roots = deque([root.key])
        while roots:
            if (key := roots.popleft()) not in shown:
                yield from _walk(key, nodes, upstream, shown, roots)


def _walk(
    root: Key,
    nodes: dict[Key, Node],
    upstream: dict[Key, list[Key]],
    shown: set[Key],
    too_deep: deque[Key],
) -> Iterator[str]:
    """Depth first with a stack of its own, as chains of tasks get longer than Python's.

    `too_deep` takes up what is to become the root of a tree of its own.
    """
    stack = [(root, "", "")]
    while stack:
        key, lead, indent = stack.pop()
        below = upstream[key]
        again = key in shown
        if below and not again and len(indent) >= DEEPEST * len(_GAP):
            yield f"{lead}{describe(nodes[key])} {_TO_COME}"
            too_deep.append(key)
            continue
        yield lead + describe(nodes[key]) + (f" {_SEEN}" if again and below else "")
        if again:
            continue
        shown.add(key)
        last = len(below) - 1
        for position in range(last, -1, -1):
            branch, gap = ("└─ ", _GAP) if position == last else ("├─ ", "│  ")
            stack.append((below[position], indent + branch, indent + gap))


def describe(node: Node) -> str:
    """The name of a node and how it stands."""
    name = safe_line(node.name)
    if node.kind == "file":
        return f"{name} ({files})" if (files := files_text(node)) else name
    if node.kind == "foreach":
        return f"{name} [{counts_text(node)}]"
    return name if node.status == "unknown" else f"{name} [{node.status}]"
