"""`flowmake init`: writes a starter Flowfile where there is none, and the schema for editors. Never overwrites."""

from __future__ import annotations

import os

import click

from flowmake.cli.given import flowfile_given
from flowmake.cli.options import directory_option, file_option
from flowmake.cli.table import help_of

SCHEMA = "flowfile.schema.json"
"""In the state folder, which is no part of the project's history."""


@click.command("init", help=help_of("init", "Refuses to touch a file that is there already."))
@file_option
@directory_option
@click.pass_context
def command(ctx: click.Context) -> int:
    from flowmake import wiring
    from flowmake.cli.output import note
    from flowmake.cli.starter import flowfile
    from flowmake.core.errors import StateError, UsageError

    path = flowfile_given(ctx) or "Flowfile"
    folder = os.path.dirname(os.path.abspath(path))
    name = os.path.basename(folder) or "flow"
    state = wiring.open_state(folder, os.path.basename(path))
    schema = os.path.join(".", os.path.relpath(os.path.join(state.top, SCHEMA), folder))
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(flowfile(name, schema))
    except FileExistsError:
        raise UsageError(
            f"`{path}` exists already", "nothing was changed; remove it, or name another with `-f FILE`"
        ) from None
    except OSError as error:
        raise StateError(f"cannot write `{path}`: {error.strerror}") from error
    state.create()
    _write_schema(os.path.join(folder, schema))
    note(f"wrote `{path}`\nhint: `flowmake run` makes what it describes")
    return 0


def _write_schema(path: str) -> None:
    from flowmake.cli.documents import text_of
    from flowmake.core.editorschema import json_schema
    from flowmake.core.errors import StateError
    from flowmake.world.replacing import replace_file

    try:
        replace_file(path, text_of(json_schema()).encode())
    except OSError as error:
        raise StateError(f"cannot write `{path}`: {error.strerror}") from error
