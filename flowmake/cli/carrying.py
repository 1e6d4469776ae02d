"""One run on behalf of the command line: from options to observers, lock and exit code. Parses nothing."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from flowmake.build import RunOptions
from flowmake.cli.observing import Wishes, confirmer, default_lock, observers, tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowmake.build import Project
    from flowmake.shortcut import Invocation
    from flowmake.world.snapshot import Found


class Asked(msgspec.Struct, frozen=True):
    """What a command line was taken to mean, and the folder that it entered."""

    options: RunOptions
    wishes: Wishes
    folder: str

    def as_bytes(self) -> bytes | None:
        """For `again`; None where there is something in it that is no text."""
        try:
            return msgspec.msgpack.encode(self)
        except UnicodeEncodeError:
            return None


def carry_out(project: Project, targets: Sequence[str], asked: Asked, invocation: Invocation | None) -> int:
    """Run, and return the exit code."""
    wishes = asked.wishes
    options = msgspec.structs.replace(asked.options, lock=asked.options.lock or default_lock(), tick=tick())
    with ExitStack() as stack:
        listeners = observers(project, wishes, stack)
        say = (lambda text: None) if wishes.quiet else _note
        end = project.run(targets, options, listeners, confirmer(), say, invocation)
    if end is None:
        say("another flowmake is at work here; skipped")
        return 0
    return end.exit_code


def again(found: Found) -> int | None:
    """Run what the changes since a snapshot can affect, as its command line asks for; None where that is not known."""
    from flowmake.delta import Outdated, affected
    from flowmake.shortcut import Invocation

    part = affected(found)
    if part is None:
        return None
    compiled = part.kept.compiled
    try:
        asked = msgspec.msgpack.decode(compiled.question.asked, type=Asked)
    except msgspec.DecodeError:  # by a flowmake that has other options
        return None
    invocation = Invocation(found.header[0], lambda total: found.message, kept=part.kept)
    here = os.getcwd()
    try:
        os.chdir(asked.folder)
    except OSError:  # the normal path tells what is wrong with it
        return None
    try:
        return carry_out(part, compiled.question.targets, asked, invocation)
    except Outdated as why:
        os.chdir(here)
        if why.message:
            _note(f"warning: {why.message}")
        return None


def _note(text: str) -> None:
    from flowmake.cli.output import note

    note(text)
