"""What a snapshot answers to the question that it is kept for, and a run that goes by it where it can."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from time import time

import flowmake
from flowmake.build import Listener
from flowmake.core.events import RunFinished
from flowmake.delta import Part, affected
from flowmake.shortcut import Invocation
from flowmake.world import snapshot


def answer_of(path: str, key: bytes, environ: Mapping[str, str], now: float) -> str | None:
    """What is told to the user; None where there is no snapshot, or where anything differs from it."""
    found = snapshot.find(path, key, environ, now)
    return None if found is None else found.answer


def part_of(root: Path, invocation: Invocation) -> Part | None:
    """What the changes since the snapshot of an invocation can affect; None where that is not known."""
    path = snapshot.path_for(str(root / ".flowmake"), invocation.key)
    found = snapshot.find(path, invocation.key, os.environ, time())
    return None if found is None else affected(found)


def run(
    root: Path, invocation: Invocation, on_event: Listener, options: flowmake.RunOptions, *, by_parts: bool = True
) -> tuple[RunFinished, bool]:
    """A run as the command line makes it, and whether it looked only at what is affected. Never without one.

    `by_parts`: allow for that.
    """
    if by_parts and (part := part_of(root, invocation)) is not None:
        kept = Invocation(invocation.key, invocation.message, kept=part.kept)
        end = part.run((), options, on_event, invocation=kept)
        assert end is not None
        return end, True
    end = flowmake.load(root).run((), options, on_event, invocation=invocation)
    assert end is not None
    return end, False
