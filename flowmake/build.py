"""The whole pipeline readable on one screen: load, graph, plan, why, run. Names no concrete adapter."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flowmake import wiring
from flowmake.core.errors import UsageError
from flowmake.core.events import Event, RunFinished
from flowmake.core.graph import Graph
from flowmake.core.plan import Demand, Judgement, Plan, needed, preview
from flowmake.core.ports import Observer, Store
from flowmake.workspace import RunOptions, Workspace, check

if TYPE_CHECKING:
    from flowmake.opening import Opened
    from flowmake.shortcut import Invocation
    from flowmake.views.composing import ClusterBy
    from flowmake.views.drawing import Drawing

__all__ = ["Confirm", "Listener", "Project", "RunOptions", "load"]

DEFAULTS = RunOptions()
Confirm = Callable[[str, str], bool]
"""Asks a person (task, question); True to go on."""
Listener = Observer | Callable[[Event], object]
"""Who hears of the events of a run: an observer, or just a function."""


class Project(Workspace):
    """A Flowfile opened for work, with its state. Only `run`, `accept` and `clean` write and take the lock."""

    includes: wiring.Includes | None = None
    """What include programs printed when the flow was loaded, to be kept by the next run."""

    @property
    def store(self) -> Store:
        """What is recorded, for reading."""
        return wiring.open_store(self.state, read_only=True, notices=self.notices)

    def graph(self) -> Graph:
        """The tasks and their edges; fan-outs whose source is made by a task are not expanded."""
        with self.look() as view:
            return view.graph

    def drawing(
        self,
        targets: Sequence[str] = (),
        *,
        up: float | None = None,
        down: float | None = None,
        between: tuple[str, str] | None = None,
        expand: bool = False,
        files: bool = False,
        cluster: ClusterBy = "",
        link: str = "",
    ) -> Drawing:
        """The picture of everything the targets need (none: of all tasks), with how each task stands.

        `up` and `down` draw what lies at most so many steps before and after the targets (`math.inf`: all of it; the
        one that is not given counts as 0), `between` everything on the ways from one target to another.
        `expand` shows every instance of a `foreach`, `files` files as well; `cluster` draws boxes by `"include"` or
        `"tag"`. `link` makes each task a link to this address, with `{task}` standing for its name.
        Raises `UsageError` for targets that mean nothing, or that nothing leads between.
        """
        from flowmake.views.composing import Options
        from flowmake.views.drawing import Drawing, Part, of_plan

        part = Part(tuple(targets), up, down, between)
        part.check()
        with self.look() as view:

            def meant(*given: str) -> tuple[str, ...]:
                return self.demand(view, given, DEFAULTS).targets

            wanted = tuple(self.flow.declarations) if part.is_beyond else meant(*targets)
            plan = preview(view.graph, view.evidence, Demand(wanted))
            names = part.names(plan, meant)
        title = ": ".join(filter(None, (self.flow.name, part.told)))
        options = Options(expand=expand, files=files, cluster=cluster, title=title, link=link)
        return Drawing(of_plan(plan, names, options, running=self.is_running(), mask=self.secrets().mask))

    def is_running(self) -> bool:
        """Is some flowmake running tasks in this root right now?"""
        return wiring.is_locked(self.state)

    def plan(self, targets: Sequence[str] = (), options: RunOptions = DEFAULTS, *, strict: bool = True) -> Plan:
        """Judge everything the targets need, without running or writing anything.

        Raises `UsageError` for unknown targets, `FlowfileError` for inputs that neither exist nor are made; unless it
        is `strict`, these are reasons (`input_missing`) for being stale.
        """
        with self.look() as view:
            demand = self.demand(view, targets, options)
            check(view, needed(view.graph, demand), inputs=strict)
            return preview(view.graph, view.evidence, demand)

    def why(self, target: str) -> Judgement:
        """The judgement of a single task. Raises `UsageError` when the target means several."""
        plan = self.plan([target])
        if len(plan.targets) != 1:
            raise UsageError(f"`{target}` means {len(plan.targets)} tasks", "name one of them")
        return plan.judgements[plan.targets[0]]

    def run(
        self,
        targets: Sequence[str] = (),
        options: RunOptions = DEFAULTS,
        on_event: Listener | Sequence[Listener] = (),
        confirm: Confirm | None = None,
        say: Callable[[str], None] | None = None,
        invocation: Invocation | None = None,
    ) -> RunFinished | None:
        """Bring the targets up to date. None if the lock is busy and the options say to skip then.

        `on_event` are listeners, or functions of an event; `confirm` is asked (task, question) before a task with
        `confirm` starts; `say` gets sentences that belong to no run, such as whom the lock is waiting for.
        `invocation` lets the same command line be answered from a snapshot next time.
        Raises `UsageError`, `FlowfileError`, `LockBusy`, `StateError`; a task that fails is no exception.
        """
        from flowmake.running import Run

        listeners = on_event if isinstance(on_event, Sequence) else [on_event]
        observers = [wiring.observer(listener) for listener in listeners]
        with wiring.locked(self.state, options.lock, say, self.secrets()) as is_ours:
            if not is_ours:
                return None
            if self.includes is not None:
                self.includes.keep()
            return Run(self, options, observers, confirm, invocation).result(targets)

    def accept(
        self, targets: Sequence[str] = (), *, lock: str = "wait", say: Callable[[str], None] | None = None
    ) -> list[str]:
        """Record what is there as fresh, for the targets themselves; returns the names of their tasks."""
        from flowmake.upkeep import accept

        with wiring.locked(self.state, lock, say, self.secrets()):
            return accept(self, targets)

    def clean(
        self,
        targets: Sequence[str] = (),
        *,
        orphans: bool = False,
        dry_run: bool = False,
        lock: str = "wait",
        say: Callable[[str], None] | None = None,
    ) -> list[str]:
        """Remove outputs that flowmake made (`orphans`: those no task makes any more); returns their paths.

        A directory in which something has changed since is kept; `say` is told.
        """
        from flowmake.upkeep import clean, removable

        tell = say or (lambda text: None)
        if dry_run:
            with self.look() as view:
                return removable(self, view, targets, orphans=orphans, say=tell)
        with wiring.locked(self.state, lock, say, self.secrets()):
            return clean(self, targets, orphans=orphans, say=tell)


def load(
    path: str | os.PathLike[str] | None = None,
    params: Mapping[str, Any] | None = None,
    params_file: str | None = None,
) -> Project:
    """Open the Flowfile at `path` (a file or its folder), or search for one from the current folder upwards.

    `params` override parameters by name; `params_file` is a TOML or JSON file of parameters that they override in turn.
    Raises `UsageError` when there is no Flowfile, `FlowfileError` with everything that is wrong in it.
    """
    from flowmake.opening import open_flow

    return project_of(open_flow(os.fspath(path) if path is not None else None, params, params_file))


def project_of(opened: Opened) -> Project:
    """A flow that has been read, opened for work."""
    looked_at = opened.files.looked_at() if opened.is_certain else None
    project = Project(opened.flow, _below(opened.flow.root), looked_at)
    project.includes = opened.includes
    return project


def _below(root: str) -> str:
    """The current folder relative to the root, with a closing `/`; empty at the root or outside it."""
    here = os.path.relpath(os.getcwd(), root)
    return "" if here == "." or here.startswith("..") else here + "/"
