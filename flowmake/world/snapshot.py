"""A flat picture of all that decided "nothing to do", checked without judging. Standard library only: start-up counts.

One file for each way of calling flowmake, in the state folder: a header, the paths as one text split on NUL, and
their figures as one array. It is a cache; whatever is odd about it, the answer is "look properly".
"""

from __future__ import annotations

import marshal
import os
import sys
from binascii import crc32
from collections.abc import Iterable, Mapping, Sequence

from flowmake.world.boot import boot_id

FOLDER = "snapshots"
MAGIC = b"flowmake snapshot 1\n"
FIGURES = 5
"""Numbers kept of each file: size, mtime_ns, ctime_ns, inode, mode."""

ALONE = 3000
"""Files that one process checks sooner than another one is started."""

States = Mapping[bytes, tuple[int, int, int, int, int]]


def key_of(argv: Sequence[str], folder: str, environ: Mapping[str, str], version: str) -> bytes:
    """What tells one invocation from another; the same text means the same question to flowmake."""
    mine = sorted((name, value) for name, value in environ.items() if name.startswith("FLOWMAKE_"))
    told = (version, sys.version, tuple(argv), folder, tuple(mine))
    return repr(told).encode("utf-8", "backslashreplace")


def path_for(state: str, key: bytes) -> str:
    """Where the snapshot of an invocation is kept, below a state folder."""
    return os.path.join(state, FOLDER, f"{crc32(key):08x}-{len(key):x}")


def _database(path: str) -> str:
    """Who removes the records wants everything run, whatever the snapshot beside them says."""
    return os.path.join(os.path.dirname(os.path.dirname(path)), "state.db")


def digest(value: str | None) -> str:
    """A variable's value, which may be a secret, in a form that only tells whether it is the same."""
    from hashlib import blake2b

    return "" if value is None else blake2b(value.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def write(
    path: str,
    key: bytes,
    message: str,
    root: str,
    states: States,
    absent: Iterable[bytes],
    environ: Mapping[str, str],
    deadline: float,
) -> None:
    """Keep a snapshot. `deadline`: epoch seconds from which it no longer holds; `environ`: digests by name.

    `states` maps paths, as bytes and relative to `root`, to their figures; `absent` are paths where nothing may be.
    Raises `OSError`.
    """
    from array import array

    figures = array("q")
    for numbers in states.values():
        figures.extend(numbers)
    header = marshal.dumps((key, boot_id(), message, root, dict(environ), deadline, list(absent), len(states)))
    names = b"\0".join(states)
    body = b"".join([len(header).to_bytes(4, "big"), len(names).to_bytes(8, "big"), header, names, figures.tobytes()])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.{os.getpid()}"
    with open(draft, "wb") as file:
        file.write(MAGIC + crc32(body).to_bytes(4, "big") + body)
    os.replace(draft, path)


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
    except OSError:
        return None
    start = len(MAGIC) + 4
    if not data.startswith(MAGIC) or crc32(memoryview(data)[start:]).to_bytes(4, "big") != data[start - 4 : start]:
        return None
    middle = start + 12
    end = middle + int.from_bytes(data[start : start + 4], "big")
    kept, boot, message, root, variables, deadline, absent, count = marshal.loads(data[middle:end])
    if kept != key or boot != boot_id() or now >= deadline or not os.path.exists(_database(path)):
        return None
    if any(digest(environ.get(name)) != value for name, value in variables.items()):
        return None
    last = end + int.from_bytes(data[start + 4 : middle], "big")
    names = data[end:last].split(b"\0") if count else []
    here = os.getcwd()
    os.chdir(root)
    try:
        current = _all_as_told(names, memoryview(data)[last:]) and not any(map(os.path.lexists, absent))
    finally:
        os.chdir(here)
    return message if current else None


def _all_as_told(names: list[bytes], figures: memoryview) -> bool:
    """Compare the state of all files, in several processes where there are many."""
    workers = min(_cores(), len(names) // ALONE)
    if workers < 2:
        return _as_told(names, figures)
    size = -(-len(names) // workers)
    children = []
    for start in range(size, len(names), size):
        child = os.fork()
        if not child:
            os._exit(0 if _part_as_told(names, figures, start, size) else 1)
        children.append(child)
    mine = _part_as_told(names, figures, 0, size)
    theirs = [os.waitpid(child, 0)[1] for child in children]
    return mine and not any(theirs)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _part_as_told(names: list[bytes], figures: memoryview, start: int, size: int) -> bool:
    width = 8 * FIGURES
    return _as_told(names[start : start + size], figures[start * width : (start + size) * width])


def _as_told(names: list[bytes], figures: memoryview) -> bool:
    from array import array

    found: list[int] = []
    add = found.extend
    stat = os.stat
    try:
        for name in names:
            state = stat(name)
            add((state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_mode))
        return array("q", found).tobytes() == figures
    except (OSError, OverflowError):
        return False
