"""File nodes between the tasks of a picture: one for each path, or one for a whole fan-out's. Unaware of drawing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, takewhile

from flowmake.core.model import Input, Task
from flowmake.core.patterns import compile_pattern
from flowmake.views.picture import Edge, GraphLike, Node

_MANY = 10
"""Missing inputs of one task that are all drawn; more are one node."""


class FileNodes:
    """The files that nodes make and read, with the edges through them; `units` maps a node's name to its tasks'."""

    def __init__(
        self, graph: GraphLike, units: Mapping[str, Sequence[str]], reads: Mapping[str, Collection[str]]
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self._graph = graph
        self._reads = reads
        self._edges: dict[Edge, None] = {}
        self._linked: set[tuple[str, str]] = set()
        self._made: dict[str, str] = {}
        self._makers: dict[str, str] = {}
        tasks = {unit: [graph.tasks[name] for name in names] for unit, names in units.items()}
        for unit, members in tasks.items():
            self._add_outputs(unit, members)
        self._sorted = sorted(self._made)
        for unit, members in tasks.items():
            self._add_made_inputs(unit, members)
            self._add_sources(unit, members)

    def edges_with(self, edges: Iterable[Edge]) -> tuple[Edge, ...]:
        """The edges through files, and those given that no file explains."""
        direct = (edge for edge in edges if (edge.tail[1], edge.head[1]) not in self._linked)
        return (*direct, *self._edges)

    def _add_outputs(self, unit: str, members: Sequence[Task]) -> None:
        for paths in _slots([[output.path for output in task.outputs] for task in members]):
            name = _add(self.nodes, paths, unit)
            self._edges[Edge((False, unit), (True, name))] = None
            for path in paths:
                self._made[path] = name
            self._makers[name] = unit

    def _add_made_inputs(self, unit: str, members: Sequence[Task]) -> None:
        for task in members:
            for name in self._made_inputs(task):
                maker = self._makers[name]
                if maker != unit:
                    self._edges[Edge((True, name), (False, unit))] = None
                    self._linked.add((maker, unit))

    def _made_inputs(self, task: Task) -> Iterator[str]:
        excluded = [entry.path for entry in task.inputs if entry.kind == "exclude"]
        for path in self._reads.get(task.name, ()):
            yield from self._behind_path(path)
        for entry in task.inputs:
            if entry.kind == "glob":
                yield from self._behind_glob(entry.path, excluded)
            elif entry.kind != "exclude":
                yield from self._behind_path(entry.path)

    def _add_sources(self, unit: str, members: Sequence[Task]) -> None:
        for paths in _slots([[e.path for e in self._sources(task)] for task in members]):
            name = _add(self.nodes, paths, unit)
            self._edges[Edge((True, name), (False, unit))] = None

    def _sources(self, task: Task) -> Iterator[Input]:
        """Inputs that no task in the picture makes; a glob only if it matches something else than what tasks make."""
        reads = self._reads.get(task.name, ())
        for entry in task.inputs:
            if entry.kind == "glob":
                pattern = compile_pattern(entry.path)
                other = any(path not in self._made and pattern.matches(path) for path in reads)
                if other or not any(self._behind_glob(entry.path, ())):
                    yield entry
            elif entry.kind != "exclude" and not any(self._behind_path(entry.path)):
                yield entry

    def _behind_path(self, path: str) -> Iterator[str]:
        """File nodes that stand for what is made at a path, inside it, or around it."""
        if path in self._made:
            yield self._made[path]
        elif path.endswith("/"):
            yield from dict.fromkeys(self._made[made] for made in self._made_below(path))
        elif (maker := self._graph.producer(path)) is not None:
            declared = [output for output in self._graph.tasks[maker].outputs if output.path in self._made]
            around = [o.path for o in declared if o.kind == "glob" or path.startswith(o.path.rstrip("/") + "/")]
            yield from (self._made[found] for found in around[:1])

    def _behind_glob(self, path: str, excluded: Sequence[str]) -> Iterator[str]:
        """File nodes that stand for made paths which a glob matches, or for that very glob."""
        if path in self._made:
            yield self._made[path]
            return
        pattern, without = compile_pattern(path), [compile_pattern(other) for other in excluded]
        matches = filter(pattern.matches, self._made_below(pattern.prefix))
        kept = (made for made in matches if not any(other.matches(made) for other in without))
        yield from dict.fromkeys(self._made[made] for made in kept)

    def _made_below(self, prefix: str) -> Iterator[str]:
        for index in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            if not self._sorted[index].startswith(prefix):
                return
            yield self._sorted[index]


class MissingFiles:
    """In a picture without files, those that are not there and that nothing makes: no task that reads them can run."""

    def __init__(
        self, graph: GraphLike, units: Mapping[str, Sequence[str]], missing: Mapping[str, Collection[str]]
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self._edges: list[Edge] = []
        for unit, names in units.items():
            gone = dict.fromkeys(path for name in names for path in missing.get(name, ()))
            rows = ([entry.path for entry in graph.tasks[name].inputs] for name in names if name in missing)
            slots = [[path for path in slot if path in gone] for slot in _slots(list(rows))]
            listed = [path for path in gone if path not in {*chain(*slots)}]
            slots = [slot for slot in (*slots, listed) if slot]
            for paths in slots if len(slots) <= _MANY else [list(gone)]:
                self._edges.append(Edge((True, _add(self.nodes, paths, unit)), (False, unit)))

    def edges_with(self, edges: Iterable[Edge]) -> tuple[Edge, ...]:
        """Those given, and where the files are missed."""
        return (*edges, *self._edges)


def _add(nodes: dict[str, Node], paths: Sequence[str], unit: str) -> str:
    """The name of the node for these paths of a unit, which is added if it is not there."""
    if len(paths) == 1:
        name = paths[0]
        nodes.setdefault(name, Node(name, "file", outputs=(name,)))
        return name
    name = common_pattern(paths)
    while name in nodes and nodes[name].outputs != tuple(paths):
        name += f" ({unit})"
    nodes.setdefault(name, Node(name, "file", outputs=tuple(paths)))
    return name


def common_pattern(paths: Sequence[str]) -> str:
    """What paths have in common, a `*` for the rest: `build/*.o`."""
    head = _common_start(paths)
    tail = _common_start([path[len(head) :][::-1] for path in paths])[::-1]
    return f"{head}*{tail}"


def _common_start(texts: Sequence[str]) -> str:
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False))
    return "".join(column[0] for column in alike)


def _slots(rows: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """The distinct paths at each position, over all the instances of a task."""
    for position in range(max(map(len, rows), default=0)):
        yield list(dict.fromkeys(row[position] for row in rows if position < len(row)))
