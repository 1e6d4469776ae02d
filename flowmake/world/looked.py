"""What was looked at on disk, in the state in which it was seen, so that it can be compared later. Judges nothing."""

from __future__ import annotations

import os
from time import time_ns

from flowmake.core.ports import ABSENT
from flowmake.world.statcache import Figures, StatCache, figures
from flowmake.world.ticks import changed_ns, granularity_ns

MOST_READ = 50
"""Files, and with at most `MOST_BYTES` in all, that are compared by content sooner than the clock's tick is over."""
MOST_BYTES = 1 << 20


class Looked:
    """Files and folders with their figures, and paths where nothing was. Relative paths are relative to `root`.

    `racy` are files, with their digests, that were hashed so soon after their own last change that another one might
    not show: their figures say nothing, so their content is to be compared, too.
    `is_certain` turns False where a change could go unseen, before now or later: more of such files than are soon
    read, a folder listed too soon, something met in two states, symlinks inside a tree, dangling links, devices.
    `decisive` are the paths on which more may hang than the digests of what was asked for: files that were read for
    what they say, folders that were listed for a glob, links met there.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: dict[str, Figures] = {}
        self.absent: set[str] = set()
        self.folders: set[str] = set()
        self.leaves: set[str] = set()
        self.decisive: set[str] = set()
        self.racy: dict[str, str] = {}
        self._to_read = 0
        self.is_certain = True
        self._began_ns = time_ns()

    def note(self, path: str, digest: str, cache: StatCache) -> None:
        """Take in a digested path; an empty digest stands for a file that was there."""
        if digest.startswith("tree:"):
            return  # told by its folders and leaves
        known = cache.figures(path)
        if known is not None:
            self._note_state(path, known)
        elif digest == ABSENT and path not in self.leaves:
            self.absent.add(path)
        elif path in cache.untrusted:
            self._note_racy(path, *cache.untrusted[path])
        else:
            self.is_certain = False

    def note_status(self, path: str, status: os.stat_result) -> None:
        """Take in a path of which nothing but this counts."""
        self._note_state(path, figures(status))

    def note_read(self, path: str, status: os.stat_result) -> None:
        """Take in a file that is about to be read as a whole."""
        self.note_status(path, status)
        self.decisive.add(path)
        self.is_certain &= changed_ns(status) < time_ns() - granularity_ns(status)

    def note_missing(self, path: str) -> None:
        """Take in a path that leads to nothing."""
        self.absent.add(path)

    def note_folder(self, folder: str, was_there: bool) -> None:
        """Take in a folder that was listed for a glob, or missed."""
        self.decisive.add(folder)
        if was_there:
            self.folders.add(folder)
        else:
            self.absent.add(folder)

    def settle(self) -> bool:
        """Look once more at folders and at what is missing; False if anything is uncertain, or changed meanwhile."""
        for folder in self.folders:
            try:
                status = os.stat(self._at(folder))
            except OSError:
                return False
            if changed_ns(status) >= self._began_ns - granularity_ns(status):
                return False
            self.files[folder] = figures(status)
        # A dangling link is there, too, though it leads to nothing.
        return self.is_certain and not any(os.path.lexists(self._at(path)) for path in self.absent)

    def take(self, other: Looked) -> bool:
        """Add what another one has seen of the same root; False if the two have seen different things."""
        for path, state in other.files.items():
            self._note_state(path, state)
        self.absent |= other.absent
        self.decisive |= other.decisive
        self.racy |= other.racy
        return self.is_certain

    def _at(self, path: str) -> str:
        return os.path.join(self.root, path)

    def _note_racy(self, path: str, status: os.stat_result, digest: str) -> None:
        self._note_state(path, figures(status))
        if path not in self.racy:
            self._to_read += status.st_size
        self.racy[path] = digest
        self.is_certain &= len(self.racy) <= MOST_READ and self._to_read <= MOST_BYTES

    def _note_state(self, path: str, state: Figures) -> None:
        if self.files.setdefault(path, state) != state:
            self.is_certain = False
