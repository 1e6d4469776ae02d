"""Temporary outputs: when they may go because everyone has read them. Unaware of why a reader runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from flowmake.core.evidence import Evidence
from flowmake.core.model import Output, Task
from flowmake.core.patterns import covers, normalise
from flowmake.engine.outputs import remove_output


class Temps:
    """The temporary outputs of a graph. `root` is absolute.

    `settle` makes durable that readers have succeeded; it is called before what they read is removed. A crash in
    between would make it all run again.
    """

    def __init__(self, evidence: Evidence, root: str, settle: Callable[[], None]) -> None:
        self._evidence = evidence
        self._settle = settle
        self._graph = evidence.graph
        self._root = root
        self._readers: dict[str, list[str]] = {}
        self._lists: frozenset[str] = frozenset()
        self._known_tasks = 0

    def remove_read(self, is_good: Callable[[str], bool | None], reader: str = "") -> None:
        """A reader is done: remove what it read if every other reader has read it, too. Without a name: any reader.

        `is_good` tells whether a task of this run has ended well, and is None for tasks outside of it, of which
        an earlier success on the same content counts. Raises `OSError`.
        """
        if self._graph.fanouts:
            return  # among the tasks still to come there may be readers
        if self._known_tasks != len(self._graph.tasks):
            self._learn()
        if not self._readers:
            return
        for made_by in self._made_for(reader):
            if is_good(made_by) and all(self._has_read(other, made_by, is_good) for other in self._readers[made_by]):
                paths = self._evidence.temporary.paths(self._graph.tasks[made_by])
                self._remove([path for path in paths if path not in self._lists and self._is_there(path)])

    def _is_there(self, path: str) -> bool:
        return os.path.lexists(os.path.join(self._root, path))

    def _remove(self, paths: Sequence[str]) -> None:
        if paths:
            self._settle()
        for path in paths:
            remove_output(self._root, path)
            self._evidence.files.forget([path])

    def _learn(self) -> None:
        self._known_tasks = len(self._graph.tasks)
        self._readers = self._find_readers()
        self._lists = frozenset(self._find_lists()) if self._readers else frozenset()

    def _made_for(self, reader: str) -> Iterator[str]:
        return (made_by for made_by, readers in self._readers.items() if not reader or reader in readers)

    def _find_readers(self) -> dict[str, list[str]]:
        graph = self._graph
        readers: dict[str, list[str]] = {task.name: [] for task in graph.tasks.values() if _temps(task)}
        if not readers:
            return {}
        for task in graph.tasks.values():
            if task.is_group:
                continue
            order_only = graph.order_only(task.name)
            for upstream in graph.upstream(task.name):
                if upstream not in order_only:
                    for member in graph.members(upstream):
                        if member.name in readers:
                            readers[member.name].append(task.name)
        return readers

    def _find_lists(self) -> Iterator[str]:
        """Files that name others, or the values of a `foreach`: without them nobody knows any more what there is."""
        from flowmake.core.ranging import sources_of  # and with it all that expands declarations, for few flows

        graph = self._graph
        for task in graph.tasks.values():
            yield from (entry.path for entry in task.inputs if entry.kind == "lines")
        for declaration in graph.flow.declarations.values():
            if declaration.foreach is not None:
                yield from (normalise(source.lines or source.json) for source in sources_of(declaration, graph.flow))

    def _has_read(self, reader: str, made_by: str, is_good: Callable[[str], bool | None]) -> bool:
        good = is_good(reader)
        return self._read_before(reader, made_by) if good is None else good

    def _read_before(self, reader: str, made_by: str) -> bool:
        """Did a reader outside this run succeed on exactly what was made?"""
        read = self._evidence.trace(reader)
        if read is None:
            return False
        temps = _temps(self._graph.tasks[made_by])
        found = [path for path in read.inputs if any(covers(temp.path, temp.kind, path) for temp in temps)]
        return all(read.inputs[path] == self._evidence.input_digest(path) for path in found)


def _temps(task: Task) -> list[Output]:
    return [output for output in task.outputs if output.temp]
