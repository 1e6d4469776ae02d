"""How long a command took, whole process with all its children, and how much memory. Knows no build tool."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

GRACE = 10
"""Seconds between asking a command that takes too long to end, and killing it."""


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time and of all cores together; `memory` in MiB is the peak of the largest process.

    A child starts out with the peak of who started it: what is not above `floor`, that of the measuring process, may
    be anything below it.
    """

    wall: float
    cpu: float
    memory: float
    floor: float


class CommandFailed(Exception):
    """A command did not succeed, or not in time; the message says how, with the end of its output."""


def measure(argv: Sequence[str], folder: Path, environ: Mapping[str, str], limit: float) -> Cost:
    """Run a command in a folder to its end, for `limit` seconds at most. Raises `CommandFailed`."""
    log = folder / ".benchmark.log"
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    here = os.getcwd()
    os.chdir(folder)
    try:
        started = time.perf_counter()
        child = os.posix_spawnp(argv[0], list(argv), dict(environ), file_actions=actions, setpgroup=0)
        with _stopped_after(limit, child):
            _, status, usage = os.wait4(child, 0)
        wall = time.perf_counter() - started
    finally:
        os.chdir(here)
    if status:
        raise CommandFailed(_told(argv, status, wall, limit, log))
    unit = 2**20 if sys.platform == "darwin" else 2**10
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit, floor)


@contextmanager
def _stopped_after(limit: float, group: int) -> Iterator[None]:
    gentle = iter((signal.SIGTERM,))

    def stop(number: int, frame: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(group, next(gentle, signal.SIGKILL))

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit, GRACE)
    try:
        yield
    except BaseException:  # whoever interrupts the measuring means what is measured, too
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _told(argv: Sequence[str], status: int, wall: float, limit: float, log: Path) -> str:
    if wall >= limit:
        return f"it takes longer than {limit:.0f} s"
    tail = log.read_text(errors="replace")[-2000:].strip()
    return f"`{' '.join(argv)}` failed with exit code {os.waitstatus_to_exitcode(status)}: {tail}"
