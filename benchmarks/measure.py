"""How long a command took, whole process with all its children, and how much memory. Knows no build tool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time and of all cores together; `memory` in MiB is the peak of the largest process.

    A child starts out with the peak of who started it: what is not above `floor`, that of the launcher, may be
    anything below it.
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
    told = {"argv": list(argv), "log": str(log), "environ": dict(environ), "limit": limit}
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER)]
    done = subprocess.run(launcher, input=json.dumps(told), text=True, capture_output=True, check=False, cwd=folder)
    if done.returncode:
        raise CommandFailed(f"`{argv[0]}` could not be measured: {done.stderr.strip()}")
    found: dict[str, float] = json.loads(done.stdout)
    status = int(found.pop("status"))
    if status:
        raise CommandFailed(_failure(argv, status, found["wall"] >= limit, limit, log))
    return Cost(**found)


def _failure(argv: Sequence[str], status: int, is_late: bool, limit: float, log: Path) -> str:
    if is_late:
        return f"it takes longer than {limit:.0f} s"
    tail = log.read_text(errors="replace")[-2000:].strip()
    return f"`{Path(argv[0]).name}` failed with exit code {os.waitstatus_to_exitcode(status)}: {tail}"
