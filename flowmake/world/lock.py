"""One writer per root: a kernel lock on a file that is never unlinked. Unaware of what is written under it."""

from __future__ import annotations

import fcntl
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType

from flowmake.core.errors import LockBusy, StateError, UsageError
from flowmake.core.text import safe_line

POLL = 0.05
"""Seconds between two looks at a busy lock."""

PROBED = 2 * POLL
"""Seconds to wait in any case: `is_held` has to lock for an instant, and that shall make no run fail."""


def patience(mode: str) -> float:
    """Seconds to wait for a busy lock: 0 for `fail` and `skip`, endless for `wait`. Raises `UsageError`."""
    kind, _, seconds = mode.partition("=")
    if mode in ("fail", "skip"):
        return 0.0
    if mode == "wait":
        return math.inf
    try:
        wait = float(seconds)
        if kind == "wait" and wait >= 0:
            return wait
    except ValueError:
        wait = math.nan
    raise UsageError(f"unknown lock mode `{safe_line(mode)}`", "use `wait`, `wait=SECONDS`, `fail` or `skip`")


class RootLock:
    """The lock, held until `release` (or until the process dies, however it dies)."""

    def __init__(self, descriptor: int, holder: str) -> None:
        self._descriptor = descriptor
        self._holder = holder

    def release(self) -> None:
        """Let others write; a second call does nothing."""
        if self._descriptor >= 0:
            with suppress(FileNotFoundError):
                os.unlink(self._holder)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> RootLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(
    path: str, mode: str = "wait", notice: Callable[[str], None] = lambda text: None, argv: Sequence[str] | None = None
) -> RootLock | None:
    """Lock the file at `path` (its folder must exist); None if it is busy and `mode` is `skip`.

    `notice` is told who holds the lock before waiting begins. `argv` is what others are told of this process.
    Raises `LockBusy` with the holder, `StateError` where the file cannot be locked.
    """
    wait = patience(mode)
    descriptor = _opened(path)
    try:
        if not _try(descriptor, path, PROBED):
            if mode == "skip":
                os.close(descriptor)
                return None
            holder = describe_holder(path)
            if wait:
                notice(f"waiting for {holder}")
            if not wait or not _try(descriptor, path, wait):
                raise LockBusy(f"{describe_holder(path)} is at work here", "`--lock wait` waits for it to end")
        _write_holder(path, sys.argv if argv is None else argv)
    except BaseException:
        os.close(descriptor)
        raise
    return RootLock(descriptor, _holder_path(path))


def is_held(path: str) -> bool:
    """Whether another process holds the lock now; creates and changes nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no such locks on this file system
        return False
    finally:
        os.close(descriptor)
    return False


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _unlockable(path, error) from error


def _try(descriptor: int, path: str, seconds: float) -> bool:
    """Lock; False if others did not let go of it for so long."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(POLL, left))
        except OSError as error:
            raise _unlockable(path, error) from error


def _unlockable(path: str, error: OSError) -> StateError:
    hint = "set FLOWMAKE_STATE_DIR to a folder that can be written to"
    return StateError(f"cannot lock `{path}`: {_reason(path, error)}", hint)


def _reason(path: str, error: OSError) -> str:
    """What the system says, and whose file it is if it is not ours."""
    reason = error.strerror or str(error)
    if not isinstance(error, PermissionError):
        return reason
    owner = os.stat(os.path.dirname(path)).st_uid
    return reason if owner == os.geteuid() else f"{reason}; the state belongs to {_user(owner)}"


def _user(number: int) -> str:
    import pwd

    try:
        return f"`{pwd.getpwuid(number).pw_name}`"
    except KeyError:
        return f"user {number}"


def _holder_path(path: str) -> str:
    return path + ".holder"


def _write_holder(path: str, argv: Sequence[str]) -> None:
    told = {"pid": os.getpid(), "since": time.time(), "argv": list(argv)}
    try:
        with open(_holder_path(path), "w", encoding="ascii") as file:
            json.dump(told, file)
    except OSError as error:
        raise StateError(f"cannot write `{_holder_path(path)}`: {error.strerror or error}") from error


def describe_holder(path: str) -> str:
    """Who holds the lock, for a sentence: `another flowmake (pid 7, since 2026-01-31 12:00:00: flowmake run)`."""
    import shlex

    try:
        with open(_holder_path(path), encoding="ascii") as file:
            told = json.load(file)
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told["since"]))
        return f"another flowmake (pid {told['pid']:d}, since {since}: {safe_line(shlex.join(told['argv']))})"
    except (OSError, ValueError, TypeError, KeyError):  # just begun, just over, or cut short by a crash
        return "another flowmake"
