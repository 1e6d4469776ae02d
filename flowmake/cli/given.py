"""What the options of a command line mean: the one way from them to an open project. Knows no command, no option."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

    from flowmake.build import Project
    from flowmake.opening import Opened

FILE = "flowmake.file"
PARAMS = "flowmake.params"
PARAMS_FILE = "flowmake.params_file"
STARTED_IN = "flowmake.started_in"
"""Where the options leave what they were given, in `click.Context.meta`."""


def started_in(ctx: click.Context) -> str:
    """The folder that the command was called from, whatever `-C` says."""
    folder: str = ctx.meta.get(STARTED_IN) or os.getcwd()
    return folder


def flowfile_given(ctx: click.Context) -> str | None:
    """What `-f` says, if it was given."""
    given: str | None = ctx.meta.get(FILE)
    return given


def open_flow(ctx: click.Context) -> Opened:
    """The flow that the options of this command mean, which is all that some commands show.

    Raises `FlowfileError` or `UsageError`.
    """
    from flowmake import opening

    return opening.open_flow(flowfile_given(ctx), ctx.meta.get(PARAMS), ctx.meta.get(PARAMS_FILE))


def open_project(ctx: click.Context, opened: Opened | None = None) -> Project:
    """The project that the options of this command mean. Raises like `open_flow`."""
    from flowmake.build import project_of

    project = project_of(opened or open_flow(ctx))
    ctx.call_on_close(lambda: tell(project.notices))
    return project


def tell(notices: Sequence[str]) -> None:
    """Say what people should know about the state."""
    if not notices:
        return
    from flowmake.cli.output import note

    for text in notices:
        note(f"warning: {text}")


def read_source(ctx: click.Context | None) -> Callable[[str], str | None]:
    """Reads files as places in Flowfiles name them: relative to the root, which need not be the current folder."""
    from flowmake import wiring

    root = os.path.dirname(wiring.find_flowfile(flowfile_given(ctx) if ctx is not None else None))

    def read(path: str) -> str | None:
        try:
            with open(os.path.join(root, path), encoding="utf-8", errors="replace", newline="") as file:
                return file.read()
        except OSError:
            return None

    return read
