"""How quickly any scheduler at all could be done with a workflow. Knows no scheduler."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One task: what it waits for, and how many seconds it takes."""

    name: str
    needs: tuple[str, ...]
    seconds: float


def simple(steps: list[Step], cores: int) -> float:
    """The longest chain, or all work divided among the cores: neither can be done in less."""
    heads = _heads(steps, math.inf)
    longest = max(heads[step.name] + step.seconds for step in steps)
    return max(longest, sum(step.seconds for step in steps) / cores)


def sharp(steps: list[Step], cores: int) -> float:
    """At least as long: work that can neither begin before some moment nor end after some other has only between them.

    For any two lengths, the tasks that cannot begin before the one, and have at least the other to come behind them,
    need both and, in between, what the cores need for them. Source: Fernandez and Bussell, Bounds on the Number of
    Processors and Time for Multiprocessor Optimal Schedules, IEEE Transactions on Computers C-22 (1973), simplified.
    """
    heads, tails = _heads(steps, cores), _heads(_backwards(steps), cores)
    rows = sorted(((tails[step.name], heads[step.name], step.seconds) for step in steps), reverse=True)
    best = simple(steps, cores)
    for before in set(heads.values()):
        load = Load(cores)
        for behind, head, seconds in rows:
            if head >= before:
                load.add(seconds)
                best = max(best, before + load.seconds() + behind)
    return best


class Load:
    """Tasks to be done by so many cores, whatever their order; no task moves from one core to another."""

    MOST = 4
    """Tasks one after another that are looked at: where more follow each other, their lengths matter less and less."""

    def __init__(self, cores: float) -> None:
        self._cores = cores
        self._work = 0.0
        self._ascending: list[float] = []

    def add(self, seconds: float) -> None:
        self._work += seconds
        insort(self._ascending, seconds)

    def seconds(self) -> float:
        """At the least: the work divided among the cores, or what one core must do that has the most tasks.

        Of the longest k·cores + 1 tasks, some core has k + 1 at the least, which take as long as the k + 1 shortest of
        them. Source: Dell'Amico and Martello, Optimal Scheduling of Tasks on Identical Parallel Processors, ORSA
        Journal on Computing 7 (1995).
        """
        best = self._work / self._cores
        for k in range(1, self.MOST):
            if len(self._ascending) <= k * self._cores:
                break
            first = len(self._ascending) - int(k * self._cores) - 1
            best = max(best, sum(self._ascending[first : first + k + 1]))
        return best


def _heads(steps: list[Step], cores: float) -> dict[str, float]:
    """By name, when each can begin at the earliest: after the longest chain, and after all work that it waits for.

    Of that, what cannot begin before some moment itself is done by the cores after it.
    """
    seconds = {step.name: step.seconds for step in steps}
    above: dict[str, set[str]] = {}
    heads: dict[str, float] = {}
    for step in _in_order(steps):
        above[step.name] = set(step.needs).union(*(above[other] for other in step.needs))
        best = max((heads[other] + seconds[other] for other in step.needs), default=0.0)
        load = Load(cores)
        for head, other in sorted(((heads[other], other) for other in above[step.name]), reverse=True):
            load.add(seconds[other])
            best = max(best, head + load.seconds())
        heads[step.name] = best
    return heads


def _backwards(steps: list[Step]) -> list[Step]:
    """The same workflow from its end to its beginning."""
    behind: dict[str, list[str]] = {step.name: [] for step in steps}
    for step in steps:
        for other in step.needs:
            behind[other].append(step.name)
    return [Step(step.name, tuple(behind[step.name]), step.seconds) for step in steps]


def _in_order(steps: list[Step]) -> Iterator[Step]:
    """Each after what it needs."""
    left = {step.name: step for step in steps}
    stack = list(left)
    while stack:
        name = stack[-1]
        before = [other for other in left[name].needs if other in left] if name in left else []
        stack += before
        if not before:
            stack.pop()
            if name in left:
                yield left.pop(name)
