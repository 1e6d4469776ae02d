"""Starting one process and learning how it ended. Unaware of tasks, logs' names, and of who waits for what."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache

from msgspec import Struct

_IGNORED_BY_PYTHON = [
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ") if hasattr(signal, name)
]  # restored for children; what the user made flowmake ignore (nohup) stays ignored, as with make
_AS_THEY_ARE = nullcontext()
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class CannotStart(Exception):
    """A command could not be started; the text is a sentence for the user."""


class Exit(Struct, frozen=True):
    """How a process ended: `exit_code` xor `signal`; both None if someone else took its exit status.

    `max_rss` in bytes is the peak of the largest process in its tree, and never less than flowmake's own at the
    start (Linux counts the moment between fork and exec); `cpu_seconds` covers all children it waited for.
    """

    pid: int
    exit_code: int | None = None
    signal: int | None = None
    max_rss: int = 0
    cpu_seconds: float = 0.0


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    log_fd: int,
    console: bool = False,
    pass_fds: Sequence[int] = (),
) -> int:
    """Start a command in a session of its own, stdin from `/dev/null`, output to `log_fd`; returns the pid.

    With `console` it inherits the terminal and stays in the foreground process group instead. `argv[0]` is
    searched in the PATH of `env`. `pass_fds` (numbers above 2) are inherited, beside what our own parent left open for
    everybody (with make, too, `3>file` reaches the commands). Raises `CannotStart`.
    """
    if not argv:
        raise CannotStart("the command is empty")
    program = find_program(argv[0], env, cwd)
    try:
        closed = [fd for fd in pass_fds if not os.get_inheritable(fd)]
        with _inheritable(closed) if closed else _AS_THEY_ARE:
            if (cwd.rstrip("/") or "/") == _here():
                with suppress(NotImplementedError):  # a system that cannot start a session this way
                    return _posix_spawn(program, argv, env, log_fd, console)
            return _popen(program, argv, env, cwd, log_fd, console)
    except (OSError, ValueError) as failure:
        raise CannotStart(_why_not_started(argv[0], program, cwd, failure)) from failure


def _here() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # the folder we stand in was removed
        return ""


@contextmanager
def _inheritable(fds: Sequence[int]) -> Iterator[None]:
    """For the moment of the start, let children inherit these closed descriptors under the same numbers."""
    try:
        for fd in fds:
            os.set_inheritable(fd, True)
        yield
    finally:
        for fd in fds:
            os.set_inheritable(fd, False)


def _posix_spawn(program: str, argv: Sequence[str], env: Mapping[str, str], log_fd: int, console: bool) -> int:
    actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = []
    if not console:
        # The log goes first: with our own stdin closed, `log_fd` may itself be 0.
        actions += [(os.POSIX_SPAWN_DUP2, log_fd, 1), (os.POSIX_SPAWN_DUP2, log_fd, 2)]
        actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
    return os.posix_spawn(
        program, list(argv), env, file_actions=actions, setsid=not console, setsigdef=_IGNORED_BY_PYTHON
    )


def _popen(program: str, argv: Sequence[str], env: Mapping[str, str], cwd: str, log_fd: int, console: bool) -> int:
    import subprocess  # takes as long to load as to start several commands, and few need it

    child = subprocess.Popen(
        argv,
        executable=program,
        env=env,
        cwd=cwd,
        stdin=None if console else subprocess.DEVNULL,
        stdout=None if console else log_fd,
        stderr=None if console else log_fd,
        start_new_session=not console,
        close_fds=False,
    )
    child.returncode = 0  # the exit status is ours to collect: keeps Popen from waiting for it when it is deleted
    return child.pid


def find_program(name: str, env: Mapping[str, str], cwd: str) -> str:
    """The file to execute for `name`: as it is if it holds a `/`, else searched in the child's PATH from its folder."""
    if "/" in name:
        return name
    for candidate in _candidates(name, os.fsdecode(env.get("PATH", os.defpath)), cwd):
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    raise CannotStart(f"command `{name}` not found in PATH")


@lru_cache(maxsize=256)
def _candidates(name: str, path: str, cwd: str) -> tuple[str, ...]:
    return tuple(os.path.join(cwd, folder, name) for folder in dict.fromkeys(path.split(os.pathsep)))


def _why_not_started(name: str, program: str, cwd: str, failure: OSError | ValueError) -> str:
    """Sort out what the one error number of a failed start stands for."""
    if isinstance(failure, ValueError):
        return f"cannot start `{name}`: {failure}"
    if not os.path.isdir(cwd):
        return f"working directory `{cwd}` " + ("is not a directory" if os.path.exists(cwd) else "does not exist")
    full = os.path.join(cwd, program)
    if not os.path.exists(full):
        return f"command `{name}` not found"
    if os.path.isdir(full):
        return f"command `{name}` is a directory"
    if isinstance(failure, FileNotFoundError):
        return f"command `{name}` names an interpreter in its `#!` line that does not exist"
    if isinstance(failure, PermissionError):
        return f"command `{name}` is not executable"
    if failure.errno == errno.ENOEXEC:
        return f"command `{name}` is neither a program nor a script with a `#!` line"
    if failure.errno == errno.E2BIG:
        return f"cannot start `{name}`: its arguments and environment are too long for the system"
    return f"cannot start `{name}`: {failure.strerror}"


def reap(pid: int, *, block: bool = False) -> Exit | None:
    """Collect the exit status of this one child (never of others); None while it runs."""
    try:
        done, status, usage = os.wait4(pid, 0 if block else os.WNOHANG)
    except ChildProcessError:
        return Exit(pid)
    if done == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return Exit(
        pid,
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        max_rss=usage.ru_maxrss * _RSS_UNIT,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
    )


def kill_group(pid: int, sig: int) -> bool:
    """Signal the process group led by `pid`; False if nothing of it is left."""
    try:
        os.killpg(pid, sig)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS says so for a group of zombies; elsewhere a member changed its user and is beyond our reach.
        return False
    return True


def group_members(leader: int) -> list[int]:
    """Processes of this group that are alive (a zombie nobody collects is not)."""
    return list(_living(leader))


def _living(leader: int) -> Iterator[int]:
    import psutil

    for pid in psutil.pids():
        try:
            if os.getpgid(pid) == leader and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                yield pid
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue  # it ended while we looked, or is none of ours
