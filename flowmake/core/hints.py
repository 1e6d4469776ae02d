"""What was probably meant by a name that is not known where it stands. Knows names, not values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowmake.core import schema
from flowmake.core.source import Place
from flowmake.core.suggest import nearest

_ELSEWHERE = {
    "cmd": "run",
    "cmds": "run",
    "command": "run",
    "commands": "run",
    "script": "run",
    "recipe": "run",
    "deps": "inputs",
    "dependencies": "inputs",
    "sources": "inputs",
    "file_dep": "inputs",
    "depends_on": "needs",
    "task_dep": "needs",
    "generates": "outputs",
    "outs": "outputs",
    "targets": "outputs",
    "produces": "outputs",
    "matrix": "foreach",
    "threads": "resources",
    "desc": "description",
    "dir": "cwd",
    "workdir": "cwd",
    "environment": "env",
    "vars": "params",
    "variables": "params",
    "task": "tasks",
    "rules": "tasks",
}
"""Names other tools use, and ours."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest of the known names; with all of them, if none is near and they are few."""
    known = list(known)
    meant = _ELSEWHERE.get(name, "")
    if meant in known:
        return f"did you mean `{meant}`?"
    few = 0 < len(known) <= 12
    return nearest(name, known) or ("known here: " + ", ".join(f"`{each}`" for each in sorted(known)) if few else "")


def misplaced(key: str, value: Any, place: Place) -> str:
    """A hint where a field belongs that stands in the table at `place`; empty if that is no known mistake."""
    known = schema.TaskTable.__struct_fields__
    a_task = isinstance(value, dict) and not value.keys().isdisjoint(known)
    match place.keys:
        case ():
            if key in known or key in schema.FlowTable.__struct_fields__:
                return f"write it below `[{'flow' if key in schema.FlowTable.__struct_fields__ else 'tasks.NAME'}]`"
            if a_task and not nearest(key, schema.FlowfileTable.__struct_fields__):
                return f"for a task write `[tasks.{key}]`"
        case ("flow",):
            if key in schema.FlowfileTable.__struct_fields__:
                return f"it is a table of its own: `[{key}]`"
        case ("tasks", name):
            if a_task:
                return f'for a task of this name write `[tasks."{name}.{key}"]`'
    return ""
