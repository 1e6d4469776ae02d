"""File nodes between the tasks of a picture: one for each path, or one for a whole fan-out's. Unaware of drawing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

from flowmake.core.model import Input, Task
from flowmake.core.patterns import compile_pattern
from flowmake.views.picture import Edge, GraphLike, Node

Key = tuple[bool, str]


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
        for unit, members in tasks.items():
            self._add_made_inputs(unit, members)
            self._add_sources(unit, members)

    def edges_with(self, edges: Iterable[Edge]) -> tuple[Edge, ...]:
        """The edges through files, and those given that no file explains."""
        direct = (edge for edge in edges if (edge.tail[1], edge.head[1]) not in self._linked)
        return (*direct, *self._edges)

    def _add_outputs(self, unit: str, members: Sequence[Task]) -> None:
        for paths in _slots([[output.path for output in task.outputs] for task in members]):
            name = self._node(paths, unit)
            self._edges[Edge((False, unit), (True, name))] = None
            for path in paths:
                self._made[path] = name
            self._makers[name] = unit

    def _add_made_inputs(self, unit: str, members: Sequence[Task]) -> None:
        for task in members:
            for path in (*self._reads.get(task.name, ()), *(e.path for e in task.inputs if e.kind != "exclude")):
                for name in self._files_behind(path):
                    maker = self._makers[name]
                    if maker != unit:
                        self._edges[Edge((True, name), (False, unit))] = None
                        self._linked.add((maker, unit))

    def _add_sources(self, unit: str, members: Sequence[Task]) -> None:
        for paths in _slots([[e.path for e in self._sources(task)] for task in members]):
            name = self._node(paths, unit)
            self._edges[Edge((True, name), (False, unit))] = None

    def _sources(self, task: Task) -> Iterator[Input]:
        """Inputs that no task in the picture makes; a glob only if it matches something else than what tasks make."""
        reads = self._reads.get(task.name, ())
        for entry in task.inputs:
            if entry.kind == "exclude":
                continue
            if not any(self._files_behind(entry.path)):
                yield entry
            elif entry.kind == "glob":
                pattern = compile_pattern(entry.path)
                if any(path not in self._made and pattern.matches(path) for path in reads):
                    yield entry

    def _files_behind(self, path: str) -> Iterator[str]:
        """File nodes that stand for what is made at `path`, around it, inside it, or matching it."""
        if path in self._made:
            yield self._made[path]
        elif "*" in path or "?" in path or "[" in path:
            pattern = compile_pattern(path)
            yield from dict.fromkeys(name for made, name in self._made.items() if pattern.matches(made))
        elif path.endswith("/"):
            yield from dict.fromkeys(name for made, name in self._made.items() if made.startswith(path))
        elif (maker := self._graph.producer(path)) is not None:
            declared = [output for output in self._graph.tasks[maker].outputs if output.path in self._made]
            around = [o.path for o in declared if o.kind == "glob" or path.startswith(o.path.rstrip("/") + "/")]
            yield from (self._made[found] for found in around[:1])

    def _node(self, paths: Sequence[str], unit: str) -> str:
        if len(paths) == 1:
            name = paths[0]
            self.nodes.setdefault(name, Node(name, "file", outputs=(name,)))
            return name
        name = common_pattern(paths)
        while name in self.nodes and self.nodes[name].outputs != tuple(paths):
            name += f" ({unit})"
        self.nodes.setdefault(name, Node(name, "file", outputs=tuple(paths)))
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
