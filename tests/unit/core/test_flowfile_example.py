"""`Flowfile.example` shows all there is, and the JSON Schema says the same as the structs."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tomli
from msgspec import inspect

from flowmake.core import schema
from flowmake.core.editorschema import json_schema
from flowmake.core.flowfile import load_flow

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "Flowfile.example").read_text()


def absent(path: str) -> bytes:
    if path == "Flowfile.example":
        return EXAMPLE.encode()
    raise FileNotFoundError(path)


def fields(info: inspect.Type) -> Iterator[tuple[str, str]]:
    """Every field of every table below, as (table, field)."""
    match info:
        case inspect.StructType():
            for field in info.fields:
                yield info.cls.__name__, field.encode_name
                yield from fields(field.type)
        case inspect.Metadata():
            yield from fields(info.type)
        case inspect.UnionType():
            for each in info.types:
                yield from fields(each)
        case inspect.DictType():
            yield from fields(info.value_type)
        case inspect.VarTupleType():
            yield from fields(info.item_type)


FIELDS = sorted(set(fields(inspect.type_info(schema.FlowfileTable))))


def test_the_example_loads() -> None:
    flow = load_flow(
        "/root",
        "Flowfile.example",
        absent,
        glob=lambda _: [],
        run_include=lambda argv, inputs: "",
        environ={},
        params={},
    )
    assert len(flow.declarations) > 10


@pytest.mark.parametrize(("table", "field"), FIELDS)
def test_the_example_mentions_every_field(table: str, field: str) -> None:
    assert re.search(rf"(?m)^(# |.*[\[{{ .])?{field}( =|\]|\.)", EXAMPLE), f"{table}.{field}"


def test_the_schema_is_a_schema_and_takes_the_example() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(tomli.loads(EXAMPLE), json_schema())


@pytest.mark.parametrize(
    "text",
    [
        "[task.a]",
        "[tasks.a]\ninptus = []",
        "[tasks.a]\ninputs = 3",
        "[tasks.a]\ninputs = [{ path = 'x', chekc = 'stat' }]",
        "[tasks.a]\nretries = -1",
        "[tasks.a]\nrerun_on = ['input']",
        "[tasks.a]\noutputs = [{ temp = true }]",
        "[tasks.a]\nforeach = { a = [1], zip = 1 }",
        "[tasks.a]\nforeach = { a = [1], exclude = { a = 1 } }",
        "[tasks.a]\nforeach = { a = 'x' }",
        "[tasks.'a b']",
        "[tasks.1a]",
        "[pools]\ndb = 0",
        "[flow]\ninclude = [{ inputs = ['x'] }]",
        "[hooks]\non_sucess = 'x'",
    ],
)
def test_the_schema_refuses_what_the_structs_refuse(text: str) -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    assert not validator.is_valid(tomli.loads(text))


def test_the_schema_is_made_anew_each_time() -> None:
    first: dict[str, Any] = json_schema()
    kept = copy.deepcopy(first)
    first["properties"].clear()
    assert json_schema() == kept
