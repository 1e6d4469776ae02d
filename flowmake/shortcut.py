"""Lets the same command be answered from a snapshot next time, where all that it looked at is known and fresh."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, time, timedelta

from msgspec import Struct

from flowmake import wiring
from flowmake.core.evidence import Evidence
from flowmake.core.graph import Graph
from flowmake.core.model import Task
from flowmake.core.plan import Demand, preview
from flowmake.core.ports import Store
from flowmake.workspace import Workspace, reveal
from flowmake.world import snapshot
from flowmake.world.files import DiskFiles
from flowmake.world.looked import Looked


class Invocation(Struct, frozen=True):
    """A way of calling flowmake that may be answered from a snapshot: its key, and what to say of N fresh tasks."""

    key: bytes
    message: Callable[[int], str]


def remember(
    workspace: Workspace, invocation: Invocation, store: Store, files: DiskFiles, demand: Demand, *, nothing_ran: bool
) -> bool:
    """Write the snapshot of an invocation that left everything fresh; False if that is not certain.

    Where something ran, everything is judged once more, by looking at the disk afresh: nothing but that very
    judgement is what a snapshot repeats. Raises `OSError`.
    """
    if not nothing_ran:
        wiring.wait_out_tick()
        files = wiring.open_files_again(files)
    view = workspace.view(store, files)
    reveal(view, demand.targets)
    if any(name not in view.graph.tasks for name in demand.targets):
        return False
    plan = preview(view.graph, view.evidence, demand)
    if not plan.is_fresh:
        return False
    tasks = [judgement.task for judgement in plan.tasks()]
    looked = _together(workspace.looked_at, files.looked_at())
    if looked is None or any(_always_runs(task) for task in tasks):
        return False
    snapshot.write(
        snapshot.path_for(workspace.state.path, invocation.key),
        invocation.key,
        invocation.message(len(tasks)),
        workspace.flow.root,
        {os.fsencode(path): figures for path, figures in looked.files.items()},
        [os.fsencode(path) for path in looked.absent],
        {name: snapshot.digest(os.environ.get(name)) for task in tasks for name in task.declared.track_env},
        min(_deadlines(view.graph, view.evidence, tasks), default=float("inf")),
    )
    return True


def _together(*parts: Looked | None) -> Looked | None:
    """All that was looked at; None if any part of it is uncertain."""
    whole = Looked()
    for part in parts:
        if part is None or not part.settle():
            return None
        whole.files |= part.files
        whole.absent |= part.absent
    return whole


def _always_runs(task: Task) -> bool:
    return task.declared.always or not (task.inputs or task.outputs)


def _deadlines(graph: Graph, evidence: Evidence, tasks: Iterable[Task]) -> Iterator[float]:
    """When the passing of time alone may make something stale."""
    for task in tasks:
        trace = evidence.trace(task.name)
        if task.declared.max_age is not None and trace is not None:
            yield trace.finished + task.declared.max_age
    sources = (s for d in graph.flow.declarations.values() if d.foreach for s in d.foreach.keys.values())
    if any(source.dates for source in sources):
        tomorrow = datetime.now().date() + timedelta(days=1)
        yield datetime.combine(tomorrow, time()).timestamp()
