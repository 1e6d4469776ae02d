"""The schemas in the reference are those of the code, and valid ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from flowmake.cli.schema import DOCUMENTS, JSON_COMMANDS, schema_of

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_reference_holds_the_schema(document: str) -> None:
    written: dict[str, Any] = json.loads((REFERENCE / f"{document}.schema.json").read_text())
    command = f"`flowmake schema {document} > docs/reference/{document}.schema.json` brings it up to date"
    assert written == json.loads(msgspec.json.encode(schema_of(document))), command


@pytest.mark.parametrize("document", DOCUMENTS)
def test_schemas_are_valid(document: str) -> None:
    Draft202012Validator.check_schema(schema_of(document))


@pytest.mark.parametrize("document", sorted(JSON_COMMANDS))
def test_documents_are_versioned(document: str) -> None:
    schema = schema_of(document)
    root = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    assert root["properties"]["v"]["enum"] == [1]
    assert "v" in root["required"]
