"""The disk as the judging rooms see it: digests, globs, existence. Reads only; unaware of tasks and databases.

What is remembered: within one run the digest of a path is looked up once (one `stat`, and hashing only where the stat
cache does not know that state of the file) and then kept until `forget` names the path, a folder above it, or
something inside it. A glob is answered again from memory only while no folder it walked has changed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from time import sleep, time_ns

from flowmake.core.errors import StateError
from flowmake.core.model import Check
from flowmake.core.ports import ABSENT
from flowmake.world.globbing import Globber
from flowmake.world.hashing import GONE, Hashed, hash_entry, hash_link, hash_seen, hash_special, unreadable
from flowmake.world.looked import Looked
from flowmake.world.memory import Memory
from flowmake.world.statcache import StatCache, figures, is_racy
from flowmake.world.ticks import FINE_NS, changed_ns, granularity_ns, tick_left
from flowmake.world.trees import TreeHasher

AT_ONCE = 50_000
"""Files whose states are held in memory until they are read together."""

SMALL = 1 << 20
"""Files below this many bytes are simply hashed twice; for others it is better to wait out the clock's tick."""


class DiskFiles:
    """`core.ports.Files` on a real disk, below `root` (absolute). `exclude`: folders never looked into."""

    def __init__(self, root: str, cache: StatCache | None = None, exclude: Iterable[str] = ()) -> None:
        self.root = os.path.abspath(root)
        self.cache = StatCache() if cache is None else cache
        self._prefix = self.root.rstrip("/") + "/"
        self.excluded = frozenset(self._at(path).rstrip("/") for path in exclude)
        self._memory = Memory()
        self._globber = Globber(self.root, self.is_left_out)
        self._looked = Looked(self.root)

    def digest(self, path: str, check: Check = "content") -> str:
        """As in the port. `stat:<size>-<mtime_ns>` and `exists` for the lesser checks."""
        if check != "content":
            return self._lesser_digest(path, check)
        known = self._memory.get(path)
        if known is None:
            known = self._look(path)
            self._memory.put(path, known)
        return known

    def digests(self, paths: Sequence[str]) -> list[str]:
        """As in the port."""
        self.foresee(paths)
        return list(map(self.digest, paths))

    def foresee(self, paths: Sequence[str], most: int | None = None) -> int:
        """As in the port."""
        known = self._memory.get
        unknown = [path for path in paths if known(path) is None]
        if len(unknown) < 2:
            return len(paths)
        unread = _Unread(self.cache)
        taken = len(paths)
        for path in unknown:
            if path.endswith("/"):
                continue
            if most is not None and unread.size >= most and unread.keeps_all_busy():
                taken = paths.index(path)
                break
            at = path if path.startswith("/") else self._prefix + path
            try:
                status = os.stat(at)
            except (OSError, ValueError):  # who asks for it will be told
                continue
            digest = self.cache.get(path, status)
            if digest is not None:
                self._memory.put(path, digest)
            elif stat.S_ISREG(status.st_mode):
                unread.add(at, path, status)
        for path, digest in unread.digests().items():
            self._memory.put(path, digest)
        return taken

    def exists(self, path: str) -> bool:
        """Whether anything is there; a dangling symlink is something."""
        there = os.path.lexists(self._at(path))
        if not there:
            self._looked.note_missing(path)
        return there

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(self._at(path))

    def glob(self, pattern: str) -> list[str]:
        """As in the port; a dangling symlink counts as a file."""
        return self._globber.glob(pattern)

    def looked_at(self) -> Looked | None:
        """Everything looked at so far, in the state it was seen in; None where that cannot be told for certain."""
        looked = self._looked
        for path, digest in self._memory.items():
            looked.note(path, digest, self.cache)
        for path in looked.leaves:
            looked.note(path, "", self.cache)
        for folder, state in self._globber.folders.items():
            looked.note_folder(folder, state is not None)
        for link in self._globber.links:
            looked.note_folder(link, True)
        return looked if looked.is_certain and self._globber.is_steady else None

    def changed(self) -> set[str]:
        """Paths whose first digest may no longer hold: looked at again with another result, or forgotten since."""
        return self._memory.changed()

    def read(self, path: str) -> bytes:
        """As in the port."""
        at = self._at(path)
        try:
            status = os.stat(at)
            if not stat.S_ISREG(status.st_mode):
                raise StateError(f"cannot read `{path}`: not a regular file")
            self._looked.note_read(path, status)
            with open(at, "rb") as file:
                return file.read()
        except ValueError as error:
            raise FileNotFoundError(path) from error
        except OSError as error:
            if error.errno in GONE:
                self._looked.note_missing(path)
                self._looked.decisive.add(path)
                raise FileNotFoundError(path) from error
            raise unreadable(path, error) from error

    def forget(self, paths: Iterable[str] | None = None) -> None:
        """As in the port. A folder takes what lies inside it along, and any path the folders that it lies in."""
        if paths is None:
            self._memory.clear()
            self._globber.forget()
        else:
            self._memory.forget(paths)

    def touched_since(self, path: str, moment: float) -> bool:
        """As in the port. Of a folder, its own times count."""
        try:
            status = os.stat(self._at(path))
        except (OSError, ValueError):  # gone, and nobody knows since when
            return True
        return changed_ns(status) >= moment * 1e9 - granularity_ns(status)

    def doubtful(self, digests: Mapping[str, str]) -> list[str]:
        """As in the port: all but files in the very state that they were hashed in, if that is to be trusted."""
        return [path for path, digest in digests.items() if not self._is_still(path, digest)]

    def _is_still(self, path: str, digest: str) -> bool:
        if not self.cache.trusts(path):
            return False
        try:
            return self.cache.get(path, os.stat(self._at(path))) == digest
        except OSError:  # who asks for it will be told
            return False

    def vouch(self, path: str, digest: str) -> None:
        """As in the port. The state that the file has now goes with it: whoever hashed it waited out the clock's tick,
        and nobody but us writes to what has just been put in its place.
        """
        self._memory.put(path, digest)
        try:
            status = os.stat(self._at(path))
        except OSError as error:
            raise unreadable(path, error) from error
        if stat.S_ISREG(status.st_mode) and granularity_ns(status) == FINE_NS:
            self.cache.put(path, Hashed(digest, status, changed_ns(status) + FINE_NS + 1))

    def settle(self) -> None:
        """At the end of a run: hash again the small files hashed too early to be trusted, so the next run need not.

        Not those that it is still too early for. Also lets go of files long gone.
        """
        for path, (status, _) in list(self.cache.untrusted.items()):
            if status.st_size < SMALL and not is_racy(figures(status), time_ns()):
                self._settle_one(path)
        if len(self.cache) > 2 * self.cache.seen + 10_000:
            for path in self.cache.paths():
                if not os.path.lexists(self._at(path)):
                    self.cache.drop(path)

    def _settle_one(self, path: str) -> None:
        try:
            self._memory.put(path, self._remember(path, hash_entry(self._at(path))))
        except StateError:  # nobody has asked: whoever needs this file next will be told
            self.cache.drop(path)

    def _at(self, path: str) -> str:
        return path if path.startswith("/") else self._prefix + path

    def is_left_out(self, path: str) -> bool:
        return path.endswith("/.git") or path in self.excluded

    def _lesser_digest(self, path: str, check: Check) -> str:
        at = self._at(path)
        try:
            status = os.stat(at)
        except ValueError:
            return ABSENT
        except OSError as error:
            if error.errno not in GONE:
                raise unreadable(path, error) from error
            self._looked.note_missing(path)
            link = hash_link(at)
            return "exists" if link and check == "exists" else link
        self._looked.note_status(path, status)
        return "exists" if check == "exists" else f"stat:{status.st_size}-{status.st_mtime_ns}"

    def _look(self, path: str) -> str:
        at = path if path.startswith("/") else self._prefix + path
        try:
            status = os.stat(at)
        except ValueError:
            return ABSENT
        except OSError as error:
            if error.errno not in GONE:
                raise unreadable(path, error) from error
            self.cache.drop(path)
            return hash_link(at)
        digest = self.cache.get(path, status)
        if digest is not None:
            return digest
        if stat.S_ISREG(status.st_mode):
            if status.st_size >= SMALL:
                _wait_out_tick(status)
            return self._remember(path, hash_seen(at, status) or hash_entry(at))
        return self._tree(path) if stat.S_ISDIR(status.st_mode) else hash_special(status)

    def _remember(self, path: str, hashed: Hashed) -> str:
        if hashed.stat is None:
            self.cache.drop(path)
        elif stat.S_ISREG(hashed.stat.st_mode):
            self.cache.put(path, hashed)
        return hashed.digest

    def _tree(self, path: str) -> str:
        top = self.root if path in (".", "./") else self._at(path).rstrip("/") or "/"
        self._looked.folders.add(top)
        unread = _Unread(self.cache)
        hasher = TreeHasher(
            lambda at, status: self._leaf(at, status, unread),
            self._leave_out_of_tree,
            lambda at: unread.digests().get(self._named(at)) or self._remember(self._named(at), hash_entry(at)),
        )
        digest = hasher.digest(top)
        self._memory.put_tree(path, hasher.saw_link)
        self._looked.is_certain &= not hasher.saw_link
        return digest

    def _leave_out_of_tree(self, folder: str) -> bool:
        left_out = self.is_left_out(folder)
        if not left_out:
            self._looked.folders.add(folder)
        return left_out

    def _leaf(self, at: str, status: os.stat_result, unread: _Unread) -> str | None:
        """The digest of a file in a tree; None if it is to be read."""
        path = self._named(at)
        self._looked.leaves.add(path)
        digest = self.cache.get(path, status)
        if digest is not None:
            return digest
        if not stat.S_ISREG(status.st_mode):
            return hash_special(status)
        unread.add(at, path, status)
        return None

    def _named(self, at: str) -> str:
        return at[len(self._prefix) :] if at.startswith(self._prefix) else at


