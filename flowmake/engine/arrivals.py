"""Ends of attempts made elsewhere, held back until their outputs can be seen here. Unaware of tasks and verdicts.

A network file system may show a new file later than its maker's machine says that it is there. Listing the folder makes
it look again; the size tells a whole file from a part of it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from flowmake.core.ports import ABSENT, Clock, Ended, Made

INTERVAL = 0.1


class _Late(Struct):
    """An end whose outputs are still to be seen: those `missing`, until `deadline` (monotonic seconds)."""

    ended: Ended
    missing: dict[str, Made]
    deadline: float
    latency: float


class Arrivals:
    """Ends wait here at most for the `latency` of their executor; then they count as lost."""

    def __init__(self, root: str, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._late: list[_Late] = []

    @property
    def interval(self) -> float:
        """Seconds after which to look again."""
        return INTERVAL if self._late else math.inf

    def sift(self, ends: Iterable[Ended], latency: float) -> Iterable[Ended]:
        """Those whose outputs are all here, of these and of all that were held back before."""
        return self._arrived(ends, latency) if self._late or latency else ends

    def _arrived(self, ends: Iterable[Ended], latency: float) -> Iterator[Ended]:
        now = self._clock.monotonic()
        waiting, self._late = self._late, []
        late = [*waiting, *(_Late(ended, dict(ended.outputs), now + latency, latency) for ended in ends)]
        for one in late:
            one.missing = {path: made for path, made in one.missing.items() if not self._is_here(path, made)}
            if not one.missing:
                yield one.ended
            elif now < one.deadline:
                self._late.append(one)
            else:
                yield _given_up(one)

    def _is_here(self, path: str, made: Made) -> bool:
        if made.digest == ABSENT:
            return True
        full = os.path.join(self._root, path)
        if path.endswith("/"):
            return os.path.isdir(full)
        if made.digest.startswith(("link:", "special:")):
            return os.path.lexists(full)
        if _size(full) == made.size:
            return True
        _list(os.path.dirname(full))
        return _size(full) == made.size


def _given_up(late: _Late) -> Ended:
    path, made = next(iter(late.missing.items()))
    where = f" on {late.ended.host}" if late.ended.host else ""
    error = f"`{path}` ({made.size} bytes{where}) did not arrive here within {late.latency:g} s; see `latency_wait`"
    return structs.replace(late.ended, error=error, lost=True, outputs={})


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _list(folder: str) -> None:
    try:
        os.listdir(folder)
    except OSError:  # the folder itself is late
        return
