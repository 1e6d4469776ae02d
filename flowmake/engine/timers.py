"""Things to be done at a later time, in order of that time. Unaware of what they are; waits for nothing itself."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from flowmake.core.ports import Clock


class Timers:
    """Actions that are due some time after now. Those that came to nothing are for the action itself to notice."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have this done in so many seconds; of two at the same time, the one set first comes first."""
        self._count += 1
        heapq.heappush(self._heap, (self._clock.monotonic() + seconds, self._count, action))

    def until_next(self, most: float) -> float:
        """Seconds until something is due, at most `most`."""
        if not self._heap:
            return most
        return max(0.0, min(most, self._heap[0][0] - self._clock.monotonic()))

    def fire(self) -> None:
        """Do all that is due now."""
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
