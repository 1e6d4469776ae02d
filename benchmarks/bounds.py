"""How quickly any scheduler at all could be done with a workflow. Knows no scheduler."""

from __future__ import annotations

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
    heads = _heads(steps)
    longest = max(heads[step.name] + step.seconds for step in steps)
    return max(longest, sum(step.seconds for step in steps) / cores)


def sharp(steps: list[Step], cores: int) -> float:
    """At least as long: work that can neither begin before some moment nor end after some other has only between them.

    For any two lengths, the tasks with a chain of at least the one before and of the other behind them need both
    chains and, in between, their work divided among the cores. Source: Fernandez and Bussell, Bounds on the Number of
    Processors and Time for Multiprocessor Optimal Schedules, IEEE Transactions on Computers C-22 (1973), simplified.
    """
    heads, tails = _heads(steps), _tails(steps)
    rows = sorted(((tails[step.name], heads[step.name], step.seconds) for step in steps), reverse=True)
    best = simple(steps, cores)
    for before in set(heads.values()):
        work = 0.0
        for behind, head, seconds in rows:
            if head >= before:
                work += seconds
                best = max(best, before + work / cores + behind)
    return best


def _heads(steps: list[Step]) -> dict[str, float]:
    """By name, the longest chain before each."""
    ends: dict[str, float] = {}
    heads: dict[str, float] = {}
    for step in _in_order(steps):
        heads[step.name] = max((ends[other] for other in step.needs), default=0.0)
        ends[step.name] = heads[step.name] + step.seconds
    return heads


def _tails(steps: list[Step]) -> dict[str, float]:
    """By name, the longest chain behind each."""
    tails = dict.fromkeys((step.name for step in steps), 0.0)
    for step in list(_in_order(steps))[::-1]:
        for other in step.needs:
            tails[other] = max(tails[other], tails[step.name] + step.seconds)
    return tails


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
