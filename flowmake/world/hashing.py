"""Bytes on disk to digests: files and links. Knows nothing of folders, caches, roots or what a digest is good for.

The format is that of the design note 0000: 32 hex digits of xxh3-128, `+x` appended for executables; `tree:` and 32
digits for a directory, `link:` and 32 digits for a dangling symlink, `special:` and the kind for what is neither.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from time import time_ns
from typing import TYPE_CHECKING

from msgspec import Struct
from xxhash import xxh3_128, xxh3_128_hexdigest

from flowmake.core.errors import StateError
from flowmake.core.ports import ABSENT

if TYPE_CHECKING:
    from threading import Event

CHUNK = 1 << 20
"""Bytes read at once: large enough that xxhash lets other threads run while it works."""

THREADS_PAY_FROM = 1 << 18
"""Files below this many bytes are hashed sooner than handed to a thread."""

GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
"""Error numbers that mean: there is nothing at that path (a loop of links leads nowhere either)."""

_BLOCK = 512
"""Bytes in a block as `stat` counts them."""

_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Not to be held up by what was a file a moment ago, and may have become a fifo since."""

_buffers: list[bytearray] = []
"""Those that no thread is reading into."""


class GivenUp(Exception):
    """Nobody waits for this digest any more."""


class Hashed(Struct, frozen=True, gc=False):
    """A digest with the state of the file it was read from.

    `stat` is None where nothing is. `started_ns` is the epoch time just before reading; `stable` is False when the
    file changed while it was read, so that the digest may be that of no state the file ever had.
    """

    digest: str
    stat: os.stat_result | None
    started_ns: int
    stable: bool = True


def hash_link(path: str) -> str:
    """The digest of a symlink by its text; `ABSENT` if there is no symlink."""
    try:
        return "link:" + xxh3_128_hexdigest(os.readlink(os.fsencode(path)))
    except (OSError, ValueError):
        return ABSENT


def hash_special(status: os.stat_result) -> str:
    """The digest of what has no content to read (fifo, socket, device): its kind. Never opens it."""
    mode = status.st_mode
    if stat.S_ISFIFO(mode):
        return "special:fifo"
    if stat.S_ISSOCK(mode):
        return "special:socket"
    kind = "block" if stat.S_ISBLK(mode) else "char"
    return f"special:{kind}-{os.major(status.st_rdev)}-{os.minor(status.st_rdev)}"


def unreadable(path: str, error: OSError) -> StateError:
    """The error for a path that exists but cannot be read."""
    return StateError(f"cannot read `{path}`: {error.strerror or error}")


def hash_file(path: str) -> str:
    """The content digest of a file, following symlinks; `ABSENT` if nothing is there. Raises `StateError`."""
    return hash_entry(path).digest


def hash_entry(path: str) -> Hashed:
    """Read and digest what is not a directory; once more if it changed under the reader.

    Raises `StateError` for what exists but cannot be read, a directory included.
    """
    hashed = _hash_once(path)
    return hashed if hashed.stable else _hash_once(path)


