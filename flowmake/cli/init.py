"""`flowmake init`: writes a starter Flowfile where there is none. Never overwrites."""

from __future__ import annotations

import os

import click

from flowmake.cli.options import directory_option, file_option, flowfile_given
from flowmake.cli.table import help_of


@click.command("init", help=help_of("init", "Refuses to touch a file that is there already."))
@file_option
@directory_option
@click.pass_context
def command(ctx: click.Context) -> int:
    from flowmake.cli.output import note
    from flowmake.cli.starter import flowfile
    from flowmake.core.errors import StateError, UsageError

    path = flowfile_given(ctx) or "Flowfile"
    name = os.path.basename(os.path.dirname(os.path.abspath(path))) or "flow"
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(flowfile(name))
    except FileExistsError:
        raise UsageError(
            f"`{path}` exists already", "nothing was changed; remove it, or name another with `-f FILE`"
        ) from None
    except OSError as error:
        raise StateError(f"cannot write `{path}`: {error.strerror}") from error
    note(f"wrote `{path}`\nhint: `flowmake run` makes what it describes")
    return 0
