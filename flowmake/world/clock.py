"""The real time, and waiting for descriptors. Unaware of what is waited for."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowmake.world.signals import Signals


class SystemClock:
    """The `Clock` of a real run; with `signals`, a signal ends a wait."""

    def __init__(self, signals: Signals | None = None) -> None:
        self._signals = signals
        self._awaited: tuple[int, ...] = ()
        self._poll = select.poll()

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def wait(self, fds: Sequence[int], timeout: float | None) -> None:
        """Return when a descriptor is readable, a signal came, or `timeout` seconds passed (None: no limit)."""
        wakeup = self._signals.fileno() if self._signals else -1
        self._await((*fds, wakeup) if wakeup >= 0 else (*fds,))
        ready = self._poll.poll(None if timeout is None else max(timeout, 0.0) * 1000)
        for fd, _ in ready:
            if self._signals and fd == wakeup:
                self._signals.drain()

    def _await(self, fds: tuple[int, ...]) -> None:
        """Look at these descriptors from now on: nearly always the same as last time."""
        if fds != self._awaited:
            self._awaited = fds
            self._poll = select.poll()
            for fd in fds:
                self._poll.register(fd, select.POLLIN)
