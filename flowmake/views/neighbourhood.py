"""Which part of a flow to draw: what lies around some tasks, or between two. Unaware of pictures and formats.

Distances are those that are seen where each fan-out is one node: from its name to its instances is no step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from math import inf

from flowmake.views.picture import GraphLike

Neighbours = Mapping[str, Sequence[str]]
Steps = Callable[[str, str], int]


def around(graph: GraphLike, names: Sequence[str], centres: Iterable[str], up: float, down: float) -> list[str]:
    """Of `names`, in their order, those at most `up` steps before and `down` steps after the `centres`."""
    before, after = _neighbours(graph, names)
    starts = _with_instances(graph, centres)
    steps = _steps(graph)
    found = _within(before, starts, up, steps) | _within(after, starts, down, steps)
    return [name for name in names if name in found]


def between(graph: GraphLike, names: Sequence[str], starts: Iterable[str], ends: Iterable[str]) -> list[str]:
    """Of `names`, in their order, those on any way from `starts` to `ends`, both included; none if there is no way."""
    before, after = _neighbours(graph, names)
    steps = _steps(graph)
    found = _within(after, _with_instances(graph, starts), inf, steps)
    found &= _within(before, _with_instances(graph, ends), inf, steps)
    return [name for name in names if name in found]


def _neighbours(graph: GraphLike, names: Sequence[str]) -> tuple[Neighbours, Neighbours]:
    """Who comes directly before each name, and who directly after it."""
    known = set(names)
    before = {name: [other for other in graph.upstream(name) if other in known] for name in names}
    after: dict[str, list[str]] = {name: [] for name in names}
    for name, others in before.items():
        for other in others:
            after[other].append(name)
    return before, after


def _with_instances(graph: GraphLike, names: Iterable[str]) -> list[str]:
    """The names of fan-outs stand for their instances."""

    def found() -> Iterator[str]:
        for name in names:
            yield name
            yield from graph.groups.get(name, ())

    return list(dict.fromkeys(found()))


def _steps(graph: GraphLike) -> Steps:
    members: dict[str, Collection[str]] = {name: frozenset(tasks) for name, tasks in graph.groups.items()}

    def steps(one: str, other: str) -> int:
        return 0 if other in members.get(one, ()) or one in members.get(other, ()) else 1

    return steps


def _within(neighbours: Neighbours, starts: Iterable[str], most: float, steps: Steps) -> set[str]:
    """All at most so many steps away (breadth first; what costs no step is visited at once)."""
    distance = {name: 0 for name in starts if name in neighbours}
    queue = deque(distance)
    while queue:
        name = queue.popleft()
        for other in neighbours[name]:
            step = steps(name, other)
            further = distance[name] + step
            if further <= most and further < distance.get(other, inf):
                distance[other] = further
                (queue.append if step else queue.appendleft)(other)
    return set(distance)
