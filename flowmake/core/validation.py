"""Holds raw values beside the schema and tells everything that does not fit. Knows types and names, not meanings."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from flowmake.core.errors import Problem
from flowmake.core.hints import did_you_mean, misplaced
from flowmake.core.source import Place
from flowmake.core.suggest import nearest

_KINDS: tuple[tuple[type | tuple[type, ...], str, tuple[type, ...]], ...] = (
    (bool, "a boolean", (inspect.BoolType,)),
    (int, "an integer", (inspect.IntType, inspect.FloatType)),
    (float, "a number", (inspect.FloatType,)),
    (str, "a string", (inspect.StrType, inspect.LiteralType)),
    ((datetime.date, datetime.time), "a date", ()),
    ((list, tuple), "a list", (inspect.VarTupleType, inspect.ListType)),
    (dict, "a table", (inspect.DictType, inspect.StructType)),
)

_LARGEST = sys.float_info.max
"""Integers may be larger than any number with a fraction."""

_EXPECTS: dict[type, str] = {
    inspect.BoolType: "true or false",
    inspect.IntType: "an integer",
    inspect.FloatType: "a number",
    inspect.StrType: "a string",
    inspect.VarTupleType: "a list",
    inspect.ListType: "a list",
    inspect.DictType: "a table",
    inspect.StructType: "a table",
}


def kind_of(value: object) -> str:
    """What a TOML value is, in words."""
    return next((words for types, words, _ in _KINDS if isinstance(value, types)), type(value).__name__)


def label(place: Place) -> str:
    """How a place is called in a message: its keys, without those that only say which task."""
    keys = place.keys
    if len(keys) > 2 and keys[0] == "tasks":
        keys = keys[2:]
    elif len(keys) > 1 and keys[0] == "defaults":
        keys = keys[1:]
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def misfits(value: Any, table: type[msgspec.Struct], place: Place) -> Iterator[Problem]:
    """Everything in a raw table that the struct would not take, in the order written."""
    yield from _check(value, _info(table), place)


@cache
def _info(table: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(table)


def _bare(info: inspect.Type) -> tuple[inspect.Type, dict[str, Any]]:
    """The type without its metadata, and our words about it."""
    words: dict[str, Any] = {}
    while isinstance(info, inspect.Metadata):
        words = {**(info.extra or {}), **words}
        info = info.type
    return info, words


def _members(info: inspect.Type) -> list[tuple[inspect.Type, dict[str, Any]]]:
    """The choices of a union, each with our words about it; a plain type is its only choice."""
    bare, words = _bare(info)
    if isinstance(bare, inspect.UnionType):
        return [member for each in bare.types for member in _members(each)]
    return [(bare, words)]


def _check(value: Any, info: inspect.Type, place: Place) -> Iterator[Problem]:
    members = _members(info)
    accepted = next((accepts for types, _, accepts in _KINDS if isinstance(value, types)), ())
    fitting = [member for member in members if isinstance(member[0], (inspect.AnyType, *accepted))]
    if not fitting:
        yield _wrong_type(value, info, place)
        return
    bare, words = fitting[0]
    match bare:
        case inspect.StructType() as struct:
            yield from _check_struct(value, struct, place)
        case inspect.DictType() as table:
            options = _options(words.get("options"))
            for key, item in value.items():
                yield from _check(item, options.get(key, table.value_type), place.at(key))
        case inspect.VarTupleType() as items:
            for index, item in enumerate(value):
                yield from _check(item, items.item_type, place.at(index))
        case inspect.IntType() | inspect.FloatType() as number:
            if bound := _out_of_bounds(value, number):
                yield Problem(f"`{label(place)}` must be {bound}, not {value}", (place,))
        case inspect.LiteralType() as literal:
            if value not in literal.values:
                yield _wrong_choice(value, literal, place)


def _out_of_bounds(value: float, number: inspect.IntType | inspect.FloatType) -> str:
    """What a number should be that it is not; empty if it is."""
    if isinstance(number, inspect.FloatType) and isinstance(value, int) and abs(value) > _LARGEST:
        return f"at most {_LARGEST:.1e}"
    if number.ge is not None and value < number.ge:
        return f"at least {number.ge}"
    if number.gt is not None and value <= number.gt:
        return f"more than {number.gt}"
    if number.le is not None and value > number.le:
        return f"at most {number.le}"
    if number.lt is not None and value >= number.lt:
        return f"less than {number.lt}"
    return ""


def _check_struct(value: dict[str, Any], struct: inspect.StructType, place: Place) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in struct.fields}
    for key, item in value.items():
        if key in fields:
            yield from _check(item, fields[key].type, place.at(key))
        else:
            what = "table" if isinstance(item, dict) and len(place.keys) < 2 else "field"
            hint = misplaced(key, item, place) or did_you_mean(key, fields)
            yield Problem(f"unknown {what} `{key}`", (place.key(key),), hint)
    for name, field in fields.items():
        if field.required and name not in value:
            yield Problem(f"`{label(place)}` lacks `{name}`", (place,))


def expectation(info: inspect.Type) -> str:
    """What a type takes, in words."""
    return str(_bare(info)[1].get("expects") or _either([member for member, _ in _members(info)]))


def _options(table: type[msgspec.Struct] | None) -> dict[str, inspect.Type]:
    """The types of those keys of a free table that have a meaning of their own."""
    if table is None:
        return {}
    info = _info(table)
    return {field.encode_name: field.type for field in info.fields} if isinstance(info, inspect.StructType) else {}


def _wrong_type(value: Any, info: inspect.Type, place: Place) -> Problem:
    words = _bare(info)[1]
    example = words.get("example", "")
    name = place.keys[-1] if place.keys else ""
    hint = f"write `{name} = {example}`" if example and isinstance(name, str) else words.get("hint", "")
    return Problem(f"`{label(place)}` must be {expectation(info)}, not {kind_of(value)}", (place,), hint)


def _either(members: list[inspect.Type]) -> str:
    choices = [
        "one of " + ", ".join(f"`{each}`" for each in member.values)
        if isinstance(member, inspect.LiteralType)
        else _EXPECTS[type(member)]
        for member in members
        if not isinstance(member, inspect.NoneType)
    ]
    return " or ".join(dict.fromkeys(choices))


def _wrong_choice(value: str, literal: inspect.LiteralType, place: Place) -> Problem:
    values = [str(each) for each in literal.values]
    choices = ", ".join(f"`{each}`" for each in values)
    return Problem(f"`{label(place)}` must be one of {choices}, not `{value}`", (place,), nearest(value, values))
