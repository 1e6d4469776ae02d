"""Lets the same command be answered from a snapshot next time, where all that it looked at is known and fresh."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, time, timedelta

from msgspec import Struct

from flowmake import __version__, wiring
from flowmake.core.compiled import Compiled, Question
from flowmake.core.evidence import Evidence
from flowmake.core.graph import Graph
from flowmake.core.model import Task
from flowmake.core.plan import Demand, needed, preview
from flowmake.core.staleness import Fresh, judge
from flowmake.core.tracing import speaks_for_itself
from flowmake.workspace import View, Workspace, reveal
from flowmake.world import snapshot
from flowmake.world.files import DiskFiles
from flowmake.world.looked import Looked
from flowmake.world.statcache import Figures


class Kept(Struct, frozen=True):
    """What an earlier run has left: a snapshot, compared with what is there now, and the compiled graph beside it."""

    found: snapshot.Found
    compiled: Compiled
    read_again: frozenset[str] = frozenset()
    """Files of which it is known what their change means: they were read once more."""


class Invocation(Struct, frozen=True):
    """A way of calling flowmake that may be answered from a snapshot: its key, and what to say of N fresh tasks.

    `asked` is what whoever called wants to find again beside a compiled graph; None if it cannot be written down.
    `kept` is what this run goes by instead of looking at everything. `listing` is what may be told about the whole
    flow, with the key to find it by.
    """

    key: bytes
    message: Callable[[int], str]
    asked: bytes | None = b""
    kept: Kept | None = None
    listing: tuple[bytes, str] | None = None


class Sight(Struct, frozen=True):
    """What a run, or a second look after it, judged by."""

    view: View
    demand: Demand

    @property
    def files(self) -> DiskFiles:
        return self.view.files

    @property
    def names(self) -> list[str]:
        return needed(self.view.graph, self.demand)


def remember(workspace: Workspace, invocation: Invocation, sight: Sight, ran: Collection[str]) -> bool:
    """Write the snapshot of a run that left everything fresh; False if that is not certain. Raises `OSError`.

    `ran` are the tasks that it ran. What it found fresh, or has made so, needs no second judgement while nothing that
    was looked at for it has changed. Where that cannot be told, the disk is looked at afresh.
    """
    if not _are_fresh(sight.view, {*_unclear(sight.view, ran), *_touched(sight, sight.files.changed())}):
        return False
    looked = _together(workspace, sight.files)
    if looked is None and ran:
        wiring.wait_out_tick()
        sight = _again(workspace, sight)
        looked = _together(workspace, sight.files) if _all_fresh(sight) else None
    if looked is None:
        return False
    if invocation.kept is not None:
        return _patch(invocation.kept, sight, looked, ran)
    _write(workspace, invocation, sight, looked)
    return True


def remember_flow(workspace: Workspace, invocation: Invocation) -> None:
    """Write down what may be told about the flow as long as all that was read for it is as it is. Raises `OSError`."""
    looked = workspace.looked_at
    if invocation.listing is None or looked is None or not looked.settle():
        return
    key, told = invocation.listing
    path = snapshot.listing_path(workspace.state.path)
    states, absent = _as_bytes(looked)
    snapshot.write(path, key, told, workspace.flow.root, states, absent, {}, float("inf"), racy=_racy(looked))


def _again(workspace: Workspace, sight: Sight) -> Sight:
    files = wiring.open_files_again(sight.files)
    return Sight(workspace.view(sight.view.store, files), sight.demand)


def _all_fresh(sight: Sight) -> bool:
    """Judge everything."""
    view, demand = sight.view, sight.demand
    if demand.within is not None:
        return _are_fresh(view, demand.within)
    reveal(view, demand.targets)
    known = all(name in view.graph.tasks for name in demand.targets)
    return known and preview(view.graph, view.evidence, demand).is_fresh


def _unclear(view: View, ran: Iterable[str]) -> Iterator[str]:
    """Of the tasks that ran, those that are not fresh by what was recorded of them alone."""
    tasks, evidence = view.graph.tasks, view.evidence
    for name in ran:
        trace, attempt = evidence.trace(name), evidence.attempt(name)
        succeeded = attempt is not None and attempt.status == "succeeded"
        if trace is None or not succeeded or not speaks_for_itself(tasks[name], trace):
            yield name


def _touched(sight: Sight, paths: set[str]) -> Iterator[str]:
    """Tasks that were judged by any of these paths."""
    for name in sight.names if paths else ():
        trace = sight.view.evidence.trace(name)
        if trace is not None and not (paths.isdisjoint(trace.inputs) and paths.isdisjoint(trace.outputs)):
            yield name


def _are_fresh(view: View, names: Iterable[str]) -> bool:
    """Judge these once more, by what is known now."""
    tasks, evidence = view.graph.tasks, view.evidence
    verdicts = (judge(tasks[n], evidence.trace(n), evidence.attempt(n), evidence.facts(n)) for n in names)
    return all(isinstance(verdict, Fresh) for verdict in verdicts)


def _together(workspace: Workspace, files: DiskFiles) -> Looked | None:
    """All that was looked at, for loading the flow and for judging; None if any part of it is uncertain."""
    loading, whole = workspace.looked_at, files.looked_at()
    if loading is None or whole is None:
        return None
    return whole if loading.settle() and whole.settle() and whole.take(loading) else None


# -- a snapshot of everything ----------------------------------------------------------------------------------


def _write(workspace: Workspace, invocation: Invocation, sight: Sight, looked: Looked) -> None:
    graph, evidence = sight.view.graph, sight.view.evidence
    names = _names_by_now(sight)
    tasks = [task for name in names if not (task := graph.tasks[name]).is_group]
    variables = {name for task in tasks if task.declared.track_env for name in task.declared.track_env}
    if _tells_dates(graph):
        variables.add("TZ")
    path = snapshot.path_for(workspace.state.path, invocation.key)
    seal = _compile(path, invocation, sight, names, looked)
    states, absent = _as_bytes(looked)
    snapshot.write(
        path,
        invocation.key,
        invocation.message(len(tasks)),
        workspace.flow.root,
        states,
        absent,
        {name: snapshot.digest(os.environ.get(name)) for name in variables},
        min(_deadlines(graph, evidence, tasks), default=float("inf")),
        seal,
        _racy(looked),
    )


def _as_bytes(looked: Looked) -> tuple[dict[bytes, Figures], set[bytes]]:
    """Files with their figures, and paths where nothing is."""
    states = {os.fsencode(path): figures for path, figures in looked.files.items()}
    return states, {os.fsencode(path) for path in looked.absent}


def _racy(looked: Looked) -> dict[bytes, str]:
    return {os.fsencode(path): digest for path, digest in looked.racy.items()}


def _names_by_now(sight: Sight) -> list[str]:
    """All that the demand needs, with what is only known since this run."""
    names, evidence = sight.names, sight.view.evidence
    learnt = [name for name in names if evidence.discover(name, ready=True)]
    return sight.names if learnt else names


def _compile(path: str, invocation: Invocation, sight: Sight, names: list[str], looked: Looked) -> str:
    """Write the compiled graph beside its snapshot; its seal, empty where there is none."""
    if invocation.asked is None:
        return ""
    from flowmake.core.flattening import NotPlain, flatten
    from flowmake.world import sections

    view = sight.view
    undeclared = view.store.made_beside(view.graph.outputs.files)
    has_leftovers = any(view.graph.producer(path) is None for path in undeclared)
    question = Question(sight.demand.targets, invocation.asked)
    flat = flatten(view.evidence, names, looked.decisive, question, has_leftovers)
    try:
        return sections.write(path + snapshot.GRAPH, flat, __version__)
    except NotPlain:
        return ""


def _deadlines(graph: Graph, evidence: Evidence, tasks: Iterable[Task]) -> Iterator[float]:
    """When the passing of time alone may make something stale."""
    for task in tasks:
        declared = task.declared
        if declared.max_age is None or "age" not in declared.rerun_on or declared.frozen:
            continue
        if (trace := evidence.trace(task.name)) is not None:
            yield trace.finished + declared.max_age
    if _tells_dates(graph):
        tomorrow = datetime.now().date() + timedelta(days=1)
        yield datetime.combine(tomorrow, time()).timestamp()


def _tells_dates(graph: Graph) -> bool:
    """Whether any task ranges over dates, which may count from today."""
    ranges = (d.foreach.keys.values() for d in graph.flow.declarations.values() if d.foreach)
    return any(source.dates for sources in ranges for source in sources)


# -- a snapshot brought up to date -----------------------------------------------------------------------------


def _patch(kept: Kept, sight: Sight, looked: Looked, ran: Collection[str]) -> bool:
    """Write the snapshot again with what has been looked at now; False where more has changed than was judged.

    Its deadline stays, though what ran has a later one now.
    """
    from flowmake.world.patching import Patch

    found, compiled = kept.found, kept.compiled
    states, absent = _as_bytes(looked)
    patch = Patch(states, absent, set(found.changed), _racy(looked))
    differing = {os.fsdecode(path) for path in patch.differing(found)} - kept.read_again
    concerned = compiled.affected(differing)
    within = sight.demand.within or {}
    if concerned is None or not concerned.keys() <= within.keys():
        return False
    evidence = sight.view.evidence
    traces = [trace for name in ran if (trace := evidence.trace(name)) is not None]
    still_holds = looked.decisive <= compiled.decisive and all(map(compiled.has_known, traces))
    patch.write(found, _seal(kept) if still_holds else "")
    return True


def _seal(kept: Kept) -> str:
    """That of the compiled graph, which is written again where it has taken something over."""
    if not kept.read_again:
        return kept.found.seal
    from flowmake.world import sections

    return sections.write(kept.found.path + snapshot.GRAPH, kept.compiled.revised(), __version__)
