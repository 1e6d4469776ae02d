"""Runs `call` tasks in a few Python processes that are kept. Unaware of the order of tasks, of retries and timeouts."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowmake.core.ports import Ended, Executor, Work
from flowmake.engine.executors.local import ended_by, open_log
from flowmake.world.bell import Bell
from flowmake.world.children import Children
from flowmake.world.process import CannotStart, Exit

if TYPE_CHECKING:
    import socket

_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")
_FAREWELL = 2.0
"""Seconds that idle workers get to run their exit handlers."""


class _Worker:
    """One Python process and what it is at."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self.inbox = bytearray()
        self.task = ""
        self.began = 0.0
        self.stopping = False
        self.reply: Ended | None = None
        """Came after `stop`: told once the process, which TERM may still hit, is gone."""

    def fileno(self) -> int:
        return self.channel.fileno()


class PoolExecutor(Executor):
    """The `Executor` for `call` tasks: at most `jobs` workers, started when needed, one task each at a time.

    A worker keeps its imported modules from task to task (unless their files change), but gets the environment,
    working directory, log and standard streams of each. Its death is the end of its task; another takes its place.
    """

    def __init__(self, jobs: int, pass_fds: Sequence[int] = ()) -> None:
        self._jobs = jobs
        self._pass_fds = tuple(pass_fds)
        self._children = Children()
        self._bell = Bell()
        self._lines = select.poll()
        self._workers: dict[int, _Worker] = {}
        self._by_line: dict[int, _Worker] = {}
        self._idle: list[_Worker] = []
        self._busy: dict[str, _Worker] = {}
        self._waiting: deque[Work] = deque()
        self._ended: list[Ended] = []

    def start(self, work: Work) -> int:
        """Begin an attempt; the worker's pid, or 0 if all are busy (it waits its turn) or none could start."""
        if not self._idle and len(self._workers) >= self._jobs:
            self._waiting.append(work)
            return 0
        try:
            worker = self._send(work)
        except CannotStart as failure:
            self._tell(Ended(work.task, error=str(failure)))
            return 0
        return worker.pid

    def _send(self, work: Work) -> _Worker:
        """Hand the work to an idle worker, or to a new one."""
        request = _encode(work)
        while True:
            worker = self._idle.pop() if self._idle else self._hire(work)
            try:
                worker.channel.sendall(request)
            except OSError:  # it died while idle
                self._hang_up(worker)
                continue
            worker.task, worker.began = work.task, time.monotonic()
            self._busy[work.task] = worker
            return worker

    def _hire(self, work: Work) -> _Worker:
        """Start a worker; until its first task has begun, it complains in that task's log."""
        import socket

        ours, theirs = socket.socketpair()
        env = {name: value for name, value in work.env.items() if name != "FLOWMAKE_TASK"}
        argv = [sys.executable, "-P", _PROGRAM, str(theirs.fileno())]
        try:
            log = open_log(work.log)
            try:
                fds = (*self._pass_fds, theirs.fileno())
                pid = self._children.spawn(argv, env=env, cwd=work.root, log_fd=log, pass_fds=fds)
            finally:
                os.close(log)
        except CannotStart:
            ours.close()
            raise
        finally:
            theirs.close()
        worker = _Worker(pid, ours)
        self._workers[pid] = self._by_line[ours.fileno()] = worker
        self._lines.register(ours, select.POLLIN)
        return worker

    def poll(self) -> list[Ended]:
        """Attempts that ended since the last call."""
        if not (self._workers or self._waiting or self._ended):
            return []
        if self._workers:
            for fd, _ in self._lines.poll(0):
                self._read(self._by_line[fd])
            for result in self._children.ended():
                self._bury(self._workers.pop(result.pid), result)
        while self._waiting and (self._idle or len(self._workers) < self._jobs):
            self.start(self._waiting.popleft())
        self._bell.silence()
        ended, self._ended = self._ended, []
        return ended

    def _read(self, worker: _Worker) -> None:
        """Take in what a worker says; at the end of the line its death says the rest."""
        import socket

        try:
            data = worker.channel.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self._hang_up(worker)
            return
        worker.inbox += data
        size = int.from_bytes(worker.inbox[:4], "big")
        if len(worker.inbox) < 4 or len(worker.inbox) < 4 + size:
            return
        reply = _decode(bytes(worker.inbox[4:]), worker)
        worker.inbox.clear()
        if worker.stopping:
            worker.reply = reply
            self._hang_up(worker)
        else:
            self._finish(worker, reply)
            self._idle.append(worker)

    def _finish(self, worker: _Worker, ended: Ended) -> None:
        del self._busy[worker.task]
        worker.task = ""
        self._ended.append(ended)

    def _hang_up(self, worker: _Worker) -> None:
        """Close the line; the worker ends when it next listens."""
        fd = worker.channel.fileno()
        if fd >= 0:
            self._lines.unregister(fd)
            del self._by_line[fd]
            worker.channel.close()

    def _bury(self, worker: _Worker, result: Exit) -> None:
        """A worker is gone, and with it the task it was at."""
        if worker.channel.fileno() >= 0 and not worker.reply:
            self._read(worker)  # its last words may still be in the line
        self._hang_up(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.task:
            seconds = time.monotonic() - worker.began
            self._finish(worker, worker.reply or ended_by(worker.task, result, seconds))

    def fds(self) -> Sequence[int]:
        """Readable when `poll` may have news."""
        return (self._bell.fileno(), self._children.fileno(), *self._by_line)

    def stop(self, task: str, *, kill: bool = False) -> None:
        """Ask the worker of the task and all it started to end; a task still waiting its turn ends as if signalled."""
        worker = self._busy.get(task)
        if worker:
            worker.stopping = True
            self._children.stop(worker.pid, kill=kill)
            return
        for work in self._waiting:
            if work.task == task:
                self._waiting.remove(work)
                self._tell(Ended(task, signal=int(signal.SIGKILL if kill else signal.SIGTERM)))
                return

    def _tell(self, ended: Ended) -> None:
        self._ended.append(ended)
        self._bell.ring()

    def close(self) -> None:
        """Let idle workers go, kill the others."""
        for worker in self._idle:
            self._hang_up(worker)
        self._see_off({worker.pid for worker in self._idle})
        for worker in self._workers.values():
            self._hang_up(worker)
        self._children.close()
        self._bell.close()
        self._workers.clear()
        self._idle.clear()
        self._busy.clear()

    def _see_off(self, leaving: set[int]) -> None:
        """Wait for these workers' ends, but not for ever."""
        if not leaving:
            return
        news = select.poll()
        news.register(self._children.fileno(), select.POLLIN)
        limit = time.monotonic() + _FAREWELL
        while leaving and (left := limit - time.monotonic()) > 0:
            news.poll(left * 1000)
            leaving -= {result.pid for result in self._children.ended()}


def _encode(work: Work) -> bytes:
    import pickle

    try:
        request = pickle.dumps(
            {
                "call": work.call,
                "args": work.args,
                "env": dict(work.env),
                "cwd": work.cwd,
                "root": work.root,
                "log": work.log,
            },
            protocol=pickle.HIGHEST_PROTOCOL,
        )
    except Exception as failure:  # whatever an argument's own pickling raises
        raise CannotStart(f"the arguments of `{work.call}` cannot be sent: {failure}") from failure
    return len(request).to_bytes(4, "big") + request


def _decode(reply: bytes, worker: _Worker) -> Ended:
    figures, _, error = reply.decode("utf-8", "surrogatepass").partition("\n")
    exit_code, cpu_seconds = figures.split()
    return Ended(
        worker.task,
        exit_code=None if exit_code == "-" else int(exit_code),
        seconds=time.monotonic() - worker.began,
        error=error,
        cpu_seconds=float(cpu_seconds),
    )
