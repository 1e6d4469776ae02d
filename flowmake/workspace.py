"""A flow with its state folder and environment: opens stores and graphs, turns requests into demands. Runs nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from msgspec import Struct

from flowmake import wiring
from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.evidence import Evidence
from flowmake.core.graph import Graph
from flowmake.core.model import Flow
from flowmake.core.plan import Demand, check_inputs, needed, preview, resolve_targets
from flowmake.core.rehearsal import rehearse
from flowmake.core.secrets import Secrets, of_flow
from flowmake.world.files import DiskFiles
from flowmake.world.looked import Looked
from flowmake.world.store import SqliteStore


class RunOptions(Struct, frozen=True):
    """How to run. `jobs` 0: the cores this process may use. Times in seconds; `deadline` counts from the start.

    `force` reruns everything the targets need, `force_tasks` only those; `only` leaves upstreams alone; `failed` takes
    from the targets what did not succeed last time. `yes` answers every `confirm`. `executor` overrides that of
    all tasks. `lock`: `wait`, `wait=SECONDS`, `fail` or `skip`. `grace` lies between TERM and KILL, `tick` between
    two calls of the observers' `on_tick`. `argv` is kept in the history.
    """

    jobs: int = 0
    keep_going: bool = False
    fail_fast: bool = False
    force: bool = False
    force_tasks: tuple[str, ...] = ()
    only: bool = False
    failed: bool = False
    yes: bool = False
    deadline: float | None = None
    executor: str = ""
    lock: str = "wait"
    grace: float = 10.0
    tick: float = 1.0
    argv: tuple[str, ...] = ()

    @property
    def changes_demand(self) -> bool:
        """Something else is wanted than that the targets are fresh."""
        return bool(self.force or self.force_tasks or self.only or self.failed)


class View(Struct, frozen=True):
    """A graph with what is known about it at one moment."""

    graph: Graph
    evidence: Evidence
    files: DiskFiles
    store: SqliteStore


class Workspace:
    """`here` is the folder below the root, with a closing `/`, from which relative targets are meant.

    `looked_at` is what was looked at to load the flow, None if that is not certain. `notices` is what people should be
    told about the state, as far as it was looked at.
    """

    def __init__(self, flow: Flow, here: str = "", looked_at: Looked | None = None) -> None:
        self.flow = flow
        self.here = here
        self.looked_at = looked_at
        self.notices: list[str] = []
        self.state = wiring.open_state(flow.root, flow.file)
        self.environ = {**flow.dotenv, **os.environ}

    def secrets(self) -> Secrets:
        """What must not be seen, as far as that is known before templates are rendered."""
        return of_flow(self.flow, self.environ)

    @contextmanager
    def look(self) -> Iterator[View]:
        """A view for reading only."""
        with closing(wiring.open_store(self.state, read_only=True, notices=self.notices)) as store:
            yield self.view(store, wiring.open_files(self.flow.root, self.state, store))

    def open(self) -> View:
        """A view for a run. The state folder exists; the store is to be closed. Raises `FlowfileError`."""
        store = wiring.open_store(self.state, read_only=False)
        try:
            return self.view(store, wiring.open_files(self.flow.root, self.state, store))
        except BaseException:
            store.close()
            raise

    def view(self, store: SqliteStore, files: DiskFiles) -> View:
        """Graph and evidence on an open store. Raises `FlowfileError`."""
        from flowmake.core.assembly import Assembly

        made = store.made()
        graph = Assembly(self.flow, wiring.DiskSources(files), lambda p: p in made and files.digest(p) == made[p])
        return View(graph, Evidence(graph, files, store, self.environ, wiring.clock().now), files, store)

    def demand(self, view: View, targets: Sequence[str], options: RunOptions) -> Demand:
        """What the targets and options ask for. Raises `UsageError`."""
        reveal(view, (*targets, *options.force_tasks))
        names = resolve_targets(view.graph, targets, self.here)
        if options.failed:
            names = tuple(_not_succeeded(view, Demand(names)))
        forced = resolve_targets(view.graph, options.force_tasks, self.here) if options.force_tasks else ()
        return Demand(names, options.only, options.force, frozenset(forced))


def reveal(view: View, targets: Sequence[str]) -> None:
    """Expand the fan-outs whose source is fresh, where a target may mean one of their instances."""
    graph = view.graph
    if graph.fanouts and any(target not in graph.tasks for target in targets):
        preview(graph, view.evidence, Demand(tuple(graph.fanouts)))


def check(view: View, names: Sequence[str], *, inputs: bool = True) -> None:
    """Find what is wrong with these tasks before any of them runs. Raises `FlowfileError` with all of it.

    Without `inputs`, one that is missing is left to be a reason of its task.
    """
    problems: list[Problem] = []
    try:
        if inputs:
            check_inputs(view.evidence, names)
    except FlowfileError as error:
        problems += error.problems
    try:
        rehearse(view.graph, names)
    except FlowfileError as error:
        problems += error.problems
    if problems:
        raise FlowfileError(problems)


def _not_succeeded(view: View, wanted: Demand) -> Iterator[str]:
    """Of a fan-out that cannot be expanded yet, the whole counts when any instance it had did not succeed."""
    graph = view.graph
    preview(graph, view.evidence, wanted)  # expands the fan-outs whose source is fresh
    failed = {name for name, last in view.store.attempts().items() if last.status != "succeeded"}
    groups = {name.partition("@")[0] for name in failed}
    return (name for name in needed(graph, wanted) if name in (groups if name in graph.fanouts else failed))
