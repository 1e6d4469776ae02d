"""Which task makes which path: an index of declared outputs, asked from every side. Unaware of edges and of disks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import chain

from flowmake.core.model import Task
from flowmake.core.patterns import below, compile_pattern, excluding, intersects


class Producers:
    """Which task makes which path: literal files, directories and globs, asked from every side."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.directories: dict[str, str] = {}
        self.globs: dict[str, str] = {}
        self._sorted: list[str] | None = None

    def add(self, task: Task) -> Iterator[tuple[str, str]]:
        """Take in a task's outputs; yields (path, other task) for each that another one makes already."""
        for output in task.outputs:
            path = output.path
            table = self._table(path, output.kind)
            other = table.setdefault(path, task.name)
            if other != task.name:
                yield path, other
        self._sorted = None

    def _table(self, path: str, kind: str) -> dict[str, str]:
        if kind == "glob":
            return self.globs
        return self.directories if path.endswith("/") else self.files

    def producer(self, path: str) -> str | None:
        """The task that makes this very path, as a file, a directory, something inside one, or a match of its glob."""
        found = self.files.get(path) or self.directories.get(path) or self.directory_around(path)
        if found is not None:
            return found
        if not path.endswith("/") and (found := self.directories.get(path + "/")):
            return found
        return next((task for glob, task in self.globs.items() if compile_pattern(glob).matches(path)), None)

    def directory_around(self, path: str) -> str | None:
        """The task whose directory output holds `path`."""
        if not self.directories:
            return None
        end = path.rstrip("/").rfind("/")
        while end > 0:
            if (task := self.directories.get(path[: end + 1])) is not None:
                return task
            end = path.rfind("/", 0, end)
        return None

    def inside(self, directory: str) -> Iterator[str]:
        """Tasks with an output somewhere below a directory (`./` is the root)."""
        for path in self.paths_under("" if directory == "./" else directory):
            yield self.files.get(path) or self.directories[path]
        for glob, task in self.globs.items():
            if intersects(glob, below(directory)):
                yield task

    def clearly_inside(self, directory: str) -> Iterator[str]:
        """Like `inside`, without globs that may or may not lead there."""
        for path in self.paths_under(directory):
            yield self.files.get(path) or self.directories[path]
        for glob, task in self.globs.items():
            if compile_pattern(glob).prefix.startswith(directory):
                yield task

    def paths_under(self, prefix: str) -> Iterator[str]:
        """Declared literal paths that begin with `prefix`, sorted."""
        if self._sorted is None:
            self._sorted = sorted(chain(self.files, self.directories))
        start = bisect_left(self._sorted, prefix)
        for index in range(start, len(self._sorted)):
            if not self._sorted[index].startswith(prefix):
                return
            yield self._sorted[index]

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
        for directory, task in self.directories.items():
            if not is_excluded(directory) and intersects(below(directory), pattern):
                yield task
        for glob, task in self.globs.items():
            if glob not in excludes and not is_excluded(glob) and intersects(glob, pattern):
                yield task
