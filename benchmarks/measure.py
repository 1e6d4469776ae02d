"""How long a command took, whole process with all its children, and how much memory. Knows no build tool."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time and of all cores together; `memory` in MiB is the peak of the largest process."""

    wall: float
    cpu: float
    memory: float


class CommandFailed(Exception):
    """A command that should have succeeded ended with another exit code; its output is the message."""


def measure(argv: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Cost:
    """Run a command in a folder to its end. Raises `CommandFailed`."""
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
        child = os.posix_spawnp(argv[0], list(argv), dict(environ), file_actions=actions)
        _, status, usage = os.wait4(child, 0)
        wall = time.perf_counter() - started
    finally:
        os.chdir(here)
    if status:
        tail = log.read_text(errors="replace")[-2000:]
        raise CommandFailed(f"`{' '.join(argv)}` failed with exit code {os.waitstatus_to_exitcode(status)}:\n{tail}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20)
