"""Which digest goes with which state of a file, so that nothing unchanged is read again. Touches no disk, no database.

The trust in an entry follows git's rule for racily clean entries: a file hashed within the clock granularity of its
own last change may change again without any visible difference in its stat, so such an entry is worth nothing until
the file has been hashed once more, later.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Set

from flowmake.world.hashing import Hashed
from flowmake.world.ticks import granularity_of

Row = tuple[int, int, int, int, int, int, str]
"""size, mtime_ns, ctime_ns, inode, mode, hashed_at_ns, digest. `hashed_at_ns` is 0 where it is not to be trusted."""

LARGEST = (1 << 63) - 1
"""What a database holds in an integer; inodes of some file systems go beyond, and lose their first bit."""

Figures = tuple[int, int, int, int, int]
"""size, mtime_ns, ctime_ns, inode, mode: whatever happens to a file shows in one of them."""


def figures(status: os.stat_result) -> Figures:
    """The state of a file, to be compared with another time's."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode


def is_racy(state: Figures, hashed_at_ns: int) -> bool:
    """Whether a change after hashing could have gone unseen."""
    _, mtime_ns, ctime_ns, _, _ = state
    since = hashed_at_ns - granularity_of(mtime_ns)
    return mtime_ns >= since or ctime_ns >= since


class StatCache:
    """The remembered digests by path, and what has changed among them since they were loaded."""

    def __init__(self, rows: Mapping[str, Row] | None = None) -> None:
        self._stored: dict[str, Row] = dict(rows or {})
        self._new: dict[str, Row] = {}  # instead of what is stored
        self._dropped: set[str] = set()
        self._modes: dict[int, int] = {}
        self.seen = 0
        """How many look-ups there were."""
        self.untrusted: dict[str, tuple[os.stat_result, str]] = {}
        """What was hashed too early to be trusted since loading, with its stat and digest."""

    def __len__(self) -> int:
        return len(self._stored) + len(self._new)

    def get(self, path: str, status: os.stat_result) -> str | None:
        """The digest of the file in this very state, None if it has to be hashed."""
        self.seen += 1
        row = self._new.get(path) or self._stored.get(path)
        if (
            row is not None
            and row[1] == status.st_mtime_ns
            and row[0] == status.st_size
            and row[2] == status.st_ctime_ns
            and row[3] == status.st_ino & LARGEST
            and row[4] == status.st_mode
            and row[5]
        ):
            return row[6]
        return None

    def trusts(self, path: str) -> bool:
        """Whether a state of the file is known in which it need not be hashed."""
        row = self.last(path)
        return row is not None and row[5] != 0

    def figures(self, path: str) -> Figures | None:
        """The state of the file whose digest is remembered and trusted."""
        row = self.last(path)
        return row[:5] if row is not None and row[5] else None

    def last(self, path: str) -> Row | None:
        """What was last known of a file, be it trusted or not."""
        return self._new.get(path) or self._stored.get(path)

    def put(self, path: str, hashed: Hashed) -> None:
        """Remember the digest of a regular file."""
        digest, status, started_ns = hashed.digest, hashed.stat, hashed.started_ns
        assert status is not None
        size, mtime_ns, ctime_ns, inode, mode = state = figures(status)
        if mtime_ns > LARGEST or ctime_ns > LARGEST:  # beyond the year 2262: not worth remembering
            self.drop(path)
            return
        if not hashed.stable or is_racy(state, started_ns):
            self.untrusted[path] = status, digest
            started_ns = 0
        elif path in self.untrusted:
            del self.untrusted[path]
        # One object for numbers that are the same: there are hundreds of thousands of rows.
        mode = self._modes.setdefault(mode, mode)
        if ctime_ns == mtime_ns:
            ctime_ns = mtime_ns
        self._new[path] = size, mtime_ns, ctime_ns, inode & LARGEST, mode, started_ns, digest
        self._stored.pop(path, None)
        if self._dropped:
            self._dropped.discard(path)

    def drop(self, path: str) -> None:
        """Forget a file that is gone."""
        was_new, was_stored = self._new.pop(path, None), self._stored.pop(path, None)
        if was_new or was_stored:
            self.untrusted.pop(path, None)
            self._dropped.add(path)

    def paths(self) -> list[str]:
        return [*self._stored, *self._new]

    def changes(self) -> tuple[Mapping[str, Row], Set[str]]:
        """Rows that are new or changed, and paths dropped, since loading or the last `saved`: as they are, no copy."""
        return self._new, self._dropped

    def saved(self) -> None:
        """What `changes` told is stored now."""
        self._stored |= self._new
        self._new.clear()
        self._dropped.clear()
