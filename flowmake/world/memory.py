"""Digests looked up during a run, until they are forgotten: by path, by folder. Knows neither disk nor cache.

Forgetting costs as much as the path is deep, however much is remembered: what lies inside a forgotten folder is found
out only when asked for, by comparing when it was remembered and when a folder above it was last forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Memory:
    """Digest by path. A folder may be named with its final `/` or without."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}
        self._since: dict[str, int] = {}  # of what was remembered after a folder was forgotten: when
        self._folders: set[str] = set()  # without final `/`
        self._linked: set[str] = set()  # folders holding symlinks, so that any path may be inside them
        self._swept: dict[str, int] = {}  # folder, without final `/`: when it was forgotten
        self._before: dict[str, str] = {}  # what was last known of paths that were forgotten
        self._changed: set[str] = set()
        self._now = 0

    def get(self, path: str) -> str | None:
        """The digest, None if there is none (any more)."""
        known = self._digests.get(path)
        if known is not None and self._swept:
            since = self._since.get(path, 0)
            if any(self._swept.get(folder, 0) > since for folder in _above(path)):
                self._drop(path)
                return None
        return known

    def items(self) -> Iterator[tuple[str, str]]:
        """Every path with its digest."""
        for path in list(self._digests):
            known = self.get(path)
            if known is not None:
                yield path, known

    def put(self, path: str, digest: str) -> None:
        known = self._digests.get(path)
        before = known if known is not None else self._before.get(path, digest)
        if before != digest:
            self._changed.add(path)
        self._digests[path] = digest
        if self._now:
            self._since[path] = self._now

    def changed(self) -> set[str]:
        """Paths that have had more than one digest, or had one that was forgotten and never found out again."""
        if self._swept:
            for path in list(self._digests):
                self.get(path)
        return self._changed | (self._before.keys() - self._digests.keys())

    def put_tree(self, path: str, has_links: bool) -> None:
        """That path is a folder; its digest comes by `put`."""
        self._folders.add(path.rstrip("/"))
        if has_links:
            self._linked.add(path)

    def forget(self, paths: Iterable[str]) -> None:
        """Drop these paths, every folder above them, and what they hold where they are folders."""
        digests = self._digests
        gone = {"", "."}
        for path in paths:
            bare = path.rstrip("/")
            if bare == ".":
                self.clear()
            elif path.endswith("/") or bare in self._folders:
                self._now += 1
                self._swept[bare] = self._now
            while bare not in gone:
                gone.add(bare)
                if bare in digests:
                    self._drop(bare)
                if bare + "/" in digests:
                    self._drop(bare + "/")
                bare = bare.rpartition("/")[0]
        for folder in (".", "./", "/", *self._linked):
            if folder in digests:
                self._drop(folder)

    def clear(self) -> None:
        """Drop everything."""
        for path in list(self._digests):
            self._drop(path)
        self._swept.clear()

    def _drop(self, path: str) -> None:
        known = self._digests.pop(path, None)
        if known is not None:
            self._before[path] = known
            self._since.pop(path, None)


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in, innermost first, without final `/`; not the root."""
    folder = path.rstrip("/").rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
