"""Which task makes which path: an index of declared outputs, asked from every side. Unaware of edges and of disks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import chain

from flowmake.core.model import Task
from flowmake.core.patterns import below, compile_pattern, excluding, intersects


class Producers:
    """Which task makes which path: literal files, directories and globs, asked from every side.

    Globs are kept by their fixed leading folder, so that a look-up costs as much as a path is deep, however many
    tasks there are.
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.directories: dict[str, str] = {}
        self.globs: dict[str, str] = {}
        self._globs_in: dict[str, list[str]] = {}
        self._sorted: list[str] | None = None
        self._around: frozenset[str] | None = None
        self._sorted_folders: list[str] | None = None

    @classmethod
    def of(cls, files: dict[str, str], directories: dict[str, str], globs: dict[str, str]) -> Producers:
        """From the tables of another one."""
        producers = cls()
        producers.files, producers.directories, producers.globs = files, directories, globs
        for glob in globs:
            producers._globs_in.setdefault(compile_pattern(glob).prefix, []).append(glob)
        return producers

    def add(self, task: Task) -> Iterator[tuple[str, str]]:
        """Take in a task's outputs; yields (path, other task) for each that another one makes already."""
        for output in task.outputs:
            path = output.path
            table = self._table(path, output.kind)
            if table is self.globs and path not in table:
                self._globs_in.setdefault(compile_pattern(path).prefix, []).append(path)
                self._sorted_folders = None
            other = table.setdefault(path, task.name)
            if other != task.name:
                yield path, other
        self._sorted = self._around = None

    def _table(self, path: str, kind: str) -> dict[str, str]:
        if kind == "glob":
            return self.globs
        return self.directories if path.endswith("/") else self.files

    def producer(self, path: str) -> str | None:
        """The task that makes this very path, as a file, a directory, something inside one, or a match of its glob."""
        found = self.files.get(path)
        if found is not None or not (self.directories or self.globs):
            return found
        found = self.directories.get(path) or self.directory_around(path)
        if found is not None:
            return found
        if not path.endswith("/") and (found := self.directories.get(path + "/")):
            return found
        return next((self.globs[glob] for glob in self._globs_over(path) if compile_pattern(glob).matches(path)), None)

    def directory_around(self, path: str) -> str | None:
        """The task whose directory output holds `path`."""
        if not self.directories:
            return None
        return next((self.directories[folder] for folder in folders_of(path) if folder in self.directories), None)

    def inside(self, directory: str) -> Iterator[str]:
        """Tasks with an output somewhere below a directory (`./` is the root)."""
        top = "" if directory == "./" else directory
        for path in self.paths_under(top):
            yield self.files.get(path) or self.directories[path]
        for glob in self._globs_near(top):
            if intersects(glob, below(directory)):
                yield self.globs[glob]

    def clearly_inside(self, directory: str) -> list[str]:
        """Like `inside`, without globs that may or may not lead there."""
        found: list[str] = []
        if directory in self._folders():
            found += [self.files.get(path) or self.directories[path] for path in self.paths_under(directory)]
        if self.globs:
            found += [self.globs[glob] for glob in self._globs_under(directory)]
        return found

    def _folders(self) -> frozenset[str]:
        """All folders around literal paths."""
        if self._around is None:
            nearest = {path[: path.rfind("/", 0, -1) + 1] for path in chain(self.files, self.directories)}
            self._around = frozenset(nearest.union(*map(folders_of, nearest)))
        return self._around

    def paths_under(self, prefix: str) -> Iterator[str]:
        """Declared literal paths that begin with `prefix`, sorted."""
        if self._sorted is None:
            self._sorted = sorted(chain(self.files, self.directories))
        return _beginning(self._sorted, prefix)

    def matching(self, pattern: str) -> Iterator[str]:
        """Declared literal files (directories for a pattern ending in `/`) that match a glob."""
        compiled = compile_pattern(pattern)
        for path in self.paths_under(compiled.prefix):
            if compiled.matches(path):
                yield path

    def behind(self, pattern: str, excludes: Collection[str] = ()) -> Iterator[str]:
        """Tasks that make, or may make, something a glob matches and none of `excludes` does."""
        is_excluded = excluding(excludes)
        for path in self.matching(pattern):
            if not is_excluded(path):
                yield self.files.get(path) or self.directories[path]
        for directory in self.directories_meeting(pattern):
            if not is_excluded(directory):
                yield self.directories[directory]
        for glob in self.globs_meeting(pattern):
            if glob not in excludes and not is_excluded(glob):
                yield self.globs[glob]

    def globs_meeting(self, pattern: str) -> Iterator[str]:
        """Output globs that may match a path which `pattern` matches, too."""
        for glob in self._globs_near(compile_pattern(pattern).prefix):
            if intersects(glob, pattern):
                yield glob

    def directories_meeting(self, pattern: str) -> Iterator[str]:
        """Directory outputs in which there may be a path that `pattern` matches."""
        for directory in self._directories_near(compile_pattern(pattern).prefix):
            if intersects(below(directory), pattern):
                yield directory

    # -- near a folder: those above it, itself, and those below --------------------------------------------------

    def _globs_near(self, folder: str) -> Iterator[str]:
        yield from self._globs_over(folder)
        for glob in self._globs_under(folder):
            if compile_pattern(glob).prefix != folder:
                yield glob

    def _globs_over(self, path: str) -> Iterator[str]:
        """Globs whose fixed folder holds a path, or is that folder."""
        if not self.globs:
            return
        for folder in chain([path] if path.endswith("/") else [], folders_of(path), [""]):
            yield from self._globs_in.get(folder, ())

    def _globs_under(self, folder: str) -> Iterator[str]:
        if self._sorted_folders is None:
            self._sorted_folders = sorted(self._globs_in)
        for inside in _beginning(self._sorted_folders, folder):
            yield from self._globs_in[inside]

    def _directories_near(self, folder: str) -> Iterator[str]:
        if not self.directories:
            return
        yield from (above for above in folders_of(folder) if above in self.directories)
        yield from (path for path in self.paths_under(folder) if path in self.directories)


def folders_of(path: str) -> Iterator[str]:
    """The folders around a path, the nearest first, each ending in `/`; without the root."""
    end = path.rstrip("/").rfind("/")
    while end > 0:
        yield path[: end + 1]
        end = path.rfind("/", 0, end)


def _beginning(ordered: list[str], prefix: str) -> Iterator[str]:
    """Those of a sorted list that begin with a prefix."""
    for index in range(bisect_left(ordered, prefix), len(ordered)):
        if not ordered[index].startswith(prefix):
            return
        yield ordered[index]
