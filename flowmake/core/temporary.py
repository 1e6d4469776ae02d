"""Temporary outputs: which paths belong to them, which were removed, and what they were. Removes nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flowmake.core.graph import Graph
from flowmake.core.model import Output, Task
from flowmake.core.patterns import compile_pattern, covers
from flowmake.core.ports import Files
from flowmake.core.records import Records, output_with
from flowmake.core.staleness import Facts


class Temporary:
    """The temporary outputs of a graph. Where a flow has none, every question is answered at once."""

    def __init__(self, graph: Graph, files: Files, records: Records) -> None:
        self._graph = graph
        self._files = files
        self._records = records
        declared = graph.flow.declarations.values()
        self._has_any = any(output.temp for declaration in declared for output in declaration.outputs)

    def around(self, path: str) -> Output | None:
        """The temporary output that `path` is, or lies in."""
        producer = self._graph.outputs.producer(path) if self._has_any else None
        if producer is None:
            return None
        output = output_with(self._graph.tasks[producer], path)
        return output if output is not None and output.temp else None

    def without(self, paths: Sequence[str]) -> Sequence[str]:
        """Those that neither are nor lie in a temporary output."""
        return [path for path in paths if self.around(path) is None] if self._has_any else paths

    def paths(self, task: Task) -> list[str]:
        """The paths of a task's temporary outputs, as they were made."""
        temps = [output for output in task.outputs if output.temp]
        if not temps:
            return []
        made = self._records.output_paths(task, self._files)
        return [path for path in made if any(covers(temp.path, temp.kind, path) for temp in temps)]

    def removed(self, name: str, facts: Facts) -> list[str]:
        """Tasks whose temporary outputs this one reads and that were removed: they must run before it can."""
        if not self._has_any:
            return []
        found: dict[str, None] = {}
        for path in facts.inputs:
            temp = self.around(path)
            producer = self._graph.outputs.producer(path)
            if temp is not None and producer is not None and self._is_removed(temp, path):
                found[producer] = None
        for entry in self._graph.tasks[name].inputs:
            if entry.kind == "glob":
                for producer, temp in self._behind(entry.path):
                    if temp.path.endswith("/") and self._is_removed(temp, temp.path):
                        found[producer] = None
        return list(found)

    def remembered(self, reader: Task, pattern: str) -> Iterator[str]:
        """What a glob of this task would match had temporary outputs not been removed, as far as was recorded."""
        for producer, temp in self._behind(pattern):
            if temp.path.endswith("/"):
                recorded = self._records.trace(reader.name)
                paths: Iterable[str] = recorded.inputs if recorded is not None else ()
            else:
                paths = self._records.output_paths(self._graph.tasks[producer], self._files)
            yield from self._gone(temp, pattern, paths)

    def remembered_by_instances(self, fanout: str, pattern: str) -> Iterator[str]:
        """What a `foreach` would range over had temporary outputs not been removed.

        Of a directory only its digest was recorded; what was in it is known from the instances that have read it.
        """
        for producer, temp in self._behind(pattern):
            if temp.path.endswith("/"):
                paths: Iterable[str] = self._read_in(temp.path, producer, fanout)
            else:
                paths = self._records.output_paths(self._graph.tasks[producer], self._files)
            yield from self._gone(temp, pattern, paths)

    def _gone(self, temp: Output, pattern: str, paths: Iterable[str]) -> Iterator[str]:
        matches = compile_pattern(pattern).matches
        for path in paths:
            if covers(temp.path, temp.kind, path) and matches(path) and self._is_removed(temp, path):
                yield path

    def _read_in(self, folder: str, producer: str, fanout: str) -> Iterator[str]:
        """What the instances of a fan-out have read in a directory as it was made last."""
        made = self._records.trace(producer)
        digest = made.outputs.get(folder) if made is not None else None
        for trace in self._records.traces_of_instances(fanout) if digest is not None else ():
            yield from (path for path, seen in trace.inputs.items() if seen == digest)

    def _is_removed(self, temp: Output, path: str) -> bool:
        return not self._files.exists(temp.path if temp.path.endswith("/") else path)

    def _behind(self, pattern: str) -> Iterator[tuple[str, Output]]:
        for producer in dict.fromkeys(self._graph.outputs.behind(pattern) if self._has_any else ()):
            for output in self._graph.tasks[producer].outputs:
                if output.temp:
                    yield producer, output
