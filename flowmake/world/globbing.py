"""Which files on disk match a glob: a walk only into folders it can reach. Leaves names to `core.patterns`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from time import time_ns

from flowmake.core.patterns import DEEP, Pattern, compile_pattern, is_glob, segment_matcher, unescape
from flowmake.world.hashing import GONE, unreadable
from flowmake.world.statcache import figures, is_racy

FolderState = tuple[int, int, int] | None
"""mtime_ns, ctime_ns and inode of a folder, which change with its list of names; None where no folder is."""


def folder_state(path: str) -> FolderState:
    """The state of a folder now."""
    status = _stat(path)
    return status and (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


class Globber:
    """Answers globs below `root`, and again from memory while none of the folders it walked has changed.

    `left_out(path)` is asked for absolute paths of folders; what it says True to is not entered and not found.
    """

    def __init__(self, root: str, left_out: Callable[[str], bool]) -> None:
        self._prefix = root.rstrip("/") + "/"
        self._left_out = left_out
        self._memo: dict[str, tuple[list[str], dict[str, FolderState]]] = {}
        self.folders: dict[str, FolderState] = {}
        """Every folder (absolute) that any glob walked or missed, with its state just before."""
        self.links: set[str] = set()
        """Symlinks (absolute) met on the way: what is behind them may change with no folder telling of it."""
        self.is_steady = True
        """Whether every folder was met in one state only."""

    def glob(self, pattern: str) -> list[str]:
        """Sorted paths that match. Raises `StateError` for a folder that cannot be read."""
        known = self._memo.get(pattern)
        if known is not None and all(folder_state(path) == state for path, state in known[1].items()):
            return list(known[0])
        walk = _Walk(compile_pattern(pattern), self._prefix, self._left_out)
        found = sorted(walk.found)
        self.is_steady = self.is_steady and all(self.folders.get(p, s) == s for p, s in walk.folders.items())
        self.folders.update(walk.folders)
        self.links |= walk.links
        if walk.racy:
            self._memo.pop(pattern, None)
        else:
            self._memo[pattern] = (found, walk.folders)
        return list(found)

    def forget(self) -> None:
        """Answer nothing from memory."""
        self._memo.clear()


class _Walk:
    """One walk for one pattern: each folder is read once, with the set of places in the pattern it may stand at.

    A place is an index into the segments; standing at their end means that the folder itself matches.
    """

    def __init__(self, pattern: Pattern, prefix: str, left_out: Callable[[str], bool]) -> None:
        self._segments = pattern.segments
        if self._segments[-1:] == (DEEP,) and not pattern.directory:
            self._segments = (*self._segments, "*")
        self._directories = pattern.directory
        self._prefix = prefix
        self._left_out = left_out
        self.found: set[str] = set()
        self.folders: dict[str, FolderState] = {}
        self.links: set[str] = set()
        self.racy = False
        start = pattern.prefix
        depth = sum(1 for part in start.split("/") if part)
        self._ahead = [] if self._inside_left_out(start) else [(start, self._closure([depth]))]
        while self._ahead:
            self._enter(*self._ahead.pop())

    def _absolute(self, folder: str) -> str:
        return folder if folder.startswith("/") else self._prefix + folder

    def _inside_left_out(self, folder: str) -> bool:
        path = self._absolute(folder).rstrip("/")
        # Where the root itself lies is no reason to find nothing in it.
        while path and not self._prefix.startswith(path + "/"):
            if self._left_out(path):
                return True
            path = path.rpartition("/")[0]
        return False

    def _closure(self, places: Iterable[int]) -> tuple[int, ...]:
        """The places with those added that `**` reaches by standing for nothing."""
        closed = set()
        for place in places:
            closed.add(place)
            while place < len(self._segments) and self._segments[place] == DEEP:
                place += 1
                closed.add(place)
        return tuple(sorted(closed))

    def _enter(self, folder: str, places: tuple[int, ...]) -> None:
        """Visit a folder (ending in `/`, or empty for the root) that may not even exist."""
        path = self._absolute(folder)
        started = time_ns()
        status = _stat(path)
        self.folders[path] = status and (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        if status is None:
            return
        self.racy = self.racy or is_racy(figures(status), started)
        end = len(self._segments)
        if end in places:
            if self._directories and folder:
                self.found.add(folder)
            places = places[:-1]
        if len(places) == 1 and not is_glob(self._segments[places[0]]):
            self._step(folder, unescape(self._segments[places[0]]), places[0])
        elif places:
            self._scan(folder, path, places)

    def _step(self, folder: str, name: str, place: int) -> None:
        """Go on to the one name that is asked for, without reading the folder."""
        path = self._absolute(folder) + name
        if place + 1 < len(self._segments) or self._directories:
            if not self._left_out(path):
                self._ahead.append((f"{folder}{name}/", self._closure([place + 1])))
        elif os.path.lexists(path) and not self._left_out(path):
            if os.path.islink(path):
                self.links.add(path)
            if not os.path.isdir(path):
                self.found.add(folder + name)

    def _scan(self, folder: str, path: str, places: tuple[int, ...]) -> None:
        files, folders = self._read(path)
        end = len(self._segments)
        if not self._directories and end - 1 in places:
            matches = segment_matcher(self._segments[end - 1])
            self.found.update([folder + name for name in files if matches(name)])
        onward = [place for place in places if place < end - 1 or self._directories]
        if not onward:
            return
        for name, is_link in folders:
            if self._left_out(path + name):
                continue
            reached = self._onward(name, onward)
            if reached and not (is_link and self._leads_back(path, name, reached)):
                self._ahead.append((f"{folder}{name}/", self._closure(reached)))

    def _read(self, path: str) -> tuple[list[str], list[tuple[str, bool]]]:
        """Names of files, and of folders with whether they are symlinks; nothing if the folder has gone."""
        files: list[str] = []
        folders: list[tuple[str, bool]] = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        self.links.add(entry.path)
                    if _is_folder(entry):
                        folders.append((entry.name, entry.is_symlink()))
                    elif entry.name != ".git":
                        files.append(entry.name)
        except OSError as error:
            if error.errno not in GONE:
                raise unreadable(path, error) from error
        return files, folders

    def _onward(self, name: str, places: list[int]) -> list[int]:
        """The places in the pattern that a folder of this name leads to."""
        reached = []
        for place in places:
            segment = self._segments[place]
            if segment_matcher(segment)(name):
                reached.append(place if segment == DEEP else place + 1)
        return reached

    def _leads_back(self, path: str, name: str, reached: list[int]) -> bool:
        """Whether a symlink leads to a folder above itself, where `**` would go round for ever."""
        if not any(place < len(self._segments) and self._segments[place] == DEEP for place in reached):
            return False
        target = _stat(path + name)
        if target is None:
            return True
        above = path.rstrip("/")
        while above:
            status = _stat(above)
            if status is not None and os.path.samestat(status, target):
                return True
            above = above.rpartition("/")[0]
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link whose target cannot even be looked at: a name that leads nowhere
        return False
