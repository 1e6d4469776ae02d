"""Names for attempts made elsewhere, so that of several only one counts; takes up what dead runs left."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from flowmake.core.ports import Executor, Leftover


class Fence(Struct, frozen=True):
    """The name of an attempt; `resumed` if a dead run has begun it."""

    name: str
    resumed: bool = False


class Fences:
    """One run's supply. A fence is never given twice, not even by another run, unless to resume that very attempt.

    Those of a run sort in the order in which they were given.
    """

    def __init__(self, run: str, executors: Mapping[str, Executor]) -> None:
        self._run = run
        self._given = 0
        self._executors = executors
        self._leftovers: dict[tuple[str, str], list[Leftover]] | None = None

    def take(self, executor: str, task: str, identity: str) -> Fence:
        """The fence for an attempt; that of a leftover with the same identity, if there is one.

        Other leftovers of the task are stopped: what they are at is no longer wanted.
        """
        found = ""
        for left in self._left().pop((executor, task), ()):
            if left.identity == identity and not found:
                found = left.fence
            else:
                self._executors[executor].discard(left.fence)
        if found:
            return Fence(found, resumed=True)
        self._given += 1
        return Fence(f"{self._run}-{self._given:06}")

    def _left(self) -> dict[tuple[str, str], list[Leftover]]:
        if self._leftovers is None:
            self._leftovers = {}
            for name, executor in self._executors.items():
                for left in executor.leftovers():
                    self._leftovers.setdefault((name, left.task), []).append(left)
        return self._leftovers
