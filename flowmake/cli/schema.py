"""`flowmake schema`: JSON Schemas, of the Flowfile for editors and of every `--json` document for programs."""

from __future__ import annotations

from typing import Any

import click

from flowmake.cli.table import help_of

DOCUMENTS = ("flowfile", "status", "why", "list", "show", "check", "history", "lineage", "doctor", "events")


@click.command(
    "schema",
    help=help_of(
        "schema",
        "With DOCUMENT: of what the command of that name prints with `--json`, or (`events`) of `run --events`.",
    ),
)
@click.argument("document", metavar="[DOCUMENT]", type=click.Choice(DOCUMENTS), default="flowfile", required=False)
def command(document: str) -> int:
    from flowmake.cli import documents

    documents.write(schema_of(document))
    return 0


def schema_of(document: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a Flowfile or of a document."""
    if document == "flowfile":
        from flowmake.core.schema import json_schema

        return json_schema()
    if document == "events":
        from flowmake.observers.eventschema import schema

        return schema()
    from flowmake.cli import documents

    return documents.json_schema(document)
