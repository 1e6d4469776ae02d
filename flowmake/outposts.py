"""The remote executors that a run needs: found, their options checked, opened. Unaware of what they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from flowmake import wiring
from flowmake.core.errors import FlowfileError, Problem, UsageError
from flowmake.core.model import Declaration, ExecutorTable, Flow
from flowmake.core.placement import LOCAL, executor_of, unfenceable
from flowmake.core.ports import Executor, ExecutorKind, RemoteOptions
from flowmake.core.suggest import nearest
from flowmake.core.units import DURATION_FORMS, seconds
from flowmake.workspace import View, Workspace


class Outposts:
    """What the tasks of a run need besides this machine. `override` is what `--executor` says."""

    def __init__(self, workspace: Workspace, view: View, names: Iterable[str], override: str) -> None:
        """Raises `UsageError` or `FlowfileError` for executors that do not exist or cannot do what is asked."""
        self._workspace = workspace
        self._kinds: dict[str, tuple[ExecutorKind, RemoteOptions]] = {}
        flow = workspace.flow
        if override not in ("", LOCAL) and _kind(flow, override) is None:
            raise UsageError(f"there is no executor `{override}`", _hint(override, flow.executors))
        problems: dict[Problem, None] = {}
        for name in names:
            task = view.graph.tasks[name]
            executor = executor_of(task.declared, override)
            if not task.is_group and executor != LOCAL:
                table = flow.executors.get(executor) or ExecutorTable(executor, {}, task.declared.place.at("executor"))
                problems |= dict.fromkeys([*self._settle(executor, table), *unfenceable(task)])
                problems |= dict.fromkeys(check_task(task.declared, table.kind))
        if problems:
            raise FlowfileError(list(problems))

    def _settle(self, name: str, table: ExecutorTable) -> Iterator[Problem]:
        """Find out once what an executor is."""
        if name in self._kinds:
            return
        kind = wiring.executor_kind(table.kind)
        if kind is None and name not in self._workspace.flow.executors:
            hint = _hint(name, self._workspace.flow.executors)
            yield Problem(f"there is no executor `{name}`", (table.place,), hint)
        elif found := list(check_table(table, kind)):
            yield from found
        elif kind is not None:
            self._kinds[name] = kind, msgspec.convert(table.options, kind.options)

    def open(self, jobs: int, environ: Mapping[str, str]) -> dict[str, Executor]:
        """The executors by name. Raises `UsageError` where an engine is not there."""
        workspace = self._workspace
        opened: dict[str, Executor] = {}
        try:
            for name, (kind, options) in self._kinds.items():
                opened[name] = kind.open(options, wiring.site(workspace.state, workspace.flow, name, jobs, environ))
        except BaseException:
            for executor in opened.values():
                executor.close()
            raise
        return opened


def check_tables(flow: Flow) -> None:
    """Find what is wrong with any of `[executors]`, used or not, or with what tasks ask of them.

    Raises `FlowfileError`.
    """
    tables = flow.executors.values()
    problems = [problem for table in tables for problem in check_table(table, wiring.executor_kind(table.kind))]
    for declared in flow.declarations.values():
        problems += [problem for kind in declared.options for problem in check_task(declared, kind)]
    if problems:
        raise FlowfileError(problems)


def check_table(table: ExecutorTable, kind: ExecutorKind | None) -> Iterator[Problem]:
    """What is wrong with an executor's options; only the kind itself knows which it has."""
    if kind is None:
        yield Problem(f"there is no kind of executor `{table.kind}`", (table.place.at("kind"),), _hint(table.kind))
        return
    from flowmake.core.validation import misfits

    found = list(misfits(table.options, kind.options, table.place))
    yield from found
    wait = table.options.get("latency_wait")
    if isinstance(wait, str) and not found:
        try:
            seconds(wait)
        except ValueError:
            place = table.place.at("latency_wait")
            yield Problem(f"`latency_wait` is not a duration: `{wait}`", (place,), f"write {DURATION_FORMS}")


def check_task(declared: Declaration, name: str) -> Iterator[Problem]:
    """What is wrong with what a task asks of executors of that kind."""
    if name not in declared.options or (kind := wiring.executor_kind(name)) is None:
        return
    place = declared.place.at(name)
    if kind.of_tasks is None:
        yield Problem(f"executors of kind `{name}` take no options from tasks", (place.key(),))
    else:
        from flowmake.core.validation import misfits

        yield from misfits(declared.options[name], kind.of_tasks, place)


def _kind(flow: Flow, name: str) -> ExecutorKind | None:
    return wiring.executor_kind(flow.executors[name].kind if name in flow.executors else name)


def _hint(name: str, declared: Iterable[str] | None = None) -> str:
    """What may have been meant: a kind, or any executor where some are `declared`."""
    kinds = wiring.executor_kinds()
    if declared is None:
        return nearest(name, kinds) or "a plug-in may bring it" + (f"; {_known(kinds)}" if kinds else "")
    return _known(list(dict.fromkeys([LOCAL, *declared, *kinds])))


def _known(names: Iterable[str]) -> str:
    return "known: " + ", ".join(f"`{name}`" for name in names)
