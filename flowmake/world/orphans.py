"""Processes that outlived the run that started them: finding and stopping them. Unaware of what they were doing."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import psutil

_PAUSE = 0.02
_AFTER_KILL = 5.0


class Orphan(Struct, frozen=True):
    """A living process of a dead run. `create_time` (seconds since the epoch) guards against reuse of the pid."""

    pid: int
    create_time: float
    task: str = ""


def find_orphans(run_ids: Collection[str], root: str) -> list[Orphan]:
    """Processes whose environment names one of these runs and this root; never ourselves or our parents.

    Only those of this user, unless it is root. The environment is that of the process's start. `task` is empty for a
    process of the `call` pool.
    """
    import psutil

    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        with suppress(psutil.Error, OSError):  # ended meanwhile, or none of our business
            if os.getuid() not in (0, process.uids().real):
                continue
            environ = process.environ()
            if environ.get("FLOWMAKE_RUN_ID") in run_ids and environ.get("FLOWMAKE_ROOT") == root:
                found.append(Orphan(process.pid, process.create_time(), environ.get("FLOWMAKE_TASK", "")))
    return found


def stop_orphans(orphans: Sequence[Orphan], grace: float) -> list[Orphan]:
    """TERM, and after `grace` seconds KILL; returns once they are gone, or with what outlived KILL by 5 s."""
    left = _signal(orphans, kill=False)
    left = _wait(left, grace)
    left = _signal(left, kill=True)
    return _wait(left, _AFTER_KILL)


def _signal(orphans: Sequence[Orphan], *, kill: bool) -> list[Orphan]:
    """Signal those still alive, and return them."""
    import psutil

    alive = []
    for orphan in orphans:
        process = _alive(orphan)
        if process is None:
            continue
        alive.append(orphan)
        with suppress(psutil.Error):  # ended just now
            process.kill() if kill else process.terminate()
    return alive


def _wait(orphans: Sequence[Orphan], seconds: float) -> list[Orphan]:
    """Wait until they are gone; the ones that are not in time."""
    end = time.monotonic() + seconds
    left = [orphan for orphan in orphans if _alive(orphan)]
    while left and time.monotonic() < end:
        time.sleep(_PAUSE)  # they are not our children: nothing tells us
        left = [orphan for orphan in left if _alive(orphan)]
    return left


def _alive(orphan: Orphan) -> psutil.Process | None:
    """The very process that was found, unless it is gone or only its zombie is left."""
    import psutil

    try:
        process = psutil.Process(orphan.pid)
        same = abs(process.create_time() - orphan.create_time) < 1e-3
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
