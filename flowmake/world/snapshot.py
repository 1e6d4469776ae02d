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

    Header = tuple[bytes, str, str, str, dict[str, str], float, list[bytes], int, str, dict[bytes, str]]
    """Key, start of the machine, message, root, digests of variables, deadline, absent paths, files, seal, racy files.

    Racy are those whose figures may hide a change, so that their digest counts, too.
    """

FOLDER = "snapshots"
MAGIC = b"flowmake snapshot 4\n"
GRAPH = ".graph"
"""What a compiled graph's file is called after its snapshot's."""

LISTING = "listing"
"""What is told about the flow is called so. It rests on nothing that a task changes unseen, so it is not cleared."""

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

MOST_CHANGED = 500
"""Files that differ from which on nobody asks which they are."""


class Found:
    """A snapshot of the very question, and the paths (as in the snapshot) that differ from it now.

    `seal` tells the compiled graph that belongs to it, empty where there is none. `identity` tells one file that is
    replaced from another. The comparison began at `asked_ns`, in epoch nanoseconds, or a little later.
    """

    def __init__(self, path: str, identity: tuple[int, int], header: Header, chunks: list[Chunk]) -> None:
        self.path = path
        self.identity = identity
        self.header = header
        self.chunks = chunks
        self.message: str = header[2]
        self.root: str = header[3]
        self.seal: str = header[8]
        self.racy: dict[bytes, str] = header[9]
        self.changed: list[bytes] = []
        self.asked_ns = 0

    @property
    def answer(self) -> str | None:
        """What to tell the user, if nothing differs."""
        return None if self.changed else self.message

    def is_kept(self) -> bool:
        """Whether nobody has removed or replaced it since. Whoever runs a task removes it first."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (status.st_ino, status.st_mtime_ns) == self.identity


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


def listing_path(state: str) -> str:
    """Where the snapshot of what is told about the flow is kept, below a state folder."""
    return os.path.join(state, FOLDER, LISTING)


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
    seal: str = "",
    racy: Mapping[bytes, str] | None = None,
) -> None:
    """Keep a snapshot. `deadline`: epoch seconds from which it no longer holds; `environ`: digests by name.

    `states` maps paths, as bytes and relative to `root`, to their figures; `absent` are paths where nothing may be.
    `seal` is that of its compiled graph; `racy` the digests of files that are to be read. Raises `OSError`.
    """
    told = (key, boot_id(), message, root, dict(environ), deadline)
    header = (*told, list(absent), len(states), seal, dict(racy or {}))
    keep(path, header, list(_chunks(states)))


def keep(path: str, header: Header, chunks: list[Chunk]) -> None:
    """Write a snapshot file. Raises `OSError`."""
    body = marshal.dumps((header, chunks))
    _make_room(path)
    replace(path, (MAGIC, crc32(body).to_bytes(4, "big"), body))


def replace(path: str, parts: Iterable[bytes | bytearray | memoryview]) -> None:
    """Write a file as a whole, part by part, and its folder if need be. Raises `OSError`, and what `parts` raises."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.{os.getpid()}"
    try:
        with open(draft, "wb") as file:
            file.writelines(parts)
        os.replace(draft, path)
    except BaseException:
        if os.path.lexists(draft):
            os.unlink(draft)
        raise


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


def _make_room(path: str) -> None:
    """Forget all snapshots where there are too many, with all compiled graphs but the one that waits for this one."""
    folder = os.path.dirname(path)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    if sum(not name.endswith(GRAPH) for name in names) < MOST:
        return
    for name in names:
        if name != os.path.basename(path) + GRAPH:
            os.unlink(os.path.join(folder, name))


def clear(state: str) -> None:
    """Forget every snapshot: something is about to change that they do not see. Raises `OSError`.

    A compiled graph is worth nothing without its snapshot, and may get another one; so it stays.
    """
    folder = os.path.join(state, FOLDER)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        if not name.endswith(GRAPH) and name != LISTING:
            os.unlink(os.path.join(folder, name))


