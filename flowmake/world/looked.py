"""What was looked at on disk, in the state in which it was seen, so that it can be compared later. Judges nothing."""

from __future__ import annotations

import os
from time import time_ns

from flowmake.core.ports import ABSENT
from flowmake.world.statcache import Figures, StatCache, changed_ns, figures, granularity_ns


class Looked:
    """Files and folders with their figures, and paths where nothing was.

    `is_certain` turns False where a later change could go unseen: a file hashed too soon after its own last change,
    a folder listed so, symlinks inside a tree, dangling links, devices.
    """

    def __init__(self) -> None:
        self.files: dict[str, Figures] = {}
        self.absent: set[str] = set()
        self.folders: set[str] = set()
        self.leaves: set[str] = set()
        self.is_certain = True
        self._began_ns = time_ns()

    def note(self, path: str, digest: str, cache: StatCache) -> None:
        """Take in a digested path; an empty digest stands for a file that was there."""
        if digest.startswith("tree:"):
            return  # told by its folders and leaves
        known = cache.figures(path)
        if known is not None:
            self.files[path] = known
        elif digest == ABSENT and path not in self.leaves:
            self.absent.add(path)
        else:
            self.is_certain = False

    def note_read(self, path: str, status: os.stat_result) -> None:
        """Take in a file that is about to be read as a whole."""
        self.files[path] = figures(status)
        self.is_certain &= changed_ns(status) < time_ns() - granularity_ns(status)

    def note_folder(self, folder: str, was_there: bool) -> None:
        """Take in a folder that was listed, or missed."""
        if was_there:
            self.folders.add(folder)
        else:
            self.absent.add(folder)

    def settle(self) -> bool:
        """Look once more at the folders; False if anything is uncertain, or one changed since the first look."""
        for folder in self.folders:
            try:
                status = os.stat(folder)
            except OSError:
                return False
            if changed_ns(status) >= self._began_ns - granularity_ns(status):
                return False
            self.files[folder] = figures(status)
        return self.is_certain
