"""How files were when they were last hashed, for people who ask what changed. Decides nothing about staleness.

Nothing is kept for this: the stat cache has each file's last digest, size and time until it is hashed again by a run.
Of a folder, the files that it held are taken for what they were only if they add up to the recorded digest of the tree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from flowmake.core.errors import StateError
from flowmake.core.ports import ABSENT
from flowmake.world.statcache import StatCache
from flowmake.world.trees import TreeHasher, tree_digest


class Seen(Struct, frozen=True):
    """One state of a file: bytes, and seconds since the epoch of its last change."""

    size: int
    modified: float


class Changed(Struct, frozen=True):
    """A file that is not as it was. A digest is `ABSENT` where it was not there, a state None where it is not known."""

    path: str
    old: str
    new: str
    before: Seen | None = None
    now: Seen | None = None


class Earlier:
    """`known` is what earlier runs have left, `digest` hashes a file as it is now, `root` is absolute."""

    def __init__(
        self, root: str, known: StatCache, digest: Callable[[str], str], leave_out: Callable[[str], bool]
    ) -> None:
        self._root = root.rstrip("/") + "/"
        self._known = known
        self._digest = digest
        self._leave_out = leave_out

    def changed(self, path: str, old: str, new: str) -> list[Changed]:
        """The file itself; of a folder, the files inside it that changed, or nothing if that is not known."""
        if new.startswith("tree:") or old.startswith("tree:"):
            return list(self._inside(path, old))
        return [self._told(path, old, new)]

    def _told(self, path: str, old: str, new: str) -> Changed:
        return Changed(path, old, new, self._before(path, old), self._now(path) if new != ABSENT else None)

    def _before(self, path: str, digest: str) -> Seen | None:
        row = self._known.last(path)
        return Seen(row[0], row[1] / 1e9) if row is not None and row[6] == digest else None

    def _now(self, path: str) -> Seen | None:
        try:
            status = os.stat(self._at(path))
        except OSError:  # it went away meanwhile, or its name says nothing to the disk
            return None
        return Seen(status.st_size, status.st_mtime_ns / 1e9)

    def _inside(self, folder: str, old: str) -> Iterator[Changed]:
        top = "" if folder in (".", "./") else folder.rstrip("/") + "/"
        now = self._files_in(top)
        then = self._files_then(top, now, old) if now is not None else None
        if now is None or then is None:
            return
        for path in sorted(then.keys() | now.keys()):
            if then.get(path) != now.get(path):
                yield self._told(path, then.get(path, ABSENT), now.get(path, ABSENT))

    def _files_then(self, top: str, now: Iterable[str], digest: str) -> dict[str, str] | None:
        """Files that are gone may still be known from long ago: the tree must add up with all of them, or with none."""
        last = ((path, self._known.last(path)) for path in self._known.paths() if path.startswith(top))
        known = {path: row[6] for path, row in last if row is not None}
        there = {path: known[path] for path in now if path in known}
        candidates = (known, there)
        return next((one for one in candidates if tree_digest(_below(top, one)) == digest), None)

    def _files_in(self, top: str) -> dict[str, str] | None:
        found: dict[str, str] = {}

        def leaf(at: str, _status: os.stat_result) -> str:
            path = at.removeprefix(self._root)
            found[path] = self._digest(path)
            return found[path]

        try:
            TreeHasher(leaf, self._leave_out).digest(self._at(top).rstrip("/") or "/")
        except StateError:  # what cannot be read is told of elsewhere
            return None
        return found

    def _at(self, path: str) -> str:
        return path if path.startswith("/") else self._root + path


def _below(top: str, files: Mapping[str, str]) -> dict[str, str]:
    return {path.removeprefix(top): digest for path, digest in files.items()}
