"""Folders to digests, whatever links, loops and odd things lie in them. Leaves the files themselves to others."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping

from xxhash import xxh3_128

from flowmake.core.errors import StateError
from flowmake.core.model import FENCED, STAGED
from flowmake.core.ports import ABSENT
from flowmake.world.hashing import GONE, hash_file, hash_link, unreadable

_UNFINISHED = (os.fsencode(STAGED), os.fsencode(FENCED))

HashLeaf = Callable[[str, os.stat_result], str | None]
"""Digest of the file at a path, given its stat: where a cache comes in. None if it is told later."""

_Entries = list[tuple[bytes, str, "str | _Entries | None"]]
"""Name, path and digest of what is in a folder; None, or entries again, where not every digest is known yet."""


class TreeHasher:
    """Digests directories: each is the digest of its sorted (name, digest) entries, and each digest tells its kind.

    Empty folders count. Symlinks count as what they point to; one that leads back to a folder it lies in counts as
    its text. `leave_out(path)` says which folders are not looked into; they count as not there. Nor does what an
    attempt has staged, which stays behind when flowmake is killed.
    """

    def __init__(
        self,
        leaf: HashLeaf,
        leave_out: Callable[[str], bool] = lambda path: False,
        later: Callable[[str], str] = hash_file,
    ) -> None:
        """`later` is asked, once everything was looked at, for the digests of paths of which `leaf` told none."""
        self._leaf = leaf
        self._leave_out = leave_out
        self._later = later
        self.saw_link = False
        """Whether anything below was a symlink."""

    def digest(self, path: str) -> str:
        """The digest of the directory at `path` (no trailing `/`); raises `StateError` if it cannot be read."""
        try:
            os.stat(path)
        except FileNotFoundError:
            return ABSENT
        except OSError as error:
            raise unreadable(path, error) from error
        try:
            found = self._tree(path, (path,))
            return found if isinstance(found, str) else _folded(found, self._later)
        except RecursionError as error:
            raise StateError(f"cannot read `{path}`: its folders are nested too deeply") from error

    def _tree(self, path: str, above: tuple[str, ...]) -> str | _Entries:
        try:
            with os.scandir(path) as entries:
                found = [(os.fsencode(entry.name), entry.path, entry.is_symlink()) for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT  # it went away since it was listed
        except OSError as error:
            raise unreadable(path, error) from error
        found.sort()
        listed: _Entries = []
        is_known = True
        for name, inside, is_link in found:
            if name.startswith(_UNFINISHED):
                continue
            self.saw_link = self.saw_link or is_link
            entry = self._entry(inside, is_link, above)
            listed.append((name, inside, entry))
            is_known = is_known and isinstance(entry, str)
        return _folded(listed, self._later) if is_known else listed

    def _entry(self, path: str, is_link: bool, above: tuple[str, ...]) -> str | _Entries | None:
        try:
            status = os.stat(path)
        except OSError as error:
            if error.errno in GONE:
                return hash_link(path)
            raise unreadable(path, error) from error
        if not stat.S_ISDIR(status.st_mode):
            return self._leaf(path, status)
        if self._leave_out(path):
            return ABSENT
        if is_link and _leads_back(path, above):
            return hash_link(path)
        return self._tree(path, (*above, path))


def _folded(entries: _Entries, later: Callable[[str], str]) -> str:
    hasher = xxh3_128()
    for name, path, entry in entries:
        digest = later(path) if entry is None else entry if isinstance(entry, str) else _folded(entry, later)
        if digest != ABSENT:
            hasher.update(b"%b\0%b\0" % (name, digest.encode()))
    return "tree:" + hasher.hexdigest()


def _leads_back(link: str, above: tuple[str, ...]) -> bool:
    """Whether it leads to a folder on the way to it. Inode numbers would not tell: some file systems make them up."""
    target = os.path.realpath(link)
    return any(os.path.realpath(folder) == target for folder in above)


def tree_digest(files: Mapping[str, str]) -> str:
    """The digest that `TreeHasher` gives a directory with these files: paths inside it, with their digests."""
    names: dict[str, str] = {}
    folders: dict[str, dict[str, str]] = {}
    for path, digest in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = digest
        else:
            names[name] = digest
    names |= {name: tree_digest(inside) for name, inside in folders.items()}
    hasher = xxh3_128()
    for encoded, digest in sorted((os.fsencode(name), digest) for name, digest in names.items()):
        hasher.update(b"%b\0%b\0" % (encoded, digest.encode()))
    return "tree:" + hasher.hexdigest()


def hash_tree(path: str) -> str:
    """The digest of a directory, without any cache; `ABSENT` if nothing is there. Raises `StateError`."""
    return TreeHasher(lambda inside, _status: hash_file(inside)).digest(path)