def find(path: str, key: bytes, environ: Mapping[str, str], now: float) -> Found | None:
    """The snapshot of this invocation, compared with what is there; None where there is none to go by."""
    try:
        found = _read(path)
        if found is None:
            return None
        told, boot, _, root, variables, deadline, absent, count, _, racy = found.header
        if told != key or boot != boot_id() or now >= deadline or not _has_records(path):
            return None
        if any(digest(environ.get(name)) != value for name, value in variables.items()):
            return None
        found.changed = _differing(root, absent, found.chunks, min(_cores(), count // ALONE))
        if racy:
            found.changed += _rewritten(root, racy.keys() - set(found.changed), racy)
        found.asked_ns = int(now * 1e9)
        return found
    except OSError:  # no such snapshot, a folder that has gone, no process to be had
        return None
    except (
        ValueError,
        TypeError,
        EOFError,
        AttributeError,
        LookupError,
        OverflowError,
        MemoryError,
        SystemError,
    ):  # it is none, though it looks like one
        return None


def _read(path: str) -> Found | None:
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        data = file.read()
    body = memoryview(data)[len(MAGIC) + 4 :]
    if not data.startswith(MAGIC) or crc32(body).to_bytes(4, "big") != data[len(MAGIC) : len(MAGIC) + 4]:
        return None
    header, chunks = marshal.loads(body)
    return Found(path, (status.st_ino, status.st_mtime_ns), header, chunks)


def _differing(root: str, absent: Iterable[bytes], chunks: list[Chunk], workers: int) -> list[bytes]:
    """The paths that are not as told, looked at in several processes where there are many.

    Raises `OSError` for folders that are gone, `ValueError` for too many paths.
    """
    here = os.getcwd()
    try:
        os.chdir(root)
        changed = [path for path in absent if os.path.lexists(path)]
        shares = [chunks[number::workers] for number in range(workers)] if workers > 1 else [chunks]
        children = [_fork(root, share) for share in shares[1:]]
        try:
            changed += _changed(root, shares[0])
        finally:
            for child in children:
                changed += _heard(*child)
    finally:
        os.chdir(here)
    if len(changed) > MOST_CHANGED:
        raise ValueError("too many to follow")
    return changed


def _rewritten(root: str, paths: Iterable[bytes], told: Mapping[bytes, str]) -> list[bytes]:
    """Those whose content is another one. Raises `OSError`."""
    from flowmake.world.contents import has_digest

    above = os.fsencode(root)
    return [path for path in paths if not has_digest(os.path.join(above, path), told[path])]


def _fork(root: str, chunks: list[Chunk]) -> tuple[int, int]:
    """Compare in a process of its own; its number, and where it writes what is not as told.

    What `forking` does besides, to keep our handlers out of the copies, is not needed yet, and takes long to load.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    code = 1
    try:
        os.close(reading)  # or it would wait for ever for somebody to read, were we killed
        data = b"\0".join(_changed(root, chunks))
        while data:
            data = data[os.write(writing, data) :]
        code = 0
    finally:
        os._exit(code)


def _heard(child: int, reading: int) -> list[bytes]:
    """What a process of its own has found. Raises `ValueError` if it did not get to its end."""
    with open(reading, "rb") as file:
        data = file.read()
    if os.waitpid(child, 0)[1]:
        raise ValueError("some were not compared")
    return data.split(b"\0") if data else []


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _changed(root: str, chunks: list[Chunk]) -> list[bytes]:
    """The one loop that counts: half its time goes into `stat`, and most of what is left into integers."""
    stat = os.stat
    above = os.fsencode(root)
    changed: list[bytes] = []
    for folder, names, figures in chunks:
        os.chdir(os.path.join(above, folder))
        told = iter(memoryview(figures).cast("q").tolist())
        for name, size, mtime, ctime, inode, mode in zip(
            names.split(b"\0"), told, told, told, told, told, strict=False
        ):
            try:
                state = stat(name)
            except (FileNotFoundError, NotADirectoryError):
                changed.append(folder + name)
                continue
            if (
                state.st_mtime_ns != mtime
                or state.st_size != size
                or state.st_ctime_ns != ctime
                or state.st_ino != inode
                or state.st_mode != mode
            ):
                changed.append(folder + name)
        if len(changed) > MOST_CHANGED:
            break
    return changed
