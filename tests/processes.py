"""Real executors, driven in a few words: start work, wait for its end, ask who is alive. Unaware of any one test."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from flowmake.core.ports import Ended, Executor, Work
from flowmake.world.clock import SystemClock

LIMIT = 120.0
"""Seconds after which something that should have happened has not."""


class Bench:
    """An executor in a folder of its own. Logs are `TASK.log` there; environment and folder are that of the tests."""

    def __init__(self, executor: Executor, folder: Path) -> None:
        self.executor = executor
        self.folder = folder
        self.clock = SystemClock()
        self._fences = itertools.count(1)

    def work(self, task: str, *argv: str, **more: Any) -> Work:
        given: dict[str, Any] = {
            "attempt": 1,
            "log": str(self.folder / f"{task}.log"),
            "cwd": str(self.folder),
            "env": dict(os.environ),
            "root": str(self.folder),
            "run": "run",
            "fence": f"run-{next(self._fences)}",
            "identity": "stamp:same",
        }
        return Work(task=task, argv=argv, **(given | more))

    def start(self, task: str, *argv: str, **more: Any) -> int:
        return self.executor.start(self.work(task, *argv, **more))

    def run(self, task: str, *argv: str, **more: Any) -> Ended:
        """Start one and wait for it; nothing else may be running."""
        self.start(task, *argv, **more)
        (ended,) = self.ends(1)
        return ended

    def ends(self, count: int) -> list[Ended]:
        """The next `count` ends, in the order reported."""
        found: list[Ended] = []
        limit = self.clock.monotonic() + LIMIT
        while len(found) < count:
            assert self.clock.monotonic() < limit, f"only {found} ended"
            self.clock.wait(self.executor.fds(), LIMIT if self.executor.interval is None else self.executor.interval)
            found += self.executor.poll()
        assert len(found) == count
        return found

    def log(self, task: str) -> str:
        return (self.folder / f"{task}.log").read_text()


class Meeting:
    """A fifo through which a process says that it has come to a point; `wait` blocks until then."""

    def __init__(self, folder: Path, name: str = "ready") -> None:
        self.path = folder / name
        os.mkfifo(self.path)

    def wait(self) -> str:
        """What was written."""
        return self.path.read_text().strip()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once it is so; for what nobody tells of."""
    clock = SystemClock()
    limit = clock.monotonic() + LIMIT
    while not is_so():
        assert clock.monotonic() < limit
        clock.wait((), 0.01)


def wait_gone(pids: Iterable[int]) -> None:
    """Return once these processes are gone, or zombies nobody collects."""
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            limit = SystemClock().monotonic() + LIMIT
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                assert SystemClock().monotonic() < limit, f"{process} is still alive"
                SystemClock().wait((), 0.01)


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    """Clean up after a test; it may be gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def python(code: str) -> tuple[str, ...]:
    """The argv that runs a piece of Python."""
    return (sys.executable, "-c", code)
