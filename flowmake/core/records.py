"""What earlier runs, and this one so far, have recorded about tasks. Unaware of what is true now."""

from __future__ import annotations

from collections.abc import Iterator

from flowmake.core.model import Attempt, Output, Task, Trace
from flowmake.core.patterns import compile_pattern, covers
from flowmake.core.ports import Files, Store


class Records:
    """Traces and attempts by task: those of the store, with what this run has recorded laid over them."""

    def __init__(self, store: Store) -> None:
        self._traces = store.traces()
        self._discovered = store.discovered
        self._attempts = store.attempts()
        self._new: dict[str, Trace] = {}
        self._last: tuple[str, Trace | None] | None = None

    def trace(self, name: str) -> Trace | None:
        """What the last success of a task was made of."""
        new = self._new.get(name)
        if new is not None:
            return new
        if self._last is None or self._last[0] != name:
            # Stores decode a trace each time it is asked for, and one task's is asked for several times in a row.
            self._last = (name, self._traces.get(name))
        return self._last[1]

    def discovered(self, name: str) -> tuple[str, ...]:
        """Paths that its last success has read without declaring them."""
        new = self._new.get(name)
        return self._discovered(name) if new is None else new.discovered

    def has_run(self, name: str) -> bool:
        """Whether it has ever succeeded."""
        return name in self._new or name in self._traces

    def attempt(self, name: str) -> Attempt | None:
        """How the latest attempt at a task ended."""
        return self._attempts.get(name)

    def remember(self, trace: Trace) -> None:
        """Use this trace, just recorded, from now on."""
        self._new[trace.task] = trace

    def traces_of_instances(self, name: str) -> Iterator[Trace]:
        """Those of all instances that a `foreach` task ever had."""
        for instance in {*self._traces, *self._new}:
            if instance.startswith(f"{name}@") and (trace := self.trace(instance)) is not None:
                yield trace

    def output_paths(self, task: Task, files: Files) -> list[str]:
        """The paths a task makes: as declared, and for globs what was recorded (before a first success, what matches).

        What else matches a glob later was made by someone else, and is none of the task's business.
        """
        paths: dict[str, None] = {}
        for output in task.outputs:
            if output.kind == "path":
                paths[output.path] = None
            elif (trace := self.trace(task.name)) is None:
                paths.update(dict.fromkeys(files.glob(output.path)))
            else:
                matches = compile_pattern(output.path).matches
                paths.update(dict.fromkeys(sorted(path for path in trace.outputs if matches(path))))
        return list(paths)


def output_with(task: Task, path: str) -> Output | None:
    """The output of a task that `path` belongs to."""
    return next((output for output in task.outputs if covers(output.path, output.kind, path)), None)