def hash_seen(path: str, seen: os.stat_result, stop: Event | None = None) -> Hashed | None:
    """Read and digest a regular file that is still in the state it was just seen in; None for whatever else is there.

    The two looks, before and after, are all that a small file costs beside opening and reading it. Raises `GivenUp`
    in the middle of a large file once `stop` is set.
    """
    started = time_ns()
    try:
        descriptor = os.open(path, _READING)
    except OSError:
        return None
    try:
        if seen.st_size < CHUNK:
            data = os.read(descriptor, seen.st_size + 1)
            if len(data) != seen.st_size:
                return None
            text = xxh3_128_hexdigest(data)
        else:
            text = _hash_large(descriptor, seen, stop)
        after = os.fstat(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if not _same_state(seen, after) or seen.st_ino != after.st_ino or seen.st_mode != after.st_mode:
        return None
    return Hashed(text + "+x" if after.st_mode & stat.S_IXUSR else text, after, started)


def _hash_once(path: str) -> Hashed:
    started = time_ns()
    try:
        # Before opening: to open a device may do things, to open a fifo may wait for ever.
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return Hashed(_hash_irregular(path, status), status, started)
        descriptor = os.open(path, _READING)
    except ValueError:  # a NUL inside: no such path can exist
        return Hashed(ABSENT, None, started)
    except OSError as error:
        if error.errno in GONE:
            return Hashed(hash_link(path), None, started)
        raise unreadable(path, error) from error
    try:
        return _hash_open(descriptor, started)
    except OSError as error:
        raise unreadable(path, error) from error
    finally:
        os.close(descriptor)


def _hash_irregular(path: str, status: os.stat_result) -> str:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return hash_special(status)


def _hash_open(descriptor: int, started: int) -> Hashed:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        return Hashed(hash_special(before), before, started, stable=False)
    size = before.st_size
    text = _hash_small(descriptor, size) if size < CHUNK else _hash_large(descriptor, before)
    after = os.fstat(descriptor)
    digest = text + ("+x" if after.st_mode & stat.S_IXUSR else "")
    return Hashed(digest, after, started, stable=_same_state(before, after))


def _hash_large(descriptor: int, status: os.stat_result, stop: Event | None = None) -> str:
    if status.st_blocks * _BLOCK < status.st_size:
        return _hash_sparse(descriptor, status.st_size, stop)
    return _hash_stream(descriptor, stop)


def _hash_small(descriptor: int, size: int) -> str:
    data = os.read(descriptor, size + 1)
    if len(data) == size:
        return xxh3_128_hexdigest(data)
    # It grew or shrank, or the file system gives less than asked, or (as in /proc) tells no size.
    hasher = xxh3_128(data)
    while data:
        data = os.read(descriptor, CHUNK)
        hasher.update(data)
    return hasher.hexdigest()


def _hash_stream(descriptor: int, stop: Event | None) -> str:
    hasher = xxh3_128()
    with _buffer() as view:
        while count := os.readv(descriptor, [view]):
            _heed(stop)
            hasher.update(view[:count])
    return hasher.hexdigest()


def _heed(stop: Event | None) -> None:
    if stop is not None and stop.is_set():
        raise GivenUp


@contextmanager
def _buffer() -> Iterator[memoryview]:
    """Used again and again, since a new one is first filled with zeros."""
    buffer = _buffers.pop() if _buffers else bytearray(CHUNK)
    yield memoryview(buffer)
    _buffers.append(buffer)


def _hash_sparse(descriptor: int, size: int, stop: Event | None) -> str:
    """As if all were read, but holes are known to be zeros: to read them costs ten times as much as to digest them."""
    from flowmake.world.holes import next_data

    hasher, position = xxh3_128(), 0
    while position < size and (found := next_data(descriptor, position)):
        start, end = (size if offset is None else min(offset, size) for offset in found)  # it may have grown since
        _digest_zeros(hasher, start - position, stop)
        position = _digest_range(descriptor, hasher, start, end, stop)
    _digest_zeros(hasher, size - position, stop)
    return hasher.hexdigest()


def _digest_zeros(hasher: xxh3_128, count: int, stop: Event | None) -> None:
    zeros = bytes(min(count, CHUNK))
    for done in range(0, count, CHUNK):
        _heed(stop)
        hasher.update(zeros if count - done >= CHUNK else zeros[: count - done])


def _digest_range(descriptor: int, hasher: xxh3_128, position: int, end: int, stop: Event | None) -> int:
    """Up to `end`, or to where the file ends now; how far that was."""
    with _buffer() as view:
        while position < end:
            _heed(stop)
            count = os.preadv(descriptor, [view[: min(CHUNK, end - position)]], position)
            if not count:
                return end
            hasher.update(view[:count])
            position += count
    return position


def _same_state(one: os.stat_result, two: os.stat_result) -> bool:
    return one.st_mtime_ns == two.st_mtime_ns and one.st_ctime_ns == two.st_ctime_ns and one.st_size == two.st_size
