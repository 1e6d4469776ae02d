"""A snapshot brought up to date where something has changed, chunk by chunk. Looks at no file but its own."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING

from flowmake.world import snapshot
from flowmake.world.statcache import is_racy

if TYPE_CHECKING:
    from flowmake.world.snapshot import Chunk, Figures, Found

_FIGURES = struct.Struct("=5q")


class Patch:
    """What is to be laid over a snapshot: figures of files, paths where nothing is, and paths that no longer count."""

    def __init__(
        self,
        states: Mapping[bytes, Figures],
        absent: Set[bytes],
        dropped: Set[bytes],
        racy: Mapping[bytes, str] | None = None,
    ) -> None:
        self._states = dict(states)
        self._racy = dict(racy or {})
        self._absent = set(absent)
        self._dropped = {*dropped, *absent} - self._states.keys()

    def differing(self, found: Found) -> list[bytes]:
        """Paths that the snapshot and the patch tell differently; those in only one of them do not."""
        told = dict(_known(found.chunks, {*self._states, *self._dropped}))
        changed = [path for path, figures in told.items() if self._states.get(path) != figures]
        return changed + [path for path in found.header[6] if path in self._states]

    def write(self, found: Found, seal: str) -> None:
        """Write the snapshot anew, patched. Raises `OSError`."""
        key, boot, message, root, variables, deadline, absent, _, _, _ = found.header
        gone = {*absent, *self._absent} - self._states.keys() - (self._dropped - self._absent)
        chunks = list(self._patched(found.chunks))
        count = sum(len(figures) // _FIGURES.size for _, _, figures in chunks)
        racy = {**self._still_racy(found), **self._racy}
        header = (key, boot, message, root, variables, deadline, sorted(gone), count, seal, racy)
        snapshot.keep(found.path, header, chunks)

    def _still_racy(self, found: Found) -> dict[bytes, str]:
        """Those that were read with the snapshot, so soon after their last change that they must be read again."""
        left = found.racy.keys() - self._states.keys() - self._dropped
        told = _known(found.chunks, left)
        return {path: found.racy[path] for path, state in told if is_racy(state, found.asked_ns)}

    def _patched(self, chunks: list[Chunk]) -> Iterator[Chunk]:
        left = dict(self._states)
        for chunk in chunks:
            here = _inside(chunk, {*left, *self._dropped})
            told = _figures(chunk) if here else {}
            if here.isdisjoint(told):
                yield chunk
                continue
            kept = {path: left.pop(path, figures) for path, figures in told.items() if path not in self._dropped}
            if kept:
                yield _chunk(chunk[0], kept)
        if left:
            yield _chunk(b"", left)


def _known(chunks: list[Chunk], paths: Set[bytes]) -> Iterator[tuple[bytes, Figures]]:
    """Those of the paths that are in any chunk."""
    for chunk in chunks:
        if here := _inside(chunk, paths):
            told = _figures(chunk)
            yield from ((path, told[path]) for path in here & told.keys())


def _inside(chunk: Chunk, paths: Set[bytes]) -> set[bytes]:
    """Those of the paths that may be in a chunk."""
    return {path for path in paths if path.startswith(chunk[0])}


def _figures(chunk: Chunk) -> dict[bytes, Figures]:
    folder, names, figures = chunk
    told = _FIGURES.iter_unpack(figures)
    return {folder + name: (a, b, c, d, e) for name, (a, b, c, d, e) in zip(names.split(b"\0"), told, strict=True)}


def _chunk(folder: bytes, states: Mapping[bytes, Figures]) -> Chunk:
    names = b"\0".join(path[len(folder) :] for path in states)
    return folder, names, b"".join(_FIGURES.pack(*figures) for figures in states.values())
