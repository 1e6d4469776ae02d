"""The JSON Schema of event lines, made from the event structs; `python -m flowmake.observers.eventschema` prints it."""

from __future__ import annotations

import json
import sys
from typing import Any, get_args

import msgspec

from flowmake.core.events import Event
from flowmake.core.staleness import Reason, ReasonKind
from flowmake.observers.jsonl import VERSION, event_name

_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", "description": "UTC"}


def schema() -> dict[str, Any]:
    """One alternative for each event, told apart by `event`."""
    kinds = sorted(Event.__subclasses__(), key=event_name)
    _, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flowmake events",
        "description": "One line of `flowmake run --events`. Readers must ignore fields and events they do not know.",
        "oneOf": [{"$ref": f"#/$defs/{event_name(kind)}"} for kind in kinds],
        "$defs": {
            **{event_name(kind): _definition(kind, components[kind.__name__]) for kind in kinds},
            "reason": {"oneOf": [_reason(kind) for kind in get_args(ReasonKind)]},
        },
    }


def _reason(kind: ReasonKind) -> dict[str, Any]:
    """The fields that this kind of reason has, from what it turns into."""
    types = {str: "string", float: "number"}
    fields = {name: {"type": types[type(value)]} for name, value in Reason(kind).as_dict().items()}
    return {"type": "object", "properties": fields | {"kind": {"const": kind}}, "required": list(fields)}


def _definition(kind: type[Event], component: dict[str, Any]) -> dict[str, Any]:
    own = {name: spec for name, spec in component["properties"].items() if name not in ("time", "run")}
    for spec in own.values():
        spec.pop("default", None)
    if "reasons" in own:
        own["reasons"]["items"] = {"$ref": "#/$defs/reason"}
    common = {"v": {"const": VERSION}, "event": {"const": event_name(kind)}, "time": _TIME, "run": {"type": "string"}}
    return {
        "type": "object",
        "description": component.get("description", ""),
        "properties": {**common, **own},
        "required": [*common, *own],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
