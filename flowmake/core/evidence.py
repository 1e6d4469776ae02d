"""Gathers, through the ports, the facts that a verdict rests on: inputs as they are now, digests. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from flowmake.core import fingerprint
from flowmake.core.fingerprint import EMPTY, Paths, Renderer
from flowmake.core.graph import Graph
from flowmake.core.model import Attempt, Check, Input, Recipe, Task, Trace
from flowmake.core.patterns import contains, excluding, normalise, within
from flowmake.core.ports import ABSENT, Files, Store
from flowmake.core.records import Records, output_with
from flowmake.core.staleness import Facts
from flowmake.core.templates import PathList, names
from flowmake.core.temporary import Temporary

MANY = 8
"""Tasks whose files may well be worth being looked at together, small as they may be."""


_NOBODY: frozenset[str] = frozenset()


class Evidence:
    """What is known about the tasks of a graph, from disk and from earlier runs.

    `environ` is the inherited environment, with the values of dotenv files beneath it.
    """

    def __init__(
        self, graph: Graph, files: Files, store: Store, environ: Mapping[str, str], now: Callable[[], float]
    ) -> None:
        self.graph = graph
        self.files = files
        self._environ = environ
        self.now = now
        self.records = Records(store)
        self.temporary = Temporary(graph, files, self.records)
        self._lists: dict[str, tuple[str, ...]] = {}

    # -- the past ----------------------------------------------------------------------------------------------

    def trace(self, name: str) -> Trace | None:
        """What the last success of a task was made of."""
        return self.records.trace(name)

    def attempt(self, name: str) -> Attempt | None:
        """How the latest attempt at a task ended."""
        return self.records.attempt(name)

    def remember(self, trace: Trace) -> None:
        """Use this trace, just recorded, from now on."""
        self.records.remember(trace)

    # -- upstreams learnt late ---------------------------------------------------------------------------------

    def discover(self, name: str, *, ready: bool) -> tuple[str, ...]:
        """Names this task must wait for besides those known so far.

        `ready`: everything known so far is settled, so what a fan-out ranges over, or the paths a list
        holds, can be read. Raises `FlowfileError` or `StateError` when they make no sense.
        """
        if name in self.graph.fanouts:
            return (
                self.graph.expand_fanout(name, partial(self.temporary.remembered_by_instances, name)) if ready else ()
            )
        late = self._late_upstreams(name, ready)
        return self.graph.discover(name, late) if late else ()

    def _late_upstreams(self, name: str, ready: bool) -> list[str]:
        paths = list(self.records.discovered(name))
        for entry in self.graph.tasks[name].inputs:
            if entry.kind == "lines" and (ready or self.graph.producer(entry.path) is None):
                paths += self.listed(entry.path)
        return [maker for path in paths for maker in self.graph.behind_path(path)]

    def listed(self, path: str) -> tuple[str, ...]:
        """The paths that a list file holds, one a line; empty lines do not count. Empty if there is no such file."""
        found = self._lists.get(path)
        if found is None:
            try:
                text = self.files.read(path).decode("utf-8", "surrogateescape")
            except FileNotFoundError:
                return ()
            lines = (line.strip() for line in text.splitlines())
            found = tuple(dict.fromkeys(within(normalise(line), self.graph.flow.root) for line in lines if line))
            self._lists[path] = found
        return found

    def changed(self, paths: Iterable[str]) -> None:
        """These paths were written to: what is remembered of them no longer holds."""
        paths = list(paths)
        if self._lists:
            self._forget_lists(paths)
        self.files.forget(paths)

    def _forget_lists(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._lists.pop(path, None)
            if path.endswith("/"):
                self._lists = {known: listed for known, listed in self._lists.items() if not contains(path, known)}

    # -- the present -------------------------------------------------------------------------------------------

    def facts(self, name: str, *, pending: Sequence[str] = (), forced: bool = False) -> Facts:
        """What is true now of a task, while the direct upstreams in `pending` are not settled."""
        task = self.graph.tasks[name]
        if task.is_group:
            return Facts(None, {}, {}, self.now(), tuple(pending))
        trace = self.trace(name)
        unsettled_tasks = self._concrete(pending) if pending else _NOBODY
        resolved = self.resolve(task, unsettled_tasks)
        wanted = self._all_inputs(task, resolved, trace)
        unsettled = _NOBODY
        if pending:
            unsettled = frozenset(path for path in wanted if self._is_unsettled(path, unsettled_tasks))
            wanted = {path: check for path, check in wanted.items() if path not in unsettled}
        inputs = self._input_digests(wanted)
        return Facts(
            recipe=None if pending and _mentions_files(task) else self.recipe(task, resolved),
            inputs=inputs,
            outputs={} if trace is None else self._output_digests(task, trace),
            now=self.now(),
            pending=tuple(pending),
            unsettled=unsettled,
            whole=not pending,
            forced=forced,
            missing=self._made_by_nobody(resolved, inputs) if ABSENT in inputs.values() else (),
        )

    def _input_digests(self, wanted: Mapping[str, Check]) -> dict[str, str]:
        if len(wanted) > 1:
            self._foresee([path for path, check in wanted.items() if check == "content"])
        return {path: self.input_digest(path, check) for path, check in wanted.items()}

    def foresee(self, names: Sequence[str], most: int | None = None) -> int:
        """Look at the files of tasks that are about to be judged one after the other, side by side where that pays.

        At those that are known without judging: files that are named and that no task makes, and what was made. How
        many of the tasks that was done for: the first ones, until `most` bytes were to be read, but one at the least.
        """
        if len(names) < MANY:
            return len(names)
        paths: list[str] = []
        ends: list[int] = []
        for name in names:
            paths += self.temporary.without(list(self._named(self.graph.tasks[name])))
            ends.append(len(paths))
        taken = self.files.foresee(paths, most)
        return max(sum(end <= taken for end in ends), 1)

    def _named(self, task: Task) -> Iterator[str]:
        for entry in task.inputs:
            if entry.kind == "path" and entry.check == "content" and self.graph.outputs.producer(entry.path) is None:
                yield entry.path
        if self.records.has_run(task.name):
            for output in task.outputs:
                if output.kind == "path":
                    yield output.path

    def _foresee(self, paths: Sequence[str]) -> None:
        self.files.foresee(self.temporary.without(paths))

    def _made_by_nobody(self, resolved: Sequence[Input], inputs: Mapping[str, str]) -> tuple[str, ...]:
        """Declared inputs that are not there, and that no task makes."""
        absent = (entry.path for entry in resolved if inputs.get(entry.path) == ABSENT)
        return tuple(path for path in absent if not self.graph.behind_path(path))

    def resolve(self, task: Task, unsettled: frozenset[str] = _NOBODY) -> Sequence[Input]:
        """The declared inputs as paths, in order: globs matched, lists read, without duplicates and own outputs.

        A list that one of the `unsettled` tasks makes may yet come to name something else, and so names nothing.
        """
        for entry in task.inputs:
            if entry.kind != "path":
                return self._matched(task, unsettled)
        return task.inputs

    def _matched(self, task: Task, unsettled: frozenset[str]) -> Sequence[Input]:
        is_excluded = excluding([entry.path for entry in task.inputs if entry.kind == "exclude"])
        found: dict[str, Input] = {}
        for entry in task.inputs:
            for path in self._entry_paths(task, entry.kind, entry.path, unsettled):
                if entry.kind != "path" and is_excluded(path):
                    continue
                found.setdefault(path, Input(path, check=entry.check, name=entry.name))
        return list(found.values())

    def _entry_paths(self, task: Task, kind: str, path: str, unsettled: frozenset[str]) -> Iterable[str]:
        match kind:
            case "path":
                return (path,)
            case "lines" if unsettled and self._is_unsettled(path, unsettled):
                return (path,)
            case "lines":
                return (path, *self.listed(path))
            case "glob":
                found = (match for match in self.files.glob(path) if not self.graph.is_leftover(match))
                matches = {*found, *self.graph.outputs.matching(path), *self.temporary.remembered(task, path)}
                return sorted(match for match in matches if output_with(task, match) is None)
            case _:
                return ()

    def _all_inputs(self, task: Task, resolved: Iterable[Input], trace: Trace | None) -> dict[str, Check]:
        """Every path that counts, and how it is compared."""
        found = {entry.path: entry.check for entry in resolved}
        for other in self.graph.reads_from(task.name):
            for path in self.output_paths(other):
                found.setdefault(path, "content")
        for path in trace.discovered if trace is not None else ():
            found.setdefault(path, "content")
        return found

    def input_digest(self, path: str, check: Check = "content") -> str:
        """A path's digest as its readers see it.

        An empty file made by a task stands for that task's recipe and inputs. A temporary output counts by its
        content, or once removed by what it was; a file in a temporary directory stands for the whole directory,
        since of its files nothing is known any more once it is removed.
        """
        temp = self.temporary.around(path)
        if temp is not None:
            path, check = (temp.path if temp.path.endswith("/") else path), "content"
        digest = self.files.digest(path, check)
        if digest != ABSENT and not digest.startswith(EMPTY):
            return digest
        producer = self.graph.outputs.producer(path)
        trace = self.trace(producer) if producer is not None else None
        if trace is not None:
            if digest == ABSENT and temp is not None:
                digest = trace.outputs.get(path, ABSENT)
            if digest.startswith(EMPTY) and path in trace.outputs:
                return trace.identity
        return digest

    def missing_inputs(self, task: Task, facts: Facts) -> list[str]:
        """Declared inputs that are not there although everything before the task is settled.

        What a depfile once named may be gone, and so may what a task makes that is allowed to fail.
        """
        if ABSENT not in facts.inputs.values():
            return []
        absent = (entry.path for entry in self.resolve(task) if facts.inputs.get(entry.path) == ABSENT)
        return [path for path in absent if not self._may_stay_away(path)]

    def _may_stay_away(self, path: str) -> bool:
        return any(
            task.declared.allow_failure for name in self.graph.behind_path(path) for task in self.graph.members(name)
        )

    def checks(self, task: Task) -> dict[str, Check]:
        """How inputs are compared that are not compared by their content."""
        if all(entry.check == "content" for entry in task.inputs):
            return {}
        return {entry.path: entry.check for entry in self.resolve(task)}

    # -- what is settled ---------------------------------------------------------------------------------------

    def _concrete(self, pending: Iterable[str]) -> frozenset[str]:
        return frozenset(task.name for name in pending for task in self.graph.members(name))

    def _is_unsettled(self, path: str, tasks: frozenset[str]) -> bool:
        """May one of these tasks, or a fan-out whose instances are not known yet, still make this path otherwise?"""
        if any(name in tasks for name in self.graph.behind_path(path)):
            return True
        return bool(self.graph.fanouts) and self.graph.producer(path) in self.graph.fanouts

    # -- outputs -----------------------------------------------------------------------------------------------

    def output_paths(self, task: Task) -> list[str]:
        """The paths a task makes, as far as is known now."""
        return self.records.output_paths(task, self.files)

    def _output_digests(self, task: Task, trace: Trace) -> dict[str, str]:
        return {path: self.files.digest(path) for path in self.output_paths(task)}

    # -- recipes -----------------------------------------------------------------------------------------------

    def recipe(self, task: Task, resolved: Sequence[Input]) -> Recipe:
        """The recipe with final output paths, as it is compared and recorded."""
        tracked = {name: self._environ.get(name) for name in task.declared.track_env}
        return fingerprint.recipe(self.renderer(task, resolved), task, tracked, self._module(task))

    def renderer(
        self, task: Task, resolved: Sequence[Input], outputs: Mapping[str, str] | None = None, cpu: int = 1
    ) -> Renderer:
        """Renders the task's templates; `outputs` maps final output paths to where the command shall write instead."""
        return Renderer(self.graph.flow, task, partial(self._paths, task, resolved, outputs or {}), cpu)

    def _paths(self, task: Task, resolved: Sequence[Input], staged: Mapping[str, str]) -> Paths:
        return Paths(
            fingerprint.path_list((entry.path, entry.name) for entry in resolved),
            fingerprint.path_list((staged.get(made.path, made.path), made.name) for made in task.outputs),
            self._needs(task),
        )

    def _needs(self, task: Task) -> dict[str, Any]:
        return {
            name: {"outputs": PathList(self._outputs_behind(name))} for name in task.needs if name in self.graph.tasks
        }

    def _outputs_behind(self, name: str) -> Iterator[str]:
        for member in self.graph.members(name):
            yield from self.output_paths(member)

    def _module(self, task: Task) -> str:
        """A `call`'s module file with its digest; just the module's name where it is not below the root."""
        if task.declared.kind != "call":
            return ""
        for path in self.modules(task):
            if digest := self.files.digest(path):
                return f"{path} {digest}"
        return str(task.declared.action).partition(":")[0]

    def modules(self, task: Task) -> tuple[str, ...]:
        """Where the module of a `call` may be; the first file that is there is it. Nothing for other tasks."""
        if task.declared.kind != "call":
            return ()
        stem = str(task.declared.action).partition(":")[0].replace(".", "/")
        return f"{stem}.py", f"{stem}/__init__.py"


def _mentions_files(task: Task) -> bool:
    """Does the rendered action depend on files whose set may still grow?"""
    growing = any(entry.kind != "path" for entry in task.inputs)
    texts = _texts(task.declared.action, task.declared.args, task.declared.env, task.declared.cwd)
    mentioned: frozenset[str] = frozenset().union(*(names(text) for text in texts if "{" in text))
    return "needs" in mentioned or (growing and "inputs" in mentioned)


def _texts(*values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(*value.values())
        elif isinstance(value, list | tuple):
            yield from _texts(*value)
