"""Waiting for many child processes and their groups without a thread or timer. Unaware of tasks and logs."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from flowmake.world.process import CannotStart, Exit, group_members, kill_group, reap, spawn


class Watch(Protocol):
    """Tells which processes have ended; `fileno()` is readable while there is news. Collects no exit status."""

    def add(self, pid: int) -> None: ...

    def ended(self) -> list[int]: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class PidfdWatch:
    """Linux 5.3 and later: a descriptor per process, in one epoll set. Works in any thread, for any process."""

    def __init__(self) -> None:
        os.close(os.pidfd_open(os.getpid()))  # raises where the kernel has no such thing
        self._epoll = select.epoll()
        self._pids: dict[int, int] = {}

    def add(self, pid: int) -> None:
        fd = os.pidfd_open(pid)
        self._pids[fd] = pid
        self._epoll.register(fd, select.EPOLLIN)

    def ended(self) -> list[int]:
        found = []
        for fd, _ in self._epoll.poll(0):
            found.append(self._pids.pop(fd))
            # Closing is not enough: a child that is just about to exec may hold a copy for a moment longer.
            self._epoll.unregister(fd)
            os.close(fd)
        return found

    def fileno(self) -> int:
        return self._epoll.fileno()

    def close(self) -> None:
        for fd in self._pids:
            os.close(fd)
        self._pids.clear()
        self._epoll.close()


if sys.platform == "darwin":

    class KqueueWatch:
        """macOS: the kernel queue reports the end of any process."""

        def __init__(self) -> None:
            self._queue = select.kqueue()
            self._gone: list[int] = []
            self._count = 0

        def add(self, pid: int) -> None:
            flags = select.KQ_EV_ADD | select.KQ_EV_ONESHOT
            event = select.kevent(pid, select.KQ_FILTER_PROC, flags, select.KQ_NOTE_EXIT)
            try:
                self._queue.control([event], 0, 0)
            except ProcessLookupError:
                # Already a zombie: a user event keeps the queue readable until it is told.
                self._gone.append(pid)
                nudge = select.kevent(pid, select.KQ_FILTER_TIMER, flags, 0, 0)
                self._queue.control([nudge], 0, 0)
            self._count += 1

        def ended(self) -> list[int]:
            events = self._queue.control(None, self._count + 1, 0)
            found = [event.ident for event in events if event.filter == select.KQ_FILTER_PROC]
            found += self._gone
            self._gone = []
            self._count -= len(found)
            return found

        def fileno(self) -> int:
            return self._queue.fileno()

        def close(self) -> None:
            self._queue.close()


class ThreadWatch:
    """Anywhere else: a sleeping thread per process."""

    def __init__(self) -> None:
        # Sockets, since a thread that is late must not write to whatever has the number of a closed descriptor.
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._ended: deque[int] = deque()

    def add(self, pid: int) -> None:
        threading.Thread(target=self._wait, args=(pid,), daemon=True).start()

    def _wait(self, pid: int) -> None:
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            _wait_for_stranger(pid)
        self._ended.append(pid)
        with suppress(OSError):  # closed meanwhile: nobody waits any more
            self._writer.send(b".")

    def ended(self) -> list[int]:
        with suppress(BlockingIOError):
            count = len(self._reader.recv(4096))
            return [self._ended.popleft() for _ in range(count)]
        return []

    def fileno(self) -> int:
        return self._reader.fileno()

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


def _wait_for_stranger(pid: int) -> None:
    """Sleep until a process that is not our child is gone, or a zombie."""
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)


def open_watch() -> Watch:
    """The best watch this system has."""
    if sys.platform == "darwin":
        return KqueueWatch()
    try:
        return PidfdWatch()
    except (AttributeError, OSError):
        return ThreadWatch()


class _Child:
    """A started leader. `exit` is kept back while a stopped group still has living members."""

    def __init__(self, console: bool) -> None:
        self.console = console
        self.stopping = False
        self.killed = False
        self.exit: Exit | None = None


class Children:
    """The processes one executor started, each (but for `console`) with a group of its own.

    What a *succeeding* command leaves in the background is left alone, as with make. After a *failing* one the
    rest of its group is killed, so that nothing of it interferes with a retry. A group that was asked to stop
    ends when its last living member does, or, once it is killed, with its leader.
    """

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch or open_watch()
        self._children: dict[int, _Child] = {}
        self._members: dict[int, int] = {}
        """Member of a stopping group whose leader is gone -> that leader."""

    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        log_fd: int,
        console: bool = False,
        pass_fds: Sequence[int] = (),
    ) -> int:
        """As `process.spawn`, and remember the child."""
        pid = spawn(argv, env=env, cwd=cwd, log_fd=log_fd, console=console, pass_fds=pass_fds)
        try:
            self._watch.add(pid)
        except OSError as failure:
            if console or not kill_group(pid, signal.SIGKILL):
                os.kill(pid, signal.SIGKILL)
            reap(pid, block=True)
            raise CannotStart(f"cannot start `{argv[0]}`: {failure.strerror}") from failure
        self._children[pid] = _Child(console)
        return pid

    def stop(self, pid: int, *, kill: bool = False) -> None:
        """TERM (or KILL) the group led by `pid`, or the process alone if it shares our terminal."""
        child = self._children.get(pid)
        if child is None:
            return
        child.stopping = True
        child.killed = child.killed or kill
        sig = signal.SIGKILL if kill else signal.SIGTERM
        if not child.console:
            kill_group(pid, sig)
        elif child.exit is None:
            os.kill(pid, sig)

    def ended(self) -> list[Exit]:
        """Those that ended since the last call, in no particular order."""
        done = []
        for pid in self._watch.ended():
            leader = self._members.pop(pid, pid)
            child = self._children.get(leader)
            if child is None:
                continue
            if leader == pid:
                child.exit = reap(pid)
            if child.exit is not None and self._is_over(leader, child, child.exit):
                del self._children[leader]
                done.append(child.exit)
        return done

    def _is_over(self, leader: int, child: _Child, result: Exit) -> bool:
        if child.console or (result.exit_code == 0 and not child.stopping):
            return True
        if not child.stopping or child.killed:
            kill_group(leader, signal.SIGKILL)
            return True
        return not self._follow(leader)

    def _follow(self, leader: int) -> bool:
        """Watch the living members of a leaderless group; False if there are none."""
        alive = False
        for member in group_members(leader):
            with suppress(ProcessLookupError):  # it ended just now
                if member not in self._members:
                    self._watch.add(member)
                    self._members[member] = leader
                alive = True
        return alive

    def fileno(self) -> int:
        """Readable when `ended` may have news."""
        return self._watch.fileno()

    def close(self) -> None:
        """Kill and collect whatever still runs."""
        for pid, child in self._children.items():
            self.stop(pid, kill=True)
            if child.exit is None:
                reap(pid, block=True)
        self._children.clear()
        self._members.clear()
        self._watch.close()
