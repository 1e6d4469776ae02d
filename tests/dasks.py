"""A throw-away Dask on loopback: a scheduler and workers, each a process of its own. Unaware of any one test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import pytest

from flowmake.world.clock import SystemClock
from tests.processes import LIMIT, kill, wait_gone


class Process:
    """A part of a Dask, whose log says when it is ready."""

    def __init__(self, *argv: str, env: Mapping[str, str], ready: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "distributed.cli." + argv[0], *argv[1:]],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.log: list[str] = []
        self.found = ""
        self._ready = re.compile(ready)
        self._is_ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line.decode())
            if not self.found and (match := self._ready.search(self.log[-1])):
                self.found = match[1]
                self._is_ready.set()
        self._is_ready.set()

    def wait_ready(self) -> str:
        """What stands in the log at the place that was looked for."""
        assert self._is_ready.wait(LIMIT), self.log
        assert self.found, "".join(self.log)
        return self.found

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> None:
        """Kill it and what it has started: the agent of a worker ends by itself."""
        kill(self.pid)
        self._process.wait()
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()


class Dask:
    """A scheduler and its workers, which have no nannies: what is killed stays dead. Ends with its `with`."""

    def __init__(
        self,
        folder: Path,
        workers: int = 2,
        threads: int = 1,
        env: Mapping[str, str] = MappingProxyType({}),
        **settings: str,
    ) -> None:
        if find_spec("distributed") is None:
            pytest.fail("the tests need Dask: pip install -e '.[dev]'")
        self._threads = threads
        self._env = {
            **os.environ,
            "DASK_TEMPORARY_DIRECTORY": str(folder),
            "PYTHONWARNINGS": "ignore",
            **{f"DASK_{name.upper()}": value for name, value in settings.items()},
            **env,
        }
        self.workers: list[Process] = []
        self.scheduler = self._start_scheduler("0")
        self.address = self.scheduler.wait_ready()
        for _ in range(workers):
            self.add_worker()
        for worker in self.workers:
            worker.wait_ready()

    def _start_scheduler(self, port: str) -> Process:
        argv = ("dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", "--no-show")
        return Process(*argv, env=self._env, ready=r"Scheduler at: +(tcp://\S+)")

    def wait_for_log(self, text: str) -> None:
        """Until the scheduler has said that."""
        clock = SystemClock()
        limit = clock.monotonic() + LIMIT
        while not any(text in line for line in self.scheduler.log):
            assert clock.monotonic() < limit, self.scheduler.log
            clock.wait((), 0.02)

    def restart_scheduler(self) -> None:
        """Another one at the same address, which knows nothing of the first."""
        self.scheduler.end()
        self.scheduler = self._start_scheduler(self.address.rpartition(":")[2])
        assert self.scheduler.wait_ready() == self.address

    def add_worker(self, *more: str, env: Mapping[str, str] | None = None) -> Process:
        """Start one; it may take a while to be ready."""
        worker = Process(
            "dask_worker",
            self.address,
            *("--host", "127.0.0.1", "--nthreads", str(self._threads), "--no-nanny", "--no-dashboard"),
            *more,
            env={**self._env, **(env or {})},
            ready=r"Registered to: +(tcp://\S+)",
        )
        self.workers.append(worker)
        return worker

    def __enter__(self) -> Dask:
        return self

    def __exit__(self, *failure: object) -> None:
        for process in [*self.workers, self.scheduler]:
            process.signal(signal.SIGCONT)
            process.end()
        wait_gone(process.pid for process in [*self.workers, self.scheduler])
