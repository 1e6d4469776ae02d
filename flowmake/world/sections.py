"""Named sections of bytes in one file that is read whole or not at all. Unaware of what is in them.

The table of what they are called and how long they are comes last, so that each can be written as soon as it is made.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Mapping

from xxhash import xxh3_64, xxh3_64_hexdigest

from flowmake.world import snapshot

MAGIC = b"flowmake sections 3\n"
TAIL = 4
"""Bytes in which the length of the table is told."""


def write(path: str, sections: Iterable[tuple[str, bytes | bytearray | memoryview]], version: str) -> str:
    """Write them, one after the other as they come; the seal that tells this file from any other.

    A section may come in pieces that follow each other under its name. Raises `OSError`, and what `sections`
    raises; the file is as it was then.
    """
    hasher = xxh3_64()
    lengths: dict[str, int] = {}

    def parts() -> Iterator[bytes | bytearray | memoryview]:
        yield MAGIC
        for name, data in sections:
            lengths[name] = lengths.get(name, 0) + len(data)
            hasher.update(data)
            yield data
        table = marshal.dumps((version, lengths))
        table += len(table).to_bytes(TAIL, "big")
        hasher.update(table)
        yield table

    snapshot.replace(path, parts())
    return hasher.hexdigest()


def read(path: str, seal: str, version: str) -> dict[str, memoryview] | None:
    """The sections of the file with this seal; None if it is another one, is damaged, or is not there."""
    try:
        with open(path, "rb") as file:
            data = memoryview(file.read())
    except OSError:
        return None
    body = data[len(MAGIC) :]
    if data[: len(MAGIC)] != MAGIC or seal != xxh3_64_hexdigest(body):
        return None
    length = int.from_bytes(body[-TAIL:], "big")
    made_by, lengths = marshal.loads(body[-TAIL - length : -TAIL])
    return _parted(body, lengths) if made_by == version else None


def _parted(body: memoryview, lengths: Mapping[str, int]) -> dict[str, memoryview]:
    sections, at = {}, 0
    for name, length in lengths.items():
        sections[name] = body[at : at + length]
        at += length
    return sections
