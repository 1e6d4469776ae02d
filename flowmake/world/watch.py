"""Learning that processes ended, by what each system has for it. Collects no exit status, knows no groups."""

from __future__ import annotations

import os
import select
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Protocol


class Watch(Protocol):
    """Tells which processes have ended; `fileno()` is readable while there is news. Collects no exit status."""

    def add(self, pid: int) -> None: ...

    def ended(self) -> list[int]: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


if sys.platform == "linux":

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
                # Already a zombie: a timer that rings at once keeps the queue readable until it is told.
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


if sys.platform != "darwin":

    class ThreadWatch:
        """Anywhere else: a sleeping thread per process."""

        def __init__(self) -> None:
            import socket

            # Sockets, since a thread that is late must not write to whatever has the number of a closed descriptor.
            self._reader, self._writer = socket.socketpair()
            self._reader.setblocking(False)
            self._ended: deque[int] = deque()

        def add(self, pid: int) -> None:
            import threading

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
    else:
        if sys.platform == "linux":
            with suppress(AttributeError, OSError):
                return PidfdWatch()
        return ThreadWatch()
