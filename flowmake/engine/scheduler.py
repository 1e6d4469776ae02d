"""The loop that brings targets up to date: discover, judge, start, finish. Unaware of how tasks are executed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence

from msgspec import Struct, structs

from flowmake.core.errors import FlowmakeError
from flowmake.core.events import Notice, TaskFinished, TaskStatus
from flowmake.core.evidence import Evidence
from flowmake.core.graph import Graph
from flowmake.core.plan import Demand
from flowmake.core.ports import Ended
from flowmake.engine.arrivals import Arrivals
from flowmake.engine.attempts import Attempts, Result
from flowmake.engine.backlog import Backlog
from flowmake.engine.judging import Judging
from flowmake.engine.limits import Claim, Limits
from flowmake.engine.policy import Course, Outcome, Policy, Signals, Slots
from flowmake.engine.schedule import Schedule
from flowmake.engine.session import Running, Session
from flowmake.engine.states import GOOD, STATUS, State
from flowmake.engine.stopping import Stopping
from flowmake.engine.temps import Temps
from flowmake.engine.timers import Timers

BATCH = 200
"""How many attempts are prepared before anything else is looked at again."""

_End = tuple[Running, Claim, Ended]


class _Retry(Struct, frozen=True):
    """An attempt that failed, until it is repeated: while its delay runs, and while it waits for room."""

    running: Running
    claim: Claim
    ended: Ended
    message: str


class Scheduler:
    """One run. Judging is left to `evidence` and `judge`, running to `attempts`; here is only: who is next."""

    def __init__(
        self,
        session: Session,
        evidence: Evidence,
        attempts: Attempts,
        limits: Limits,
        policy: Policy,
        demand: Demand,
        signals: Signals,
        slots: Slots,
        confirm: Callable[[str, str], bool],
        on_tick: Callable[[float], None],
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._graph: Graph = evidence.graph
        self._attempts = attempts
        self._limits = limits
        self._policy = policy
        self._demand = demand
        self._slots = slots
        self._confirm = confirm
        self._on_tick = on_tick
        self._schedule = Schedule(self._graph, self._upstream, self._estimate)
        self._running: dict[str, tuple[Running, Claim]] = {}
        self._numbers: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._failed: dict[str, State] = {}
        self._course = Course(signals)
        self._backlog = Backlog(self._schedule)
        self._judging = Judging(
            session,
            evidence,
            attempts,
            limits,
            self._schedule,
            self._backlog,
            demand,
            self._counts,
            self._course,
            self._settle_unrun,
        )
        self._timers = Timers(session.clock)
        self._stopping = Stopping(self._running, self._timers, policy.grace)
        self._ends: deque[_End] = deque()
        self._arrivals = Arrivals(session.root, session.clock)
        self._latencies = {name: executor.traits.latency for name, executor in session.executors.items()}
        self._starts_more = False
        self._retrying: dict[str, _Retry] = {}
        self._confirmed: set[str] = set()
        self._temps = Temps(evidence, session.root, session.store.flush)

    # -- the loop ----------------------------------------------------------------------------------------------

    def prepare(self) -> int:
        """Find out what the demand needs; how many tasks that is, as far as known."""
        demand = self._demand
        self._schedule.add(demand.targets if demand.within is None else demand.within)
        self._schedule.rank()
        if demand.fresh:
            self._counts["fresh"] = len(demand.fresh)
        return len(demand.fresh) + sum(not self._graph.tasks[name].is_group for name in self._schedule.states)

    def run(self) -> Outcome:
        """Bring what was prepared up to date, or as far as failures allow."""
        clock, session = self._session.clock, self._session
        if self._policy.deadline is not None:
            self._timers.after(self._policy.deadline, self._pass_deadline)
        while True:
            self._poll()
            self._heed_signals()
            self._timers.fire()
            if self._ends and not self._course.is_signalled():
                self._start_ready()
            self._collect()
            self._on_tick(clock.monotonic())
            self._consider_due()
            if self._course.is_signalled():
                continue
            self._start_ready()
            if not (self._running or self._ends or self._retrying or self._backlog):
                break
            session.store.flush()
            self._wait()
        self._skip_rest()
        self._remove_temps()
        session.store.flush()
        return self._outcome()

    def _wait(self) -> None:
        if self._starts_more or self._ends or (self._backlog and not self._has_enough_judged()):
            return
        fds = [*self._slots.fds()]
        tick = min(self._policy.tick, self._arrivals.interval)
        for executor in self._session.executors.values():
            fds += executor.fds()
            interval = executor.interval
            if interval is not None and interval < tick:
                tick = interval
        self._session.clock.wait(fds, self._timers.until_next(tick))

    def _poll(self) -> None:
        """Learn what has ended since the last turn; the room that it took is free again."""
        for name, executor in self._session.executors.items():
            for ended in self._arrivals.sift(executor.poll(), self._latencies[name]):
                running, claim = self._running.pop(ended.task)
                running.ended = self._now()
                self._give_back(claim)
                self._ends.append((running, claim, ended))
            for task in executor.begun():
                if task in self._running:  # its end may have been told just now
                    self._attempts.begin(self._running[task][0])
            for text in executor.notices():
                said = f"executor `{name}`: {text}"
                self._session.emit(Notice(time=self._now(), run=self._session.run, text=said, level="warning"))

    def _collect(self) -> None:
        """Deal with the ends known by now and what they lead to; whatever ends meanwhile makes room at once."""
        for left in range(len(self._ends) - 1, -1, -1):
            self._finish(*self._ends.popleft())
            self._consider_due()
            if left and not self._course.is_signalled():
                self._poll()
                self._start_ready()

    # -- waiting → ready ---------------------------------------------------------------------------------------

    def _upstream(self, name: str) -> Sequence[str]:
        if self._demand.only and not self._graph.tasks[name].is_group:
            return ()
        self._evidence.discover(name, ready=False)
        return self._demand.concerned(self._graph.upstream(name))

    def _estimate(self, name: str) -> float:
        trace = self._evidence.trace(name)
        if trace is not None:
            # Differences below a tenth of a second are chance; then the order of declaration is easier to follow.
            return round(trace.seconds, 1)
        return 0.0 if self._graph.tasks[name].is_group else 1.0

    def _consider_due(self) -> None:
        if self._backlog and not self._has_enough_judged():
            self._judging.judge_due(is_idle=not self._running)

    def _has_enough_judged(self) -> bool:
        """Where inputs are large, they are not read long before there is room for the commands that read them, too."""
        if not self._judging.takes_long or not self._schedule.has_ready or self._course.stopping:
            return False
        best = self._schedule.best(self._limits.fits)
        return self._limits.full if best is None else self._backlog.is_behind(best[0])

    # -- ready → running ---------------------------------------------------------------------------------------

    def _start_ready(self) -> None:
        """Prepare all that fits, make their marks durable in one write, then start them.

        While there are ends that nobody has dealt with, only what would be next whatever they lead to; likewise with
        what is still to be judged.
        """
        if self._ends and not self._may_start_first():
            return
        batch: list[tuple[Running, Claim]] = []
        self._starts_more = False
        while not self._course.stopping and not self._limits.full:
            if len(batch) == BATCH:
                self._starts_more = True
                break
            best = self._schedule.best(self._limits.fits)
            if best is None or (self._ends and not self._is_ahead_of_ends(*best)):
                break
            if self._backlog and not self._backlog.is_behind(best[0]):
                break
            name, claim = best
            self._schedule.take(claim)
            if not self._is_confirmed(name):
                continue
            if not self._slots.acquire(claim.slots):
                self._schedule.put(name, claim)
                break
            judged = self._judging.judged.pop(name)
            self._retrying.pop(name, None)
            self._numbers[name] += 1
            self._schedule.move(name, State.RUNNING)
            self._limits.take(claim)
            task = self._graph.tasks[name]
            batch.append((self._attempts.prepare(task, self._numbers[name], judged, claim.cpu), claim))
        if not batch:
            return
        self._session.store.flush()
        for running, claim in batch:
            self._launch(running, claim)

    def _may_start_first(self) -> bool:
        """Not before a failure is dealt with; nor with one job at a time, where people expect one thing after another.

        And not before too many ends: were flowmake killed now, all that would run again.
        """
        if self._limits.jobs == 1 or len(self._ends) >= self._limits.jobs:
            return False
        return not any(self._attempts.failure(running, ended) for running, _, ended in self._ends)

    def _is_ahead_of_ends(self, name: str, claim: Claim) -> bool:
        """Would this task be the next one, too, if the ends were dealt with first, and needs nobody's attention?"""
        if claim.console or self._graph.tasks[name].confirm or self._graph.fanouts:
            return False
        return self._schedule.is_ahead(name, (running.task.name for running, _, _ in self._ends))

    def _launch(self, running: Running, claim: Claim) -> None:
        name = running.task.name
        running.stopped = self._course.halted  # by what became of others of the same batch
        if running.stopped or not self._attempts.launch(running):
            running.ended = self._now()
            self._give_back(claim)
            self._finish(running, claim, Ended(name, error=running.launch_error))
            return
        self._running[name] = (running, claim)
        self._stopping.limit(running)

    def _give_back(self, claim: Claim) -> None:
        self._limits.give_back(claim)
        self._slots.release(claim.slots)

    def _is_confirmed(self, name: str) -> bool:
        question = self._graph.tasks[name].confirm
        if not question or name in self._confirmed:
            return True
        if self._confirm(name, question):
            self._confirmed.add(name)
            return True
        if self._course.is_signalled():
            self._settle_unrun(name, State.SKIPPED)
            self._course.stopping = True
            return False
        self._settle_unrun(name, State.FAILED, "not confirmed (`--yes` confirms)")
        return False

    # -- running → settled -------------------------------------------------------------------------------------

    def _finish(self, running: Running, claim: Claim, ended: Ended) -> None:
        name = running.task.name
        result = self._attempts.finish(running, ended)
        self._schedule.move(name, result.state)
        if result.state is not State.RETRYING:
            self._settle_run(name, result)
            return
        self._retrying[name] = _Retry(running, claim, ended, result.message)
        if self._course.stopping:
            self._give_up_retry(name)
        else:
            self._timers.after(result.retry_in or 0.0, lambda: self._retry(name))

    def _settle_run(self, name: str, result: Result) -> None:
        self._counts[STATUS[result.state]] += 1
        if result.state is State.SUCCEEDED:
            self._remove_temps(name)
        else:
            self._note_failure(name, result.state)

    def _retry(self, name: str) -> None:
        retry = self._retrying.get(name)
        if retry is None:
            return
        running = retry.running
        before = running.judged.facts
        self._evidence.changed(before.inputs)
        try:
            facts = self._evidence.facts(name, forced=before.forced)
        except FlowmakeError as error:
            self._give_up_retry(name, error.message)
            return
        self._judging.judged[name] = structs.replace(running.judged, facts=facts, attempt=self._evidence.attempt(name))
        self._schedule.move(name, State.READY)
        self._schedule.put(name, retry.claim)

    def _give_up_retry(self, name: str, why: str = "the run ended before it could be repeated") -> None:
        retry = self._retrying.pop(name)
        result = self._attempts.give_up(retry.running, retry.ended, f"{retry.message}; {why}")
        self._schedule.move(name, result.state)
        self._settle_run(name, result)

    def _note_failure(self, name: str, state: State) -> None:
        if self._schedule.may_fail(name) or state is State.INTERRUPTED:
            return
        self._failed[name] = state
        if self._policy.fail_fast:
            self._stop_all()
        elif not self._policy.keep_going:
            self._start_no_more()

    def _settle_unrun(self, name: str, state: State, message: str = "") -> None:
        """Settle a name that does not run: fresh, skipped, or impossible."""
        self._schedule.move(name, state)
        if self._graph.tasks[name].is_group and state is not State.FAILED:
            return
        if state is State.FAILED and not self._graph.tasks[name].is_group:
            self._attempts.books.refuse(self._graph.tasks[name])
        status: TaskStatus = "fresh" if state is State.FRESH else "skipped" if state is State.SKIPPED else "failed"
        self._counts[status] += 1
        self._session.emit(
            TaskFinished(time=self._now(), run=self._session.run, task=name, status=status, message=message)
        )
        if state is State.FRESH:
            self._remove_temps(name)
        elif state is State.FAILED:
            self._note_failure(name, state)

    def _skip_rest(self) -> None:
        for name in self._schedule.unsettled():
            if self._schedule.states[name] in (State.WAITING, State.READY):
                self._settle_unrun(name, State.SKIPPED)

    def _remove_temps(self, name: str = "") -> None:
        try:
            self._temps.remove_read(self._is_good, name)
        except OSError as error:
            text = f"cannot remove the temporary `{error.filename}`: {error.strerror}"
            self._session.emit(Notice(time=self._now(), run=self._session.run, text=text, level="warning", task=name))

    def _is_good(self, name: str) -> bool | None:
        state = self._schedule.states.get(name)
        return None if state is None else state in GOOD

    # -- stopping ----------------------------------------------------------------------------------------------

    def _heed_signals(self) -> None:
        if count := self._course.heed():
            self._stop_all(kill=count > 1)

    def _pass_deadline(self) -> None:
        self._course.deadline_passed = True
        self._stop_all()

    def _stop_all(self, *, kill: bool = False) -> None:
        self._course.halted = True
        self._stopping.stop_all(kill=kill)
        self._start_no_more()

    def _start_no_more(self) -> None:
        self._course.stopping = True
        for name in list(self._retrying):
            if name in self._retrying:
                self._give_up_retry(name)

    def _now(self) -> float:
        return self._session.clock.now()

    def _outcome(self) -> Outcome:
        return Outcome(
            counts=dict(self._counts),
            failed=tuple(self._failed),
            only_timeouts=bool(self._failed) and all(s is State.TIMED_OUT for s in self._failed.values()),
            signal=self._course.signals.first,
            deadline_passed=self._course.deadline_passed,
            states=self._schedule.states,
        )