class _Unread:
    """Regular files to be read together, in portions; what they turn out to be is kept in the cache."""

    def __init__(self, cache: StatCache) -> None:
        self.count = 0
        """Files that were added."""
        self.size = 0
        """Bytes in them."""
        self._cache = cache
        self._files: dict[str, os.stat_result] = {}
        self._names: dict[str, str] = {}
        self._digests: dict[str, str] = {}

    def add(self, at: str, path: str, status: os.stat_result) -> None:
        if status.st_size >= SMALL:
            _wait_out_tick(status)
        self.count += 1
        self.size += status.st_size
        self._files[at] = status
        self._names[at] = path
        if len(self._files) >= AT_ONCE:
            self._read()

    def keeps_all_busy(self) -> bool:
        """Whether there is a file for each processor."""
        from flowmake.world.cpus import available_cpus  # here, since few have so much to read

        return self.count >= available_cpus()

    def digests(self) -> dict[str, str]:
        """By path, but for files that are not any more what they were when they were added."""
        self._read()
        return self._digests

    def _read(self) -> None:
        if not self._files:
            return
        from flowmake.world.batches import hash_many  # here, since most runs have nothing to read

        for at, hashed in hash_many(self._files).items():
            path = self._names[at]
            self._cache.put(path, hashed)
            self._digests[path] = hashed.digest
        self._files.clear()
        self._names.clear()


def _wait_out_tick(status: os.stat_result) -> None:
    """Rather than hash a big file twice."""
    if left := tick_left(status, time_ns()):
        sleep(left)
