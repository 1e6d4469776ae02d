"""The JSON Schema of a Flowfile, in a form that editors make the most of. Unaware of what the fields mean.

Editors that know TOML (those built on Taplo) take no notice of what stands beside a `$ref`, show the documentation of
each alternative of an `anyOf` one after the other, and say of a wrong value only that none fits. So there are neither
references nor alternatives: a field of several types is one schema with a list of types.
`x-taplo` is an extension of theirs: https://taplo.tamasfe.dev/configuration/developing-schemas.html
"""

from __future__ import annotations

from typing import Any

from flowmake.core.schema import ExecutorOptions, FlowfileTable
from flowmake.core.schema_fields import OPTIONS, ForeachOptions

_NULL = {"type": "null"}
_Node = dict[str, Any]


def json_schema() -> _Node:
    """The JSON Schema (2020-12) of a Flowfile, for editors."""
    from msgspec import json

    _, components = json.schema_components((FlowfileTable, ForeachOptions, ExecutorOptions))
    tables = json.decode(json.encode(components))
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": "Flowfile", **_table(FlowfileTable.__name__, tables)}


def _table(name: str, tables: dict[str, _Node]) -> _Node:
    """The schema of a struct, without its name, which is ours."""
    found: _Node = _for_editors({key: value for key, value in tables[name].items() if key != "title"}, tables)
    return found


def _for_editors(node: Any, tables: dict[str, _Node]) -> Any:
    if isinstance(node, list):
        return [_for_editors(item, tables) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _for_editors(value, tables) for key, value in node.items()}
    if reference := found.pop("$ref", None):
        return {**_table(reference.rpartition("/")[2], tables), **found}
    if name := found.pop(OPTIONS, None):
        options = _table(name, tables)
        found |= {key: options[key] for key in ("properties", "required")}
    if "anyOf" in found:
        return _in_one(found)
    # Taplo offers what has no type as a table, too.
    return {"type": "string", **found} if "enum" in found else found


def _in_one(node: _Node) -> _Node:
    """Alternatives as one schema, without null, which TOML does not have.

    They differ in type, since msgspec takes no others, and keywords about one type say nothing of another.
    """
    options = [option for option in node.pop("anyOf") if option != _NULL]
    types = [option.pop("type") for option in options]
    if "default" in node and node["default"] is None:
        del node["default"]
    one: _Node = {"type": types if len(types) > 1 else types[0]}
    for option in options:
        one |= option
    return one | node
