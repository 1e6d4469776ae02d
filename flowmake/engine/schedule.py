"""Which tasks wait for which, and which ready one is best to start next. Unaware of processes, time and verdicts."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from flowmake.core.graph import Graph
from flowmake.engine.limits import Claim
from flowmake.engine.states import GOOD, SETTLED, State, advance


class Schedule:
    """The tasks of one run with their states.

    A name is `due` once nothing it is known to wait for is unsettled. Ready tasks are offered in the order of
    priority, then of the longest path of work behind them (critical path), then of arrival.
    """

    def __init__(
        self, graph: Graph, upstream: Callable[[str], Sequence[str]], estimate: Callable[[str], float]
    ) -> None:
        self._graph = graph
        self._upstream = upstream
        self._estimate = estimate
        self.states: dict[str, State] = {}
        self.due: list[str] = []
        self.all_good = True
        """Nothing has been settled otherwise than well so far."""
        self._blockers: dict[str, int] = {}
        self._dependents: dict[str, list[str]] = {}
        self._upstreams: dict[str, Sequence[str]] = {}
        self._critical: dict[str, float] = {}
        self._behind: dict[str, float] = {}
        self._ready: dict[Claim, list[tuple[float, float, int, str]]] = {}
        self._arrivals = 0

    def add(self, names: Iterable[str]) -> int:
        """Take in names and everything they wait for; how many were new."""
        stack = list(names)[::-1]
        new: list[str] = []
        while stack:
            name = stack.pop()
            if name in self.states:
                continue
            self.states[name] = State.WAITING
            self._dependents.setdefault(name, [])
            self._blockers[name] = 0
            new.append(name)
            self._upstreams[name] = upstream = self._upstream(name)
            stack.extend(reversed(upstream))
        for name in new:
            self._wait_for(name, self._upstreams[name])
            if not self._blockers[name]:
                self.due.append(name)
        return len(new)

    def wait_for(self, name: str, upstream: Iterable[str]) -> bool:
        """Let a due name wait for more; False if all of that is settled already."""
        upstream = list(upstream)
        self.add(upstream)
        self._wait_for(name, upstream)
        return self._blockers[name] > 0

    def _wait_for(self, name: str, upstream: Iterable[str]) -> None:
        for other in upstream:
            self._dependents[other].append(name)
            if self.states[other] not in SETTLED:
                self._blockers[name] += 1

    def move(self, name: str, to: State) -> None:
        """Change a state; settling a name makes due what only waited for it."""
        self.states[name] = advance(self.states[name], to)
        if to in SETTLED:
            self.all_good = self.all_good and to in GOOD
            for other in self._dependents[name]:
                self._blockers[other] -= 1
                if not self._blockers[other] and self.states[other] is State.WAITING:
                    self.due.append(other)

    def revive(self, name: str) -> None:
        """A fresh task must run after all; whoever waits for it is told by `wait_for` again."""
        self.states[name] = advance(self.states[name], State.WAITING)
        self._dependents[name] = []
        self.due.append(name)

    def may_fail(self, name: str) -> bool:
        """Has this task failed, and was it allowed to?"""
        failed = self.states[name] in (State.FAILED, State.TIMED_OUT)
        return failed and self._graph.tasks[name].declared.allow_failure

    # -- ready tasks -------------------------------------------------------------------------------------------

    @property
    def has_ready(self) -> bool:
        return bool(self._ready)

    def urgency(self, name: str) -> tuple[float, float]:
        """Sorts what is to come first to the front."""
        return -float(self._graph.tasks[name].declared.priority), -self.critical(name)

    def put(self, name: str, claim: Claim) -> None:
        """Queue a ready task."""
        self._arrivals += 1
        heapq.heappush(self._ready.setdefault(claim, []), (*self.urgency(name), self._arrivals, name))

    def best(self, fits: Callable[[Claim], bool]) -> tuple[str, Claim] | None:
        """The best ready task whose claim fits now."""
        best: Claim | None = None
        for claim, heap in self._ready.items():
            if (best is None or heap[0] < self._ready[best][0]) and fits(claim):
                best = claim
        return None if best is None else (self._ready[best][0][3], best)

    def take(self, claim: Claim) -> None:
        """Take away the best of the ready tasks with this claim."""
        heap = self._ready[claim]
        heapq.heappop(heap)
        if not heap:
            del self._ready[claim]

    @cached_property
    def _highest(self) -> int:
        return max(declaration.priority for declaration in self._graph.flow.declarations.values())

    def is_ahead(self, name: str, others: Iterable[str]) -> bool:
        """Is this ready task at least as good as whatever may fall due when these are settled, as far as is known?"""
        if self._graph.tasks[name].declared.priority < self._highest:
            return False
        critical = self.critical(name)
        return all(self._behind.get(other, math.inf) <= critical for other in others)

    def critical(self, name: str) -> float:
        """Seconds of work from the start of this task to the end of everything that waits for it, at the least."""
        known = self._critical.get(name)
        if known is not None:
            return known
        behind = max([self._critical.get(other, 0.0) for other in self._dependents[name]], default=0.0)
        self._behind[name] = behind
        self._critical[name] = result = self._estimate(name) + behind
        return result

    def rank(self) -> None:
        """Work out the critical path of everything known so far, last tasks first (Kahn's order, backwards)."""
        left = {name: len(others) for name, others in self._dependents.items()}
        stack = [name for name, count in left.items() if not count]
        while stack:
            name = stack.pop()
            self.critical(name)
            for other in self._upstreams[name]:
                left[other] -= 1
                if not left[other]:
                    stack.append(other)

    def unsettled(self) -> list[str]:
        return [name for name, state in self.states.items() if state not in SETTLED]
