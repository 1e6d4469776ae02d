"""A small process that runs one command and tells on stdout what it took: what to do comes as JSON on stdin.

Small, for a child starts out with the peak memory of who started it. Knows nothing of benchmarks.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from types import FrameType

GRACE = 10
"""Seconds between asking a command that takes too long to end, and killing it."""

MIB = 2**20 if sys.platform == "darwin" else 2**10
"""In the units of `ru_maxrss`."""


def launch(argv: list[str], log: str, environ: dict[str, str], limit: float) -> dict[str, float]:
    """Run a command here to its end, for `limit` seconds at most. `status` is that of `wait`."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    signal.signal(signal.SIGINT, _refuse)
    floor = _own_peak()
    started = time.perf_counter()
    child = os.posix_spawnp(argv[0], argv, environ, file_actions=actions, setpgroup=0, setsigdef=[signal.SIGINT])
    _stop_after(limit, child)
    try:
        _, status, usage = os.wait4(child, 0)
    except KeyboardInterrupt:  # whoever interrupts the measuring means what is measured, too
        os.killpg(child, signal.SIGTERM)
        raise
    wall = time.perf_counter() - started
    cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MIB
    found = {"wall": wall, "cpu": cpu, "memory": memory, "floor": floor}
    return {"status": status, **{name: round(value, 6) for name, value in found.items()}}


def _own_peak() -> float:
    """Of this process as it is now; what `getrusage` tells on Linux is that of who started it, if larger."""
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 2**10 for line in status if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def _refuse(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stop_after(limit: float, group: int) -> None:
    signals = iter((signal.SIGTERM,))

    def stop(number: int, frame: FrameType | None) -> None:
        os.killpg(group, next(signals, signal.SIGKILL))

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit, GRACE)


if __name__ == "__main__":
    try:
        json.dump(launch(**json.load(sys.stdin)), sys.stdout)
    except KeyboardInterrupt:
        sys.exit(130)
