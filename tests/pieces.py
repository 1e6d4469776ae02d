"""Sections that come in pieces, put together as a file of them would be read."""

from __future__ import annotations

from collections.abc import Iterable

from flowmake.core.blocks import Piece


def whole(pieces: Iterable[Piece]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, data in pieces:
        found[name] = found.get(name, b"") + data
    return found
