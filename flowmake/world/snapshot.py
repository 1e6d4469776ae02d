"""A flat picture of all that decided "nothing to do", checked without judging. Standard library only: start-up counts.

One file for each way of calling flowmake, in the state folder: a header, and the files with their figures in chunks,
each of one folder. It is a cache; whatever is odd about it, the answer is "look properly".
"""

from __future__ import annotations

import marshal
import os
import sys
from binascii import crc32

from flowmake.world.boot import boot_id
from flowmake.world.glance import looks_whole

TYPE_CHECKING = False  # as from `typing`, whose import alone takes longer than to compare a few thousand files
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Figures = tuple[int, int, int, int, int]
    """size, mtime_ns, ctime_ns, inode, mode"""

    Chunk = tuple[bytes, bytes, bytes]
    """A folder, names in it joined by NUL, and their figures as an array of 64-bit integers."""

FOLDER = "snapshots"
MAGIC = b"flowmake snapshot 2\n"

PASSED_ON = ("FLOWMAKE_TASK", "FLOWMAKE_RUN_ID", "FLOWMAKE_ROOT")
"""What a task that calls flowmake again hands on; it differs from run to run and means nothing to flowmake."""

MOST = 50
"""Snapshots kept side by side: whoever asks with more different arguments than that asks none of them often."""

LARGEST = 1000
"""Files in one chunk."""

PAYS = 4
"""Files in one folder from which on it is quicker to enter it than to name it with each of them."""

ALONE = 3000
"""Files that one process compares sooner than another one is started."""


def key_of(argv: Sequence[str], folder: str, environ: Mapping[str, str], version: str) -> bytes:
    """What tells one invocation from another; the same text means the same question to flowmake.

    It is kept in the snapshot: of the values of parameters, which may be secrets, only digests are in it.
    """
    named = [name for name in environ if name.startswith("FLOWMAKE_") and name not in PASSED_ON]
    mine = [(name, digest(environ[name])) for name in sorted(named)]
    words = tuple(argv)
    if any(word.startswith("--set") for word in words):
        words = (digest("\0".join(words)),)
    told = (version, sys.version, words, folder, tuple(mine))
    return repr(told).encode("utf-8", "backslashreplace")


def own_folder(top: str, flowfile: str) -> str:
    """The folder of one Flowfile's state below the state folder of its root."""
    return top if flowfile == "Flowfile" else os.path.join(top, "flows", flowfile)


def path_for(state: str, key: bytes) -> str:
    """Where the snapshot of an invocation is kept, below a state folder."""
    return os.path.join(state, FOLDER, f"{crc32(key):08x}-{len(key):x}")


def _has_records(path: str) -> bool:
    """Who removes or ruins the records has everything run, whatever the snapshot beside them says."""
    return looks_whole(os.path.join(os.path.dirname(os.path.dirname(path)), "state.db"))


def digest(value: str | None) -> str:
    """A variable's value, which may be a secret, in a form that only tells whether it is the same."""
    from hashlib import blake2b

    return "" if value is None else blake2b(value.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def write(
    path: str,
    key: bytes,
    message: str,
    root: str,
    states: Mapping[bytes, Figures],
    absent: Iterable[bytes],
    environ: Mapping[str, str],
    deadline: float,
) -> None:
    """Keep a snapshot. `deadline`: epoch seconds from which it no longer holds; `environ`: digests by name.

    `states` maps paths, as bytes and relative to `root`, to their figures; `absent` are paths where nothing may be.
    Raises `OSError`.
    """
    header = (key, boot_id(), message, root, dict(environ), deadline, list(absent), len(states))
    body = marshal.dumps((header, list(_chunks(states))))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if len(os.listdir(os.path.dirname(path))) >= MOST:
        clear(os.path.dirname(os.path.dirname(path)))
    draft = f"{path}.{os.getpid()}"
    with open(draft, "wb") as file:
        file.write(MAGIC + crc32(body).to_bytes(4, "big") + body)
    os.replace(draft, path)


def _chunks(states: Mapping[bytes, Figures]) -> Iterator[Chunk]:
    from array import array

    folders: dict[bytes, list[bytes]] = {}
    for path in states:
        folders.setdefault(path[: path.rfind(b"/") + 1], []).append(path)
    few = [path for folder, paths in folders.items() if len(paths) < PAYS or folder in paths for path in paths]
    many = ((folder, paths) for folder, paths in folders.items() if len(paths) >= PAYS and folder not in paths)
    for folder, paths in [(b"", few), *many]:
        for start in range(0, len(paths), LARGEST):
            part = paths[start : start + LARGEST]
            figures = array("q", [number for path in part for number in states[path]])
            yield folder, b"\0".join([path[len(folder) :] for path in part]), figures.tobytes()


def clear(state: str) -> None:
    """Forget every snapshot: something is about to change that they do not see. Raises `OSError`."""
    folder = os.path.join(state, FOLDER)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        os.unlink(os.path.join(folder, name))


def message_if_current(path: str, key: bytes, environ: Mapping[str, str], now: float) -> str | None:
    """What to tell the user, if the snapshot is of this invocation and nothing has changed since; else None."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        body = memoryview(data)[len(MAGIC) + 4 :]
        if not data.startswith(MAGIC) or crc32(body).to_bytes(4, "big") != data[len(MAGIC) : len(MAGIC) + 4]:
            return None
        (told, boot, message, root, variables, deadline, absent, count), chunks = marshal.loads(body)
        if told != key or boot != boot_id() or now >= deadline or not _has_records(path):
            return None
        if any(digest(environ.get(name)) != value for name, value in variables.items()):
            return None
        if not _is_as_told(root, absent, chunks, min(_cores(), count // ALONE)):
            return None
        shown: str = message
        return shown
    except OSError:  # no such snapshot, a file that has gone, no process to be had
        return None
    except (ValueError, TypeError, EOFError, AttributeError, OverflowError):  # it is none, though it looks like one
        return None


def _is_as_told(root: str, absent: Iterable[bytes], chunks: list[Chunk], workers: int) -> bool:
    """Compare the state of all files, in several processes where there are many."""
    here = os.getcwd()
    try:
        os.chdir(root)
        if any(map(os.path.lexists, absent)):
            return False
        shares = [chunks[number::workers] for number in range(workers)] if workers > 1 else [chunks]
        children = [_fork(root, share) for share in shares[1:]]
        mine = _all_as_told(root, shares[0])
        theirs = [os.waitpid(child, 0)[1] for child in children]
        return mine and not any(theirs)
    finally:
        os.chdir(here)


def _fork(root: str, chunks: list[Chunk]) -> int:
    """Compare in a process of its own, which ends with 0 if all is as told."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = 0 if _all_as_told(root, chunks) else 1
    finally:
        os._exit(code)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _all_as_told(root: str, chunks: list[Chunk]) -> bool:
    """The one loop that counts: half its time goes into `stat`, and most of what is left into integers."""
    stat = os.stat
    above = os.fsencode(root)
    for folder, names, figures in chunks:
        os.chdir(os.path.join(above, folder))
        told = iter(memoryview(figures).cast("q").tolist())
        for name, size, mtime, ctime, inode, mode in zip(
            names.split(b"\0"), told, told, told, told, told, strict=False
        ):
            state = stat(name)
            if (
                state.st_mtime_ns != mtime
                or state.st_size != size
                or state.st_ctime_ns != ctime
                or state.st_ino != inode
                or state.st_mode != mode
            ):
                return False
    return True
