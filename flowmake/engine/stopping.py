"""Ends attempts before they end by themselves: asked first, killed when the grace is over. Starts nothing."""

from __future__ import annotations

from collections.abc import Mapping

from flowmake.engine.limits import Claim
from flowmake.engine.session import Running
from flowmake.engine.timers import Timers


class Stopping:
    """Over the attempts that are `running` by task, which others add to and take from; `grace` in seconds."""

    def __init__(self, running: Mapping[str, tuple[Running, Claim]], timers: Timers, grace: float) -> None:
        self._running = running
        self._timers = timers
        self._grace = grace

    def limit(self, running: Running) -> None:
        """What has just been started ends when its timeout is over. An executor elsewhere sees to that itself."""
        timeout = running.task.declared.timeout
        if timeout is not None and not running.executor.traits.remote:
            self._timers.after(timeout, lambda: self._time_out(running))

    def stop_all(self, *, kill: bool) -> None:
        """Ask all of them to end, or have them end at once."""
        for running, _ in list(self._running.values()):
            running.stopped = True
            self._stop(running, kill=kill)

    def _time_out(self, running: Running) -> None:
        if self._is_current(running) and not running.stopped:
            running.timed_out = True
            self._stop(running)

    def _stop(self, running: Running, *, kill: bool = False) -> None:
        running.executor.stop(running.task.name, kill=kill)
        if not kill:
            self._timers.after(self._grace, lambda: self._kill(running))

    def _kill(self, running: Running) -> None:
        if self._is_current(running):
            running.executor.stop(running.task.name, kill=True)

    def _is_current(self, running: Running) -> bool:
        entry = self._running.get(running.task.name)
        return entry is not None and entry[0] is running
