"""The kept record of a run's events, one JSON line each. A run that runs nothing leaves none."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import IO

from flowmake.core.events import Event, TaskQueued, TaskStarted
from flowmake.observers.jsonl import Jsonl


class RunLog:
    """Holds events back until the first task starts or queues, then writes them to `path` at each tick.

    The folder of `path` is made.
    """

    def __init__(self, path: str, report: Callable[[str], None]) -> None:
        self._path = path
        self._report = report
        self._held: list[Event] = []
        self._has_begun = False
        self._file: IO[bytes] | None = None
        self._lines: Jsonl | None = None

    def on_event(self, event: Event) -> None:
        self._held.append(event)
        if not self._has_begun and isinstance(event, TaskStarted | TaskQueued):
            self._has_begun = True
            self._open()

    def on_tick(self, now: float) -> None:
        """Write what has come since the last one."""
        if self._has_begun and self._held:
            held, self._held = self._held, []
            if self._lines is not None:
                self._lines.write(held)

    def close(self) -> None:
        self.on_tick(0.0)
        if self._file is not None:
            self._file.close()

    def _open(self) -> None:
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._file = open(self._path, "wb", buffering=0)  # noqa: SIM115 closed in `close`
        except OSError as error:
            self._report(f"cannot keep the events of this run: {error.strerror}: {self._path}")
            return
        self._lines = Jsonl(self._file, self._report, self._path)
