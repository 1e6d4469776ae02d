"""`flowmake schema`: JSON Schemas, of the Flowfile for editors and of every `--json` document for programs."""

from __future__ import annotations

from typing import Any

import click
from msgspec import Struct

from flowmake.cli import documents
from flowmake.cli.difference import DiffDocument
from flowmake.cli.table import help_of

JSON_COMMANDS: dict[str, type[Struct]] = {
    "status": documents.StatusDocument,
    "why": documents.WhyDocument,
    "list": documents.ListDocument,
    "show": documents.ShowDocument,
    "check": documents.CheckDocument,
    "history": documents.HistoryDocument,
    "diff": DiffDocument,
    "lineage": documents.LineageDocument,
    "doctor": documents.DoctorDocument,
}
DOCUMENTS = ("flowfile", *JSON_COMMANDS, "events")


@click.command(
    "schema",
    help=help_of(
        "schema",
        "With DOCUMENT: of what the command of that name prints with `--json`, or (`events`) of `run --events`.",
    ),
)
@click.argument("document", metavar="[DOCUMENT]", type=click.Choice(DOCUMENTS), default="flowfile", required=False)
def command(document: str) -> int:
    documents.write(schema_of(document))
    return 0


def schema_of(document: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a Flowfile or of a document."""
    if document == "flowfile":
        from flowmake.core.editorschema import json_schema

        return json_schema()
    if document == "events":
        from flowmake.observers.eventschema import schema

        return schema()
    return _json_schema(document)


def _json_schema(name: str) -> dict[str, Any]:
    """Of the document that `flowmake NAME --json` prints."""
    from msgspec.json import schema

    found = schema(JSON_COMMANDS[name])
    found["$defs"][JSON_COMMANDS[name].__name__]["required"].insert(0, "v")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"flowmake {name} --json", **found}
