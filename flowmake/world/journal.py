"""A file beside the database to which a run appends what must not be lost. Unaware of what the entries mean.

After a line that names the format come frames: length, checksum, content. Each checksum begins from the one before, so
that a frame counts only in its place. The first frame holds the `Key`, every other one the entries of one `append`:
they count together or not at all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
from xxhash import xxh3_64_digest, xxh3_64_intdigest

from flowmake.core.errors import StateError

Row = tuple[Any, ...]
"""Numbers, texts without surrogates, bytes and None."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Error numbers of a full disk, or a full share of it."""

_FORMAT = b"flowmake journal "
_MAGIC = _FORMAT + b"1\n"
_LENGTH = 4
_HEAD = _LENGTH + 8
_encode = msgspec.msgpack.Encoder().encode


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that happened, with the rows that tell of it."""

    kind: str
    rows: tuple[Row, ...]


class Key(msgspec.Struct, frozen=True, array_like=True):
    """Which journal of which database: that of the same `id` comes after all those up to `generation` minus one."""

    id: str
    generation: int


_decode_key = msgspec.msgpack.Decoder(Key).decode
_decode_entries = msgspec.msgpack.Decoder(list[Entry]).decode


class Damaged(Exception):
    """The file is no journal; the text says why."""


class Journal:
    """A journal that is being written, begun with the first `append`. All methods raise `StateError`."""

    def __init__(self, path: str, key: Key) -> None:
        self._path = path
        self._descriptor = -1
        self._size = 0
        self._checksum = 0
        self._key = key

    def append(self, entries: Sequence[Entry]) -> None:
        """Make these safe from the death of this process: all of them, or none if this raises."""
        checksum = self._checksum
        data = b""
        if not self._size:
            data, checksum = _frame(_encode(self._key), 0)
            data = _MAGIC + data
        frame, checksum = _frame(_encode(entries), checksum)
        try:
            self._write(data + frame)
        except OSError as error:
            raise _unwritten(self._path, error) from error
        self._checksum = checksum

    def _write(self, data: bytes) -> None:
        if self._descriptor < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o666)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            with suppress(OSError):  # what is left of it lacks its checksum, but would keep later frames from counting
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += written

    def end(self) -> None:
        """Everything in it is safe elsewhere: remove it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            remove(self._path)


def remove(path: str) -> None:
    """Remove a journal that does not count any more. Raises `StateError`."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritten(path, error) from error


def read(path: str) -> tuple[Key, list[Entry]] | None:
    """What a journal holds, up to where its writer, or the machine, died; None if there is none, or nothing in it.

    Raises `Damaged`, or `StateError` where it cannot be read or is of a newer version.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"cannot read the state file `{path}`: {error.strerror or error}") from error
    if _MAGIC.startswith(data) or not data.strip(b"\0"):
        return None  # died at the very beginning; after a power cut a file may be as long as it was, but empty
    if not data.startswith(_MAGIC):
        raise _strange(path, data)
    return _taken_apart(memoryview(data)[len(_MAGIC) :])


def _taken_apart(data: memoryview) -> tuple[Key, list[Entry]] | None:
    key: Key | None = None
    entries: list[Entry] = []
    position = checksum = 0
    try:
        while (frame := _next(data, position, checksum)) is not None:
            content, checksum = frame
            position += _HEAD + len(content)
            if key is None:
                key = _decode_key(content)
            else:
                entries += _decode_entries(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged(str(error)) from error
    return None if key is None else (key, entries)


def _frame(content: bytes, before: int) -> tuple[bytes, int]:
    """The frame around a content, and its checksum."""
    head = len(content).to_bytes(_LENGTH, "little") + xxh3_64_digest(content, before)
    return head + content, int.from_bytes(head[_LENGTH:], "big")


def _next(data: memoryview, position: int, before: int) -> tuple[memoryview, int] | None:
    """The content of the frame at a position, with its checksum; None if no whole and sound one is there."""
    head = data[position : position + _HEAD]
    if len(head) < _HEAD:
        return None
    length = int.from_bytes(head[:_LENGTH], "little")
    content = data[position + _HEAD : position + _HEAD + length]
    checksum = int.from_bytes(head[_LENGTH:], "big")
    if len(content) < length or xxh3_64_intdigest(content, before) != checksum:
        return None
    return content, checksum


def _strange(path: str, data: bytes) -> Exception:
    version = data.removeprefix(_FORMAT).partition(b"\n")[0]
    if data.startswith(_FORMAT) and version.isdigit():
        return StateError(
            f"the state file `{path}` was written by a newer flowmake (version {int(version)}; this one knows 1)",
            "upgrade flowmake, or remove the file: what it holds counts as never run then",
        )
    return Damaged("it was not made by flowmake")


def _unwritten(path: str, error: OSError) -> StateError:
    reason = "the disk is full" if error.errno in NO_ROOM else error.strerror or str(error)
    return StateError(f"cannot use the state file `{path}`: {reason}")
