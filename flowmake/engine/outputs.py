"""What is done to output files around an attempt: folders, staging, publishing, removal. Touches nothing undeclared."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from flowmake.core.model import FENCED, STAGED, Output, Task
from flowmake.core.patterns import compile_pattern

Signature = tuple[int, int, int]
"""size, mtime_ns, ctime_ns. The inode is none of it: on some file systems it changes by itself."""

_LONGEST = 190
DETOUR = "a link leads it out of the root"


class Outputs:
    """The declared outputs of one task around one attempt; `root` is absolute, `glob` finds files below it.

    `fence` names an attempt that is made elsewhere: everything is staged, under names that no other attempt has.
    """

    def __init__(self, root: str, task: Task, glob: Callable[[str], list[str]], fence: str = "") -> None:
        self._root = root
        self._top = root.rstrip("/") + "/"
        self._outputs = task.outputs
        self._atomic = task.declared.atomic or bool(fence)
        self._prefix = f"{FENCED}{fence}." if fence else STAGED
        self._glob = glob
        self._before: dict[str, Signature] | None = None
        self._staged = self._staging_paths() if self._atomic else {}

    def path(self, path: str) -> str:
        return path if path.startswith("/") else self._top + path

    def prepare(self, made_before: Collection[str] = (), *, resumed: bool = False) -> None:
        """Make parent folders, empty what is to be emptied, note what is there. Raises `OSError`.

        `made_before` are the paths made by the last success: those that match an output glob are removed, or
        the glob would take what this attempt no longer makes for its result. An attempt that is `resumed` has begun
        to write, and keeps what it has written.
        """
        if resumed:
            self._before = self._signatures(self._outputs)
            return
        for output in self._outputs:
            self._make_folders(output)
            if output.clean and output.path.endswith("/"):
                self._refuse_detour(output.path, self.path(output.path))
                empty_folder(self.path(output.path))
        if globs := [compile_pattern(output.path) for output in self._outputs if output.kind == "glob"]:
            self._remove(path for path in made_before if any(glob.matches(path) for glob in globs))
        for staged in self._staged.values():
            remove(self.path(staged))
            if staged.endswith("/"):
                os.makedirs(self.path(staged))
        self._before = self._signatures(self._outputs)

    def remove_unfinished(self, foreign: Collection[str]) -> None:
        """Remove what an attempt that nobody saw the end of has left under the output globs. Raises `OSError`.

        `foreign` is what matched them before that attempt began.
        """
        self._remove(path for path in self.matches() if path not in foreign)

    def matches(self) -> list[str]:
        """All that matches the output globs now."""
        return [path for output in self._outputs if output.kind == "glob" for path in self._glob(output.path)]

    def sweep(self) -> None:
        """Remove what attempts that were given up for lost have staged since. Raises `OSError`."""
        for output in self._outputs:
            folder, _, name = output.path.rstrip("/").rpartition("/")
            for entry in _entries(self.path(folder)) if output.kind == "path" else ():
                fence, _, rest = entry.name.removeprefix(FENCED).partition(".")
                if entry.name == f"{FENCED}{fence}.{rest}" and rest == _shortened(name):
                    remove(entry.path)

    def _remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            if is_inside(path) and not is_detour(self._root, path):
                remove(self.path(path))

    def _make_folders(self, output: Output) -> None:
        fixed = output.path
        if output.kind == "glob":
            fixed = output.path[: min(output.path.find(c) for c in "*?[" if c in output.path)]
        folder = fixed.rpartition("/")[0]
        if folder and (output.kind == "glob" or not (self._atomic and output.path.endswith("/"))):
            _make_folder(self.path(folder))
        elif folder:
            _make_folder(os.path.dirname(self.path(folder)))

    def staged(self) -> Mapping[str, str]:
        """Final path → where the command writes instead; empty unless `atomic` or fenced."""
        return self._staged

    def _staging_paths(self) -> dict[str, str]:
        return {output.path: _staging(output.path, self._prefix) for output in self._outputs if output.kind == "path"}

    def remove_depfile(self, path: str) -> None:
        """Remove the depfile of the last attempt; nothing else that may be at its place. Raises `OSError`."""
        if _is_folder(self.path(path)):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not is_detour(self._root, path):
            remove(self.path(path))

    def publish(self) -> None:
        """Rename staged results into place. Raises `OSError`."""
        for final, staged in self.staged().items():
            if final.endswith("/"):
                if os.path.lexists(self.path(final.rstrip("/"))):
                    self._refuse_detour(final, self.path(final.rstrip("/")))
                _swap_folder(self.path(staged), self.path(final))
            else:
                os.replace(self.path(staged), self.path(final))

    def faults(self) -> tuple[list[str], list[str]]:
        """Declared outputs that are not there, where the command was to write them; and those declared as files that
        came out as directories, of which neither readers nor removal would know.
        """
        missing: list[str] = []
        folders: list[str] = []
        for output in self._outputs:
            path = output.path
            if output.kind == "glob":
                missing += [] if self._made_for_glob(path) else [path]
                continue
            is_folder = _is_folder_at(self.path(self._staged.get(path, path)))
            if is_folder is None:
                missing.append(path)
            elif is_folder and not path.endswith("/"):
                folders.append(path)
        return missing, folders

    def made(self) -> list[str]:
        """The final paths of all outputs. A file that matched a glob before, and still is as it was, is not ours."""
        found: dict[str, None] = {}
        for output in self._outputs:
            if output.kind == "path":
                found[output.path] = None
            else:
                found |= dict.fromkeys(self._made_for_glob(output.path))
        return list(found)

    def _made_for_glob(self, glob: str) -> list[str]:
        before = self._before or {}
        return [path for path in self._glob(glob) if before.get(full := self.path(path)) != _signature(full)]

    def discard(self) -> None:
        """Delete what the attempt wrote: outputs that changed or are new, and anything staged. Raises `OSError`.

        A folder declared like a file is deleted only if it is new: what was in it before may be anybody's. Nothing
        is deleted where `prepare` did not get to its end, and so nothing was started.
        """
        before = self._before
        if before is None:
            return
        for staged in self.staged().values():
            remove(self.path(staged))
        for output in self._outputs:
            if not is_inside(output.path) and (output.kind == "glob" or output.path.endswith("/")):
                continue  # a folder that others may be writing to at this moment
            for path, signature in self._signatures([output]).items():
                if before.get(path) != signature and not (path in before and _is_folder(path)):
                    self._refuse_detour(output.path, path)
                    remove(path)

    def _refuse_detour(self, declared: str, path: str) -> None:
        """Raises `OSError` where a link leads a path (absolute) that was declared inside the root out of it."""
        if is_inside(declared) and _leads_out(self._root, path):
            raise OSError(errno.EXDEV, DETOUR, declared)

    def _signatures(self, outputs: Iterable[Output]) -> dict[str, Signature]:
        """Of all files of these that are there."""
        found: dict[str, Signature] = {}
        for output in outputs:
            for path in self._files(output):
                signature = _signature(path)
                if signature is not None:
                    found[path] = signature
        return found

    def _files(self, output: Output) -> Iterable[str]:
        if output.kind == "glob":
            return [self.path(path) for path in self._glob(output.path)]
        if output.path.endswith("/"):
            return _files_below(self.path(output.path))
        return [self.path(output.path)]


def _make_folder(path: str) -> None:
    if not os.path.isdir(path):
        os.makedirs(path, exist_ok=True)


def _is_folder_at(path: str) -> bool | None:
    """What a path leads to; None if nothing is there. A link that leads nowhere is something."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False if os.path.lexists(path) else None


