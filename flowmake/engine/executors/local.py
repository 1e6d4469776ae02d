"""Runs commands as child processes of this one. Unaware of the order of tasks, of retries, timeouts and outputs."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from msgspec import Struct

from flowmake.core.ports import Ended, Executor, Work
from flowmake.world.bell import Bell
from flowmake.world.children import Children
from flowmake.world.process import CannotStart, Exit

SOMEONE_ELSE = "its exit status was collected by another part of this program"


class _Running(Struct, frozen=True):
    task: str
    pid: int
    began: float


class LocalExecutor(Executor):
    """The `Executor` for shell and exec tasks. `pass_fds` are inherited by every command (a jobserver's, say)."""

    def __init__(self, pass_fds: Sequence[int] = ()) -> None:
        self._pass_fds = tuple(pass_fds)
        self._children = Children()
        self._by_pid: dict[int, _Running] = {}
        self._by_task: dict[str, _Running] = {}
        self._failed: list[Ended] = []
        self._bell = Bell()

    def start(self, work: Work) -> int:
        """Begin an attempt; its pid, or 0 if it could not start, which `poll` then reports."""
        try:
            pid = self._spawn(work)
        except CannotStart as failure:
            self._failed.append(Ended(work.task, error=str(failure)))
            self._bell.ring()
            return 0
        running = _Running(work.task, pid, time.monotonic())
        self._by_pid[pid] = self._by_task[work.task] = running
        return pid

    def _spawn(self, work: Work) -> int:
        log_fd = -1 if work.console else open_log(work.log)
        try:
            return self._children.spawn(
                work.argv,
                env=work.env,
                cwd=work.cwd,
                log_fd=log_fd,
                console=work.console,
                pass_fds=self._pass_fds,
            )
        finally:
            if log_fd >= 0:
                os.close(log_fd)

    def poll(self) -> list[Ended]:
        """Attempts that ended since the last call."""
        self._bell.silence()
        ended, self._failed = self._failed, []
        for result in self._children.ended():
            running = self._by_pid.pop(result.pid)
            self._by_task.pop(running.task, None)
            ended.append(ended_by(running.task, result, time.monotonic() - running.began))
        return ended

    def fds(self) -> Sequence[int]:
        """Readable when `poll` may have news."""
        return (self._children.fileno(), self._bell.fileno())

    def stop(self, task: str, *, kill: bool = False) -> None:
        """Ask the whole process group to end; its end is reported when none of it lives, or at once if killed."""
        running = self._by_task.get(task)
        if running:
            self._children.stop(running.pid, kill=kill)

    def close(self) -> None:
        """Kill whatever still runs."""
        self._children.close()
        self._bell.close()
        self._by_pid.clear()
        self._by_task.clear()


def ended_by(task: str, result: Exit, seconds: float) -> Ended:
    """What the end of a task's process says about the task."""
    unknown = result.exit_code is None and result.signal is None
    return Ended(
        task,
        exit_code=result.exit_code,
        signal=result.signal,
        seconds=seconds,
        error=SOMEONE_ELSE if unknown else "",
        max_rss=result.max_rss,
        cpu_seconds=result.cpu_seconds,
    )


def open_log(path: str) -> int:
    """A descriptor that appends to the log at `path`, whose folder is made if missing. Raises `CannotStart`."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            return os.open(path, flags, 0o666)
    except OSError as failure:
        raise CannotStart(f"cannot write the log `{path}`: {failure.strerror}") from failure
