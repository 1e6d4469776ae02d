"""Catching the signals that end a run. Decides nothing: it counts, remembers the first, and wakes whoever waits."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from types import FrameType, TracebackType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Masked:
    """Meanwhile some signals are blocked, or let through (`how`, as for `pthread_sigmask`), for the calling thread.

    No generator: one that is interrupted in between is closed later, when its mask is no longer the right one.
    """

    def __init__(self, how: int, signals: Iterable[int]) -> None:
        self._how = how
        self._signals = signals

    def __enter__(self) -> None:
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            signal.pthread_sigmask(
                self._how, self._signals
            )  # runs the handlers of what it lets through, which may raise
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
            raise

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


def held_back() -> AbstractContextManager[None]:
    """Meanwhile the signals that end a run wait, for this thread and those that it starts.

    Python's locks, and all that is made of them, stay taken for ever where a handler raises in the middle of taking
    them: whoever starts threads, or shares something with them, does so in here.
    """
    return Masked(signal.SIG_BLOCK, STOPPING)


def let_through() -> AbstractContextManager[None]:
    """Within `held_back`, where an exception does no harm: those that came are heeded now, and others at once."""
    return Masked(signal.SIG_UNBLOCK, STOPPING)


class Raising:
    """A `with` that is entered for every task, and so is no generator."""

    is_on = False

    def __enter__(self) -> None:
        self.is_on = True

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.is_on = False


class Signals:
    """While entered in the main thread, SIGINT, SIGTERM and SIGHUP are recorded instead of acting.

    `first` is the number of the first that came (0: none), `count` how many. What was ignored on entry (nohup, a
    background job) stays ignored. In another thread Python cannot install handlers: then nothing is ever recorded.
    """

    def __init__(self) -> None:
        self.first = 0
        self.count = 0
        self._raising = Raising()
        self._before: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None
        self._wakeup_before = -1

    def __enter__(self) -> Signals:
        if not self._open_pipe():
            return self
        for number in STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._record)
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # Inherited from whoever started us, it would make the kernel throw away our children's exit codes.
            self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        return self

    def _open_pipe(self) -> bool:
        """Have each signal write to a pipe; False where that cannot be, in a thread that is not the main one."""
        pipe = os.pipe()
        for end in pipe:
            os.set_blocking(end, False)
        try:
            # A handler alone is not enough: a signal between the last check and the system call would be slept through.
            self._wakeup_before = signal.set_wakeup_fd(pipe[1], warn_on_full_buffer=False)
        except ValueError:
            for end in pipe:
                os.close(end)
            return False
        self._pipe = pipe
        return True

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._before.items():
            # None stands for a handler not installed from Python: it cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()
        if self._pipe:
            signal.set_wakeup_fd(self._wakeup_before)
            for end in self._pipe:
                os.close(end)
            self._pipe = None

    def _record(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if not self.first:
            self.first = number
        if self._raising.is_on:
            raise KeyboardInterrupt

    def raising(self) -> Raising:
        """Meanwhile a recorded signal also raises `KeyboardInterrupt`, which ends what else would go on for long."""
        return self._raising

    def fileno(self) -> int:
        """Readable once a signal came, until `drain`; -1 where signals are not caught."""
        return self._pipe[0] if self._pipe else -1

    def drain(self) -> None:
        """Make `fileno` quiet again; `first` and `count` stay."""
        if self._pipe:
            with suppress(BlockingIOError):
                while os.read(self._pipe[0], 512):
                    pass