def _signature(path: str) -> Signature | None:
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _files_below(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        yield from (os.path.join(parent, name) for name in files)
        yield from (p for name in folders if os.path.islink(p := os.path.join(parent, name)))


def _staging(path: str, prefix: str) -> str:
    """Beside the final path, so that renaming is atomic; the suffix is kept, since some programs go by it."""
    slash = "/" if path.endswith("/") else ""
    folder, _, name = path.rstrip("/").rpartition("/")
    staged = prefix + _shortened(name) + slash
    return f"{folder}/{staged}" if folder else staged


def _shortened(name: str) -> str:
    """The name, or its digest and its end where the prefix would make it too long for a file system (255 bytes)."""
    data = os.fsencode(name)
    if len(data) <= _LONGEST:
        return name
    from hashlib import blake2b

    return blake2b(data, digest_size=8).hexdigest() + data[-_LONGEST // 2 :].decode("utf-8", "ignore")


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _swap_folder(staged: str, final: str) -> None:
    final = final.rstrip("/")
    old = os.path.join(os.path.dirname(final), STAGED + "old." + _shortened(os.path.basename(final)))
    remove(old)
    if os.path.lexists(final):
        os.rename(final, old)
    os.rename(staged.rstrip("/"), final)
    remove(old)


def remove(path: str) -> bool:
    """Delete a file, a link (never what it points to) or a folder; False if nothing was there."""
    path = path.rstrip("/")
    if _is_folder(path):
        import shutil  # for the few that make folders

        shutil.rmtree(path)
        return True
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def remove_output(root: str, path: str) -> bool:
    """`remove` for an output. Raises `OSError` where a link leads it out of the root."""
    if is_detour(root, path):
        raise OSError(errno.EXDEV, DETOUR, path)
    return remove(os.path.join(root, path))


def is_detour(root: str, path: str) -> bool:
    """Whether a link among the folders of an output that is declared inside the root leads out of it.

    Who replaces a folder by a link does not mean what lies behind it to be deleted.
    """
    return is_inside(path) and _leads_out(root, os.path.join(root, path.rstrip("/")))


def is_inside(path: str) -> bool:
    """Whether a normalised path lies below the root by its name."""
    return not path.startswith(("/", "../"))


def _leads_out(root: str, path: str) -> bool:
    """Whether the folder that `path` (absolute) lies in is outside the root; with a final `/`, that folder itself."""
    top = os.path.realpath(root).rstrip("/") + "/"
    return not (os.path.realpath(os.path.dirname(path)) + "/").startswith(top)


def empty_folder(path: str) -> None:
    """Delete everything inside a folder, which may not exist yet."""
    if not _is_folder(path.rstrip("/")):
        return
    for entry in os.scandir(path):
        remove(entry.path)
