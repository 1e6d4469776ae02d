"""What is due and not judged yet, and which of it is to be judged next. Judges nothing."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import count

from flowmake.engine.schedule import Schedule


class Backlog:
    """The due names of a schedule. True while there are any."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._ranked: list[tuple[float, float, int, str]] = []
        """What fell due before the latest names, where it was too much for one go: a heap, most urgent first."""
        self._order = count()
        self._first = 0
        """The order of the first of those that were put back, which come before their equals: it falls below 0."""

    def __bool__(self) -> bool:
        return bool(self._schedule.due or self._ranked)

    def take(self, most: int) -> list[str]:
        """Take away the names, as they fell due; if there are more than `most`, only so many, most urgent first."""
        schedule = self._schedule
        if not self._ranked and len(schedule.due) <= most:
            due, schedule.due = schedule.due, []
            return due
        self._rank()
        return [heapq.heappop(self._ranked)[-1] for _ in range(min(most, len(self._ranked)))]

    def put_back(self, names: Sequence[str]) -> None:
        """These, taken last, are due still."""
        self._first -= len(names)
        for order, name in enumerate(names, self._first):
            self._push(name, order)

    def is_behind(self, name: str) -> bool:
        """Is this ready task at least as urgent as all that is due?"""
        self._rank()
        return not self._ranked or self._schedule.urgency(name) <= self._ranked[0][:2]

    def _rank(self) -> None:
        schedule = self._schedule
        for name in schedule.due:
            self._push(name, next(self._order))
        schedule.due.clear()

    def _push(self, name: str, order: int) -> None:
        heapq.heappush(self._ranked, (*self._schedule.urgency(name), order, name))
