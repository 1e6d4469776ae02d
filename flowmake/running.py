"""One run from the lock to the last event: opens what it needs, lets the scheduler work, closes the books."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from flowmake import wiring
from flowmake.core.errors import FlowmakeError
from flowmake.core.events import Event, Notice, RunFinished, RunStarted
from flowmake.core.model import RunRecord, TaskRecord
from flowmake.core.plan import Demand, needed
from flowmake.core.ports import Observer
from flowmake.engine.attempts import Attempts
from flowmake.engine.limits import Limits
from flowmake.engine.policy import Outcome, Policy
from flowmake.engine.scheduler import Scheduler
from flowmake.engine.session import Session
from flowmake.engine.states import State
from flowmake.outposts import Outposts
from flowmake.shortcut import Invocation, Sight, remember, remember_flow
from flowmake.workspace import RunOptions, View, Workspace, check
from flowmake.world import snapshot

if TYPE_CHECKING:
    from flowmake.engine.jobserver import Jobserver
    from flowmake.world.signals import Signals

Status = Literal["succeeded", "failed", "interrupted", "nothing_to_do"]
NAMED = 5
TICK = 0.05
"""Seconds between two ticks for observers and logs, at the least: a loop of small tasks turns a thousand times."""
RAN = ("succeeded", "failed", "timed_out", "interrupted")


class Run:
    """A run in a locked root."""

    def __init__(
        self,
        workspace: Workspace,
        options: RunOptions,
        observers: Sequence[Observer],
        confirm: Callable[[str, str], bool] | None,
        invocation: Invocation | None = None,
    ) -> None:
        self._workspace = workspace
        self._invocation = invocation
        self._options = options
        self._observers = list(observers)
        self._confirm = (lambda task, question: True) if options.yes else confirm or (lambda task, question: False)
        self._clock = wiring.clock()
        self._started = self._clock.now()
        self._secrets = workspace.secrets()
        self._logs = wiring.logs(workspace.flow, self._secrets)
        self._id = f"{datetime.fromtimestamp(self._started, UTC):%Y%m%d-%H%M%S}-{os.urandom(2).hex()}"
        self._jobs = options.jobs or wiring.cores()
        self._ran: set[str] = set()
        self._ticked = -TICK

    def result(self, targets: Sequence[str]) -> RunFinished:
        """Run; the last event."""
        workspace = self._workspace
        workspace.state.create()
        view = workspace.open()
        store, files = view.store, view.files
        try:
            demand = workspace.demand(view, targets, self._options)
            names = needed(view.graph, demand)
            check(view, names)
            outposts = Outposts(workspace, view, names, self._options.executor)
            self._observers = [*self._hooks(view), *self._observers, self._log()]
            workspace.notices.clear()  # what was found on the way here is said by the store that mends it
            for text in [*store.notices, *self._bury_dead_runs(view)]:
                self._say(text)
            try:
                finished = self._run(view, demand, outposts)
                # This writes what was recorded to the database, while the tick goes by that `settle` waits for.
                beyond = store.runs_beyond(workspace.flow.history, self._clock.now()) if self._ran else []
                files.settle()
                self._remember(Sight(view, demand), finished)
                store.save_stat_cache(files.cache)
            finally:
                for observer in self._observers:
                    observer.close()
            # In this order: of a run that is recorded, what a crash has left will be removed next time.
            workspace.state.remove_runs(beyond)
            store.forget_runs(beyond)
            return finished
        finally:
            store.close()

    def _remember(self, sight: Sight, finished: RunFinished) -> None:
        """A snapshot is a convenience: what keeps it from being written is no failure of the run."""
        if self._invocation is None:
            return
        try:
            remember_flow(self._workspace, self._invocation)
            if finished.exit_code or self._options.changes_demand:
                return
            if sight.view.store.notices:
                return  # the records were damaged, and are not those of all that is fresh
            remember(self._workspace, self._invocation, sight, self._ran)
        except (OSError, FlowmakeError) as error:
            self._say(f"the next run will look at everything again: {error}")

    def _log(self) -> Observer:
        return wiring.run_log(self._workspace.state.events(self._id), self._say)

    def _hooks(self, view: View) -> list[Observer]:
        """Hooks close first: what they have to report while closing, the others must still be able to tell."""
        workspace, flow = self._workspace, self._workspace.flow
        hooks = {
            declared.name: (declared.on_success, declared.on_failure)
            for declared in flow.declarations.values()
            if declared.on_success or declared.on_failure
        }
        if not hooks and not any(
            (flow.hooks.on_success, flow.hooks.on_failure, flow.hooks.on_recovery, flow.hooks.finally_)
        ):
            return []
        last = view.store.runs(1)
        failed = bool(last) and last[0].status != "succeeded"
        return [wiring.hooks(flow, hooks, workspace.environ, self._complain, failed, self._secrets)]

    # -- the run itself ----------------------------------------------------------------------------------------

    def _run(self, view: View, demand: Demand, outposts: Outposts) -> RunFinished:
        workspace = self._workspace
        with (
            wiring.signals() as signals,
            wiring.jobserver(workspace.flow, self._jobs, workspace.state, workspace.environ) as slots,
        ):
            if slots.notice:
                self._say(slots.notice)
            session = self._session(view, demand, signals, slots, outposts)
            try:
                outcome = self._scheduled(session, view, demand, signals, slots)
            finally:
                for name, executor in session.executors.items():
                    executor.close()
                    for text in executor.notices():
                        self._say(f"executor `{name}`: {text}")
        return self._finish(view, demand, outcome)

    def _session(self, view: View, demand: Demand, signals: Signals, slots: Jobserver, outposts: Outposts) -> Session:
        workspace = self._workspace
        return Session(
            run=self._id,
            root=workspace.flow.root,
            environ=workspace.environ,
            served=slots.environ,
            grace=self._options.grace,
            log_of=lambda task: workspace.state.log(self._id, task),
            executors={
                **wiring.executors(workspace.flow, self._jobs, slots.pass_fds),
                **outposts.open(self._jobs, workspace.environ),
            },
            default_executor=self._options.executor,
            store=view.store,
            clock=wiring.clock(signals),
            emit=self._emit,
            begin=lambda: self._begin(view, demand),
            secrets=self._secrets,
            logs=self._logs,
        )

    def _scheduled(self, session: Session, view: View, demand: Demand, signals: Signals, slots: Jobserver) -> Outcome:
        options, flow = self._options, self._workspace.flow
        scheduler = Scheduler(
            session,
            view.evidence,
            Attempts(session, view.evidence, _chance),
            Limits(self._jobs, flow.pools, flow.resources, session.lanes),
            Policy(options.keep_going, options.fail_fast, options.deadline, options.grace, options.tick),
            demand,
            signals,
            slots,
            lambda task, question: self._is_confirmed(signals, task, question),
            self._tick,
        )
        expected = scheduler.prepare()
        self._emit(
            RunStarted(
                time=self._started,
                run=self._id,
                targets=demand.targets,
                jobs=self._jobs,
                argv=options.argv,
                expected=expected,
                fresh=demand.fresh,
            )
        )
        return scheduler.run()

    def _is_confirmed(self, signals: Signals, task: str, question: str) -> bool:
        """Ask; an interruption is no yes."""
        try:
            with signals.raising():
                return self._confirm(task, question)
        except KeyboardInterrupt:
            return False

    def _finish(self, view: View, demand: Demand, outcome: Outcome) -> RunFinished:
        status, exit_code = _verdict(outcome)
        self._ran = {name for name, state in outcome.states.items() if state is not State.FRESH}
        if self._workspace.flow.remove_orphans and not exit_code:
            self._remove_orphans(view)
        now = self._clock.now()
        finished = RunFinished(
            time=now,
            run=self._id,
            status=status,
            exit_code=exit_code,
            counts=outcome.counts,
            seconds=now - self._started,
            total=sum(outcome.counts.values()),
            orphans=() if demand.within is not None else _note_orphans(view),
        )
        if any(outcome.counts.get(kind) for kind in RAN):
            size = self._workspace.state.size_of(self._id)
            view.store.end_run(self._record(demand, now, status, exit_code, outcome.counts, size))
        view.store.flush()
        self._emit(finished)
        return finished

    def _remove_orphans(self, view: View) -> None:
        from flowmake.upkeep import remove_orphans

        removed = remove_orphans(self._workspace, view)
        if removed:
            names = ", ".join(f"`{path}`" for path in removed[:NAMED])
            more = f" and {len(removed) - NAMED} more" if len(removed) > NAMED else ""
            self._say(f"removed what no task makes any more: {names}{more}", "info")

    # -- books -------------------------------------------------------------------------------------------------

    def _begin(self, view: View, demand: Demand) -> None:
        """Before the first task is prepared: a run that finds nothing to do leaves nothing behind."""
        snapshot.clear(self._workspace.state.path)
        self._workspace.state.create_run(self._id)
        view.store.begin_run(self._record(demand))

    def _record(
        self,
        demand: Demand,
        finished: float = 0.0,
        status: str = "running",
        exit_code: int = -1,
        counts: dict[str, int] | None = None,
        size: int = 0,
    ) -> RunRecord:
        return RunRecord(
            id=self._id,
            started=self._started,
            finished=finished,
            status=status,
            exit_code=exit_code,
            targets=demand.targets,
            argv=self._secrets.deep(self._options.argv),
            jobs=self._jobs,
            counts=counts or {},
            size=size,
            **self._who_and_where,
        )

    @cached_property
    def _who_and_where(self) -> dict[str, Any]:
        """Found out once: it may mean to start git."""
        return wiring.who_and_where(self._workspace.flow.root)

    def _bury_dead_runs(self, view: View) -> list[str]:
        """We hold the lock, so a run recorded as running has died: stop what it left alive, and close its books."""
        dead = [run for run in view.store.runs(10) if run.status == "running"]
        if not dead:
            return []
        said = wiring.stop_survivors([run.id for run in dead], self._workspace.flow.root, self._options.grace)
        for run in dead:
            said += wiring.scrub_logs(self._workspace.state, run.id, self._secrets)
            view.store.end_run(_died(run, view.store.tasks_of(run.id), self._workspace.state.size_of(run.id)))
        view.store.flush()
        return said

    # -- telling -----------------------------------------------------------------------------------------------

    def _emit(self, event: Event) -> None:
        if self._secrets.are_known:
            event = self._secrets.masked(event)
        for observer in self._observers:
            observer.on_event(event)

    def _tick(self, now: float) -> None:
        if now - self._ticked < TICK:
            return
        self._ticked = now
        self._logs.tick(now)
        for observer in self._observers:
            observer.on_tick(now)

    def _say(self, text: str, level: Literal["info", "warning", "error"] = "warning") -> None:
        self._emit(Notice(time=self._clock.now(), run=self._id, text=text, level=level))

    def _complain(self, text: str) -> None:
        """Say what went wrong beside the tasks, to those as well who only want to hear of failures."""
        self._say(text, "error")


def _verdict(outcome: Outcome) -> tuple[Status, int]:
    """Status and exit code of a run."""
    if outcome.signal:
        return "interrupted", 128 + outcome.signal
    if outcome.failed:
        return "failed", 124 if outcome.only_timeouts else 1
    if outcome.deadline_passed:
        return "interrupted", 124
    ran = any(outcome.counts.get(kind) for kind in RAN)
    return ("succeeded" if ran else "nothing_to_do"), 0


def _note_orphans(view: View) -> tuple[str, ...]:
    from flowmake.upkeep import note_orphans

    return note_orphans(view)


def _died(run: RunRecord, tasks: Sequence[TaskRecord], size: int) -> RunRecord:
    from msgspec.structs import replace

    ends = [task.started + task.seconds for task in tasks]
    return replace(run, status="interrupted", finished=max(ends, default=run.started), exit_code=137, size=size)


def _chance() -> float:
    import random  # only for retries with jitter

    return random.random()
