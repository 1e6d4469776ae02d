"""Digests outputs beside the thread that asks for them, some side by side. Unaware of attempts and of engines."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from msgspec import Struct

from flowmake.core.ports import Made
from flowmake.engine.measuring import measure
from flowmake.world.bell import Bell
from flowmake.world.hashing import THREADS_PAY_FROM

SIDE_BY_SIDE = 4
"""How many outputs are read at once: enough for a disk or a network; more would only slow each other down."""

Outcome = dict[str, Made] | Exception
"""What was measured, or why it cannot be."""


class _Order(Struct, eq=False):
    """What is asked for under one key, until nothing of it is left to be measured."""

    key: str
    left: int
    found: dict[str, Made]
    failure: Exception | None = None
    wanted: bool = True


class _Job(Struct, frozen=True):
    order: _Order
    root: str
    path: str
    now: Callable[[], int]


def pays(root: str, paths: Iterable[str]) -> bool:
    """Would these take so long that others should not wait for them? Of a folder nobody knows before."""
    return any(path.endswith("/") or _size(os.path.join(root, path)) >= THREADS_PAY_FROM for path in paths)


def _size(full: str) -> int:
    try:
        return os.stat(full).st_size
    except OSError:  # to be found out, and told, by who measures it
        return 0


class Digester:
    """Measures in threads that are begun when first needed, and which nobody waits for at the end of the program."""

    def __init__(self) -> None:
        self._bell = Bell()
        self._guard = threading.Lock()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._orders: dict[str, _Order] = {}
        self._done: deque[_Order] = deque()
        self._threads = 0
        self._is_closed = False

    def begin(self, key: str, root: str, paths: Iterable[str], now: Callable[[], int]) -> None:
        """Measure these, as `measuring.measure` does; `poll` gives the outcome under that key."""
        wanted = tuple(paths)
        order = self._orders[key] = _Order(key, len(wanted), {})
        for path in wanted:
            self._jobs.put(_Job(order, root, path, now))
        for _ in range(min(len(wanted), SIDE_BY_SIDE - self._threads)):
            self._threads += 1
            threading.Thread(target=self._serve, name="flowmake-digest", daemon=True).start()

    def forget(self, key: str) -> bool:
        """Nobody wants to know any more; False if that was not asked for, or is told already."""
        order = self._orders.pop(key, None)
        if order is None:
            return False
        order.wanted = False
        return True

    def keys(self) -> list[str]:
        """What is under way."""
        return list(self._orders)

    def poll(self) -> list[tuple[str, Outcome]]:
        """What is done since the last call."""
        self._bell.silence()
        outcomes: list[tuple[str, Outcome]] = []
        while self._done:
            order = self._done.popleft()
            if self._orders.get(order.key) is order:
                del self._orders[order.key]
                outcomes.append((order.key, order.failure or order.found))
        return outcomes

    def fileno(self) -> int:
        """Readable when `poll` has news."""
        return self._bell.fileno()

    def close(self) -> None:
        """Begin with nothing more. What is being read is read to its end, for nobody."""
        with self._guard:
            self._is_closed = True
            self._bell.close()
        for key in self.keys():
            self.forget(key)
        for _ in range(self._threads):
            self._jobs.put(None)

    # -- in the threads ----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            found: dict[str, Made] = {}
            failure: Exception | None = None
            if job.order.wanted and job.order.failure is None:
                try:
                    found = measure(job.root, (job.path,), job.now)
                except Exception as error:  # nobody would ever hear of an end that this thread came to
                    failure = error
            self._tell(job.order, found, failure)

    def _tell(self, order: _Order, found: dict[str, Made], failure: Exception | None) -> None:
        with self._guard:
            order.found |= found
            order.failure = order.failure or failure
            order.left -= 1
            if not order.left and not self._is_closed:
                self._done.append(order)
                self._bell.ring()
