"""What becomes of a task whose upstreams are settled: it waits for more, is ready, or ends unrun. Starts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from flowmake.core.errors import FlowmakeError
from flowmake.core.events import TaskJudged, TasksFound
from flowmake.core.evidence import Evidence
from flowmake.core.graph import Graph
from flowmake.core.model import COMMON, Task
from flowmake.core.plan import Demand
from flowmake.core.staleness import Facts, Stale, judge
from flowmake.engine.attempts import Attempts
from flowmake.engine.backlog import Backlog
from flowmake.engine.limits import Claim, Limits
from flowmake.engine.policy import Course
from flowmake.engine.schedule import Schedule
from flowmake.engine.session import Judged, Session
from flowmake.engine.states import GOOD, SETTLED, State

PORTION = 256
"""Names that are judged, at the least, before what is ready is started and whatever has ended is seen to."""

PATIENCE = 0.1
"""Seconds after which that is done anyway."""

AHEAD = 1 << 26
"""Bytes of files that are read before the first of the tasks that read them is judged."""


class Settled(Struct, frozen=True):
    """How a task ends that does not run; a `message` tells why that is a failure."""

    state: State
    message: str = ""


class Judging:
    """The verdicts of one run. `judged` are the tasks that are ready.

    A task that turns out to be needed although it was fresh is taken back from the `counts`.
    """

    def __init__(
        self,
        session: Session,
        evidence: Evidence,
        attempts: Attempts,
        limits: Limits,
        schedule: Schedule,
        backlog: Backlog,
        demand: Demand,
        counts: Counter[str],
        course: Course,
        settle: Callable[[str, State, str], None],
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._graph: Graph = evidence.graph
        self._attempts = attempts
        self._limits = limits
        self._schedule = schedule
        self._backlog = backlog
        self._demand = demand
        self._counts = counts
        self._course = course
        self._settle = settle
        self._uncounted = COMMON - self._graph.flow.resources.keys()
        self._needed_temps: set[str] = set()
        self._portion = PORTION
        self.judged: dict[str, Judged] = {}
        self.takes_long = False
        """The last turn ended before all that should have been judged in it was."""

    # -- in portions -------------------------------------------------------------------------------------------

    def judge_due(self, *, is_idle: bool) -> None:
        """Judge what is due, until that is enough for a turn and something else must be seen to.

        A signal that comes meanwhile ends the turn: that does not wait for a huge file. `is_idle`: nothing runs.
        """
        left, monotonic = self._portion, self._session.clock.monotonic
        until = monotonic() + PATIENCE
        while left > 0 and self._backlog and not self._course.is_signalled() and monotonic() <= until:
            names = self._backlog.take(left)
            done = self._judge_some(names)
            left -= done
            self.takes_long = done < len(names)
            if self.takes_long:
                self._backlog.put_back(names[done:])
                break
        # While there is nothing to start, nobody is kept waiting, and files are read side by side the better. But never
        # more than can be judged in a turn: what is put back has been taken, ranked and looked at for nothing.
        is_enough = self.takes_long or not is_idle or self._schedule.has_ready
        self._portion = PORTION if is_enough else self._portion * 2

    def _judge_some(self, names: Sequence[str]) -> int:
        """Judge the first of these names, at the least, until that has taken long; how many it was."""
        done, monotonic = 0, self._session.clock.monotonic
        try:
            taken = self._foresee(names) if len(names) > 1 else 1
            until = monotonic() + PATIENCE  # from here: to judge what has been looked at takes little, as a rule
            while done < taken:
                self._judge_or_settle(names[done])
                done += 1
                if done < taken and (self._course.is_signalled() or monotonic() > until):
                    break
        except KeyboardInterrupt:
            if not self._course.is_signalled():
                raise
        return done

    def _foresee(self, names: Sequence[str]) -> int:
        """Look at the files of these before they are considered one by one; of how many, the first ones."""
        if self._course.stopping:
            return len(names)
        with self._course.signals.raising():
            return self._evidence.foresee(names, AHEAD)

    # -- one by one --------------------------------------------------------------------------------------------

    def _judge_or_settle(self, name: str) -> None:
        settled = self._consider(name)
        if settled is not None:
            self._settle(name, settled.state, settled.message)

    def _consider(self, name: str) -> Settled | None:
        """A name whose known upstreams are all settled: learn more upstreams, or judge it; None if it waits or runs."""
        if self._needed_temps and self._schedule.wait_for(name, self._revived_upstream(name)):
            return None
        if self._course.stopping:
            return Settled(State.SKIPPED)
        if not self._schedule.all_good and self._is_cut_off_by_failure(name):
            return Settled(State.SKIPPED)
        try:
            if not self._demand.only and self._waits_for_more(name):
                return None
            if self._graph.tasks[name].is_group:
                return Settled(State.FRESH)
            return self._judge(name)
        except FlowmakeError as error:
            return Settled(State.FAILED, error.message)

    def _revived_upstream(self, name: str) -> list[str]:
        """Upstreams that were settled when the name fell due, but must run after all, since another reader is stale."""
        return [other for other in self._upstream_names(name) if self._schedule.states[other] not in SETTLED]

    def _waits_for_more(self, name: str) -> bool:
        new = self._demand.concerned(self._evidence.discover(name, ready=True))
        before = len(self._schedule.states)
        waits = bool(new) and self._schedule.wait_for(name, new)
        if found := len(self._schedule.states) - before:
            self._session.emit(TasksFound(time=self._session.clock.now(), run=self._session.run, by=name, count=found))
        return waits

    def _is_cut_off_by_failure(self, name: str) -> bool:
        order_only = self._graph.order_only(name)
        states = self._schedule.states
        return any(
            states[other] not in GOOD and other not in order_only and not self._schedule.may_fail(other)
            for other in self._upstream_names(name)
        )

    def _upstream_names(self, name: str) -> Iterable[str]:
        if self._demand.only and not self._graph.tasks[name].is_group:
            return ()
        return self._demand.concerned(self._graph.upstream(name))

    def _judge(self, name: str) -> Settled | None:
        task = self._graph.tasks[name]
        evidence = self._evidence
        forced = self._demand.forces(task) or name in self._needed_temps
        with self._course.signals.raising():
            facts = evidence.facts(name, forced=forced)
        trace, attempt = evidence.trace(name), evidence.attempt(name)
        verdict = judge(task, trace, attempt, facts)
        if not isinstance(verdict, Stale):
            return Settled(State.FRESH)
        if self._waits_for_temps(name, facts):
            return None
        if missing := evidence.missing_inputs(task, facts):
            return Settled(State.FAILED, self._missing_sentence(missing))
        claim = self._claim(task)
        judged = Judged(facts, tuple([reason.as_dict() for reason in verdict.reasons]), trace, attempt)
        self._announce(name, judged)
        self.judged[name] = judged
        self._schedule.move(name, State.READY)
        self._schedule.put(name, claim)
        return None

    def _claim(self, task: Task) -> Claim:
        name, traits = self._attempts.place(task)
        return self._limits.claim(
            task.name,
            task.pool,
            task.resources,
            console=task.declared.console,
            lane=name if traits.remote else "",
            granted=traits.grants | self._uncounted if traits.grants else self._uncounted,
        )

    def _announce(self, name: str, judged: Judged) -> None:
        trace = judged.trace
        self._session.emit(
            TaskJudged(
                time=self._session.clock.now(),
                run=self._session.run,
                task=name,
                verdict="stale",
                reasons=judged.reasons,
                estimate=trace.seconds if trace is not None else None,
            )
        )

    def _missing_sentence(self, paths: Sequence[str]) -> str:
        path, more = paths[0], f" (and {len(paths) - 1} more)" if paths[1:] else ""
        maker = next(iter(self._graph.behind_path(path)), None)
        if maker is None:
            return f"`{path}`, an input, does not exist and no task makes it{more}"
        return f"`{path}`, an input that `{maker}` makes, does not exist{more}"

    def _waits_for_temps(self, name: str, facts: Facts) -> bool:
        """Have removed temporary inputs made again first."""
        gone = self._evidence.temporary.removed(name, facts)
        for temp in gone:
            if temp not in self._needed_temps and self._schedule.states.get(temp) is State.FRESH:
                self._counts["fresh"] -= 1
                self._schedule.revive(temp)
            self._needed_temps.add(temp)
        return bool(gone) and self._schedule.wait_for(name, gone)
