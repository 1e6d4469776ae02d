"""Named sections of bytes in one file that is read whole or not at all. Unaware of what is in them."""

from __future__ import annotations

import marshal
from collections.abc import Mapping

from xxhash import xxh3_64, xxh3_64_hexdigest

from flowmake.world import snapshot

MAGIC = b"flowmake sections 2\n"


def write(path: str, sections: Mapping[str, bytes | memoryview], version: str) -> str:
    """Write them; the seal that tells this file from any other. Raises `OSError`."""
    lengths = {name: len(data) for name, data in sections.items()}
    table = marshal.dumps((version, lengths))
    snapshot.replace(path, MAGIC, len(table).to_bytes(4, "big"), table, *sections.values())
    return _seal(table, *sections.values())


def read(path: str, seal: str, version: str) -> dict[str, memoryview] | None:
    """The sections of the file with this seal; None if it is another one, is damaged, or is not there."""
    try:
        with open(path, "rb") as file:
            data = memoryview(file.read())
    except OSError:
        return None
    start = len(MAGIC) + 4
    end = start + int.from_bytes(data[len(MAGIC) : start], "big")
    if data[: len(MAGIC)] != MAGIC or seal != _seal(data[start:end], data[end:]):
        return None
    made_by, lengths = marshal.loads(data[start:end])
    return _parted(data[end:], lengths) if made_by == version else None


def _seal(table: bytes | memoryview, *body: bytes | memoryview) -> str:
    hasher = xxh3_64()
    for part in body:
        hasher.update(part)
    return f"{hasher.hexdigest()}-{xxh3_64_hexdigest(table)}"


def _parted(body: memoryview, lengths: Mapping[str, int]) -> dict[str, memoryview]:
    sections, at = {}, 0
    for name, length in lengths.items():
        sections[name] = body[at : at + length]
        at += length
    return sections
