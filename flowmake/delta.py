"""A project of which only that is looked at which known changes can affect; all else is as a snapshot found it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain

import msgspec

from flowmake import __version__, wiring
from flowmake.build import Project, load
from flowmake.core.compiled import Compiled
from flowmake.core.errors import FlowmakeError
from flowmake.core.evidence import Evidence
from flowmake.core.model import Flow
from flowmake.core.plan import Demand
from flowmake.shortcut import Kept
from flowmake.workspace import RunOptions, View
from flowmake.world import sections, snapshot
from flowmake.world.files import DiskFiles
from flowmake.world.looked import Looked
from flowmake.world.snapshot import Found
from flowmake.world.store import SqliteStore


class Outdated(FlowmakeError):
    """What the snapshot rests on is no more: somebody has run something meanwhile, or the records are damaged."""


class Part(Project):
    """The part of a project that the changes since a snapshot can affect. Meant for one run."""

    def __init__(self, kept: Kept, within: dict[str, None], loaded: Project | None = None) -> None:
        """`loaded` is the project as it was read once more, where that was necessary."""
        flow = kept.compiled.flow_of(within)
        super().__init__(flow, looked_at=Looked(flow.root) if loaded is None else loaded.looked_at)
        self.includes = None if loaded is None else loaded.includes
        self.kept = kept
        self._within = within

    @property
    def store(self) -> SqliteStore:
        """As in `Project`, with what is recorded of this part only."""
        store = wiring.open_store(self.state, read_only=True, notices=self.notices)
        store.narrow(list(self._within))
        return store

    def open(self) -> View:
        """As in `Workspace`, with what is recorded of this part only.

        Raises `Outdated`, with a message where a person should know why.
        """
        if not self.kept.found.is_kept():
            raise Outdated("")
        store = wiring.open_store(self.state, read_only=False)
        try:
            view = self.view(store, self._known_files(store))
            if store.notices:
                raise Outdated(store.notices[0])
            return view
        except BaseException:
            store.close()
            raise

    def _known_files(self, store: SqliteStore) -> DiskFiles:
        """The disk, with the digests known of what this part was judged by."""
        store.narrow(list(self._within))
        recorded = map(store.traces().get, self._within)
        paths = chain.from_iterable((*trace.inputs, *trace.outputs) for trace in recorded if trace is not None)
        return wiring.open_files(self.flow.root, self.state, store, list(dict.fromkeys(paths)))

    def view(self, store: SqliteStore, files: DiskFiles) -> View:
        """As in `Workspace`."""
        graph = self.kept.compiled.graph(self.flow)
        return View(graph, Evidence(graph, files, store, self.environ, wiring.clock().now), files, store)

    def demand(self, view: View, targets: Sequence[str], options: RunOptions) -> Demand:
        """What was asked for when the snapshot was written, of which only this part needs judging."""
        compiled = self.kept.compiled
        return Demand(compiled.question.targets, within=self._within, fresh=compiled.beside(self._within))


def affected(found: Found) -> Part | None:
    """What the changes that a snapshot shows can affect; None where that is not known."""
    parts = sections.read(found.path + snapshot.GRAPH, found.seal, __version__) if found.seal else None
    try:
        return None if parts is None else _part(found, Compiled(parts))
    except (msgspec.DecodeError, KeyError):  # whole, but made by a flowmake that tells it otherwise
        return None


def _part(found: Found, compiled: Compiled) -> Part | None:
    changed = set(map(os.fsdecode, found.changed))
    read_again = changed.intersection(compiled.flow.sources)
    loaded = _load(compiled.flow) if read_again else None
    revised = {} if loaded is None else compiled.revise(loaded.flow)
    if revised is None or (read_again and loaded is None):
        return None
    within = compiled.affected(changed - read_again, revised, read_again)
    return None if within is None else Part(Kept(found, compiled, frozenset(read_again)), within, loaded)


def _load(flow: Flow) -> Project | None:
    """The flow as it is declared now; None if it has anything wrong with it, which the normal path will tell."""
    try:
        return load(os.path.join(flow.root, flow.file))
    except FlowmakeError:
        return None
