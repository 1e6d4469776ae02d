"""Outputs measured where they are made: sizes and digests that can be believed elsewhere. Unaware of attempts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from flowmake.core.ports import ABSENT, Made
from flowmake.world.hashing import hash_entry, hash_link
from flowmake.world.ticks import tick_left
from flowmake.world.trees import TreeHasher


def measure(root: str, outputs: Iterable[str], now: Callable[[], int] = time.time_ns) -> dict[str, Made]:
    """Size and digest of outputs, and of every file in those that are folders. Raises `StateError`.

    What has been written just now is hashed only when any later change would show in its times; `now` is the time
    by the clock that these times come from.
    """
    found: dict[str, Made] = {}
    for path in outputs:
        full = os.path.join(root, path)
        if path.endswith("/"):
            found |= _measure_folder(full, path, now)
        else:
            found[path] = _measure_file(full, now)
    return found


def _measure_file(full: str, now: Callable[[], int]) -> Made:
    try:
        status = os.stat(full)
    except OSError:
        return Made(0, hash_link(full) or ABSENT)
    if os.path.isdir(full):
        return Made(0, ABSENT)
    time.sleep(tick_left(status, now()))
    return Made(status.st_size, hash_entry(full).digest)


def _measure_folder(full: str, path: str, now: Callable[[], int]) -> dict[str, Made]:
    top = full.rstrip("/")
    leaves: dict[str, Made] = {}

    def leaf(at: str, status: os.stat_result) -> str:
        made = leaves[path + at[len(top) + 1 :]] = _measure_file(at, now)
        return made.digest

    digest = TreeHasher(leaf).digest(top)
    return {path: Made(sum(made.size for made in leaves.values()), digest), **leaves}
