"""The JSON Schema of a Flowfile, in a form that editors make the most of. Unaware of what the fields mean.

Editors that know TOML (those built on Taplo) document each alternative of an `anyOf`, not the whole, complete one word
for each, and say of a wrong value only that none fits. So there are as few alternatives as can be, and each carries its
documentation. `x-taplo` is an extension of theirs: https://taplo.tamasfe.dev/configuration/developing-schemas.html
"""

from __future__ import annotations

from typing import Any

from flowmake.core.schema import FlowfileTable

_NULL = {"type": "null"}
_SHARED = ("description", "x-taplo")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a Flowfile, for editors."""
    from msgspec import json

    found = json.decode(json.encode(json.schema(FlowfileTable)))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Flowfile", **_for_editors(found)}


def _for_editors(node: Any) -> Any:
    if isinstance(node, list):
        return [_for_editors(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _for_editors(value) for key, value in node.items()}
    return _with_few_alternatives(found) if isinstance(found.get("anyOf"), list) else found


def _with_few_alternatives(node: dict[str, Any]) -> dict[str, Any]:
    """Without null, which TOML does not have; plain types in one, each of the others documented."""
    options = [option for option in node["anyOf"] if option != _NULL]
    plain = [option["type"] for option in options if option.keys() == {"type"}]
    if len(plain) > 1:
        options = [{"type": plain}, *(option for option in options if option.keys() != {"type"})]
    rest = {key: value for key, value in node.items() if key != "anyOf" and not (key == "default" and value is None)}
    if len(options) == 1:
        return {**options[0], **rest}
    shared = {key: rest[key] for key in _SHARED if key in rest}
    return {**rest, "anyOf": [option if "$ref" in option else {**option, **shared} for option in options]}
