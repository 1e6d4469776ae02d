"""When two changes of a file leave the same times, by the clock of its file system. Standard library only.

Whoever digests a file within the tick in which it was last written cannot see by its times if it changes once more.
"""

from __future__ import annotations

import os
import time

FINE_NS = 20_000_000
"""No kernel in use stamps times more coarsely than its tick of 10 ms; twice that, to be safe."""

LOOK = 0.001
"""Seconds between two looks whether a tick is over."""

COARSE_NS = 2_000_000_000
"""File systems that keep whole seconds, or every second one (FAT)."""


def granularity_of(mtime_ns: int) -> int:
    """How long after a change at this time another one could leave the same times, in nanoseconds."""
    return FINE_NS if mtime_ns % 1_000_000_000 else COARSE_NS


def granularity_ns(status: os.stat_result) -> int:
    """How long after a change of this file another one could leave the same times."""
    return granularity_of(status.st_mtime_ns)


def changed_ns(status: os.stat_result) -> int:
    """When the file last changed, as far as its stat tells, in epoch nanoseconds."""
    return max(status.st_mtime_ns, status.st_ctime_ns)


def tick_left(status: os.stat_result, now_ns: int) -> float:
    """Seconds until another change of the file would show, 0 where it is over or would take too long to wait for."""
    left = changed_ns(status) + FINE_NS + 1 - now_ns
    fine = granularity_ns(status) == FINE_NS
    return left / 1e9 if fine and 0 < left <= 2 * FINE_NS else 0.0


def wait_for_tick(status: os.stat_result, log: str) -> None:
    """Return as soon as another change of the file would show, or has had all the time that `tick_left` knows of.

    The clock of the file system is asked by touching `log`: most ticks are shorter than they may be.
    """
    deadline = time.monotonic() + FINE_NS / 1e9
    while time.monotonic() < deadline:
        now = _touched(log)
        if now is None:
            time.sleep(tick_left(status, time.time_ns()))
            return
        if now > changed_ns(status) or not tick_left(status, now):
            return
        time.sleep(LOOK)


def file_time(path: str) -> int:
    """What time it is for the file system, in epoch nanoseconds: a file server need not agree with this machine.

    `path` is a file that may be touched.
    """
    now = _touched(path)
    return time.time_ns() if now is None else now


def _touched(path: str) -> int | None:
    try:
        os.utime(path)
        return os.stat(path).st_mtime_ns
    except OSError:  # it was never made, as the log of a command that could not start
        return None
