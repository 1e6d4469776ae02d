"""Many small things as bytes in one section: how they are laid one after the other, and found again. Unaware of what.

A section of blocks comes with one that tells where each begins, so that nothing is decoded but what is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Generic, TypeVar

Section = bytes | bytearray | memoryview
Sections = Mapping[str, Section]
Piece = tuple[str, Section]
"""A section by its name, or what comes next in it: what is told under one name belongs together."""
Item = TypeVar("Item")
ENOUGH = 1 << 20
"""Bytes in a piece, from which on another one is begun."""


class Blocks(Generic[Item]):
    """Blocks of bytes by number, each decoded once, when it is asked for."""

    def __init__(self, sections: Sections, name: str, decode: Callable[[memoryview], Item]) -> None:
        """Raises `KeyError` where there is no such section."""
        self._data = memoryview(sections[name])
        self._begins = memoryview(sections[f"{name} begins"]).cast("I")
        self._decode = decode
        self._known: dict[int, Item] = {}

    def blocks(self) -> list[Section]:
        """All of them, as they are."""
        return [self._data[begin:end] for begin, end in pairwise(self._begins)]

    def __len__(self) -> int:
        return len(self._begins) - 1

    def __getitem__(self, number: int) -> Item:
        if number not in self._known:
            self._known[number] = self._decode(self._data[self._begins[number] : self._begins[number + 1]])
        return self._known[number]


def packed(name: str, blocks: Iterable[Section]) -> Iterator[Piece]:
    """The two sections that `Blocks` reads. Of blocks that are made one by one, few need be there at once."""
    piece, begins, end = bytearray(), array("I", [0]), 0
    for block in blocks:
        piece += block
        end += len(block)
        begins.append(end)
        if len(piece) >= ENOUGH:
            yield name, piece
            piece = bytearray()
    yield name, piece
    yield f"{name} begins", begins.tobytes()


def numbers(data: memoryview) -> tuple[int, ...]:
    """What a block that was an array of numbers held."""
    return tuple(data.cast("I"))


def path_bytes(path: str) -> bytes:
    """A path as a block, and as paths are sorted. Names may hold what is no UTF-8."""
    return path.encode("utf-8", "surrogateescape")


def joined(texts: Iterable[str]) -> bytes:
    """Texts that are always read all together, as one section."""
    return "\0".join(["", *texts, ""]).encode("utf-8", "surrogateescape")


def texts(section: Section) -> list[str]:
    """What was `joined`."""
    return bytes(section[1:-1]).decode("utf-8", "surrogateescape").split("\0") if len(section) > 2 else []
