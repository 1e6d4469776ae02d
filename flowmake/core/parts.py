"""What the files of a flow define together, collected file by file with every problem. Reads no files."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from flowmake.core import declarations, schema
from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.model import Declaration
from flowmake.core.params import plain
from flowmake.core.source import Place

_ONE_OF = {"params": "parameter", "pools": "pool", "resources": "resource", "tasks": "task"}
Table = TypeVar("Table", bound=Struct)


class Parts(Struct):
    """What the files define together, each thing with the place it was written at, and what is wrong with them."""

    problems: list[Problem]
    sources: list[str]
    texts: dict[str, str]
    params: dict[str, Any]
    pools: dict[str, int]
    resources: dict[str, int | str]
    tasks: dict[str, schema.TaskTable]
    places: dict[tuple[str, str], Place]
    defaults: Declaration | None = None
    spoilt: set[str | int] = set()
    """Names of parameters, pools and resources that are there, but wrong."""
    kinds: frozenset[str] = frozenset()
    """Kinds of executors that plug-ins bring: a table of that name in a task is for them."""
    options: dict[str, dict[str, Any]] = {}
    """Such tables, by task."""
    partial: bool = False
    """A file or a whole table could not be read, so what looks unknown may only be missing."""

    def report(self, problem: Problem) -> None:
        """Note one more thing that is wrong."""
        self.problems.append(problem)

    def lose(self, *problems: Problem) -> None:
        """Note what is wrong with a file of which nothing can be used."""
        self.problems += problems
        self.partial = True


def table_with_defaults(file: str, raw: dict[str, Any], parts: Parts) -> tuple[schema.FlowfileTable, dict[str, Any]]:
    """The main file's tables with `[defaults]` under each task, and those defaults (none, if they are wrong)."""
    defaults = raw.get("defaults")
    parts.kinds = _foreign_kinds(raw.get("executors"))
    if not defaults or not isinstance(defaults, dict):
        set_apart(raw, parts)
        return convert(file, raw, schema.FlowfileTable, parts), {}
    before = len(parts.problems)
    native = {key: value for key, value in defaults.items() if key not in parts.kinds}
    table = convert(file, {"defaults": native}, schema.FlowfileTable, parts).defaults
    parts.defaults = declarations.declare("defaults", table, Place(file, ("defaults",)), "", parts.report)
    rest = {key: value for key, value in raw.items() if key != "defaults"}
    if len(parts.problems) > before:
        defaults = {}
    lay_under(defaults, rest)
    set_apart(rest, parts)
    return convert(file, rest, schema.FlowfileTable, parts), defaults


def _foreign_kinds(executors: Any) -> frozenset[str]:
    tables = executors.values() if isinstance(executors, dict) else ()
    kinds = [table.get("kind") for table in tables if isinstance(table, dict)]
    return frozenset(kind for kind in kinds if isinstance(kind, str)) - set(schema.TaskTable.__struct_fields__)


def set_apart(raw: dict[str, Any], parts: Parts) -> None:
    """Take out of the tasks of a file what only executors of plug-ins understand."""
    tasks = raw.get("tasks")
    if not parts.kinds or not isinstance(tasks, dict):
        return
    for name, task in tasks.items():
        for kind in parts.kinds & task.keys() if isinstance(task, dict) else ():
            parts.options.setdefault(name, {})[kind] = plain(task.pop(kind))


def convert(file: str, raw: dict[str, Any], kind: type[Table], parts: Parts) -> Table:
    """The raw tables as structs; what does not fit is reported and left out, so that the rest can still be judged."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        from flowmake.core.validation import misfits

        found = list(misfits(raw, kind, Place(file)))
        if not found:
            raise FlowfileError([Problem(str(error), (Place(file),))]) from error
    parts.problems += found
    for problem in found:
        place = problem.places[0]
        keys = place.keys[: 3 if place.keys[0] == "tasks" else 2]
        parts.partial |= len(keys) < 2 or keys[:2] == ("flow", "include")
        parts.spoilt |= set(keys[1:2])
        _leave_out(raw, keys)
    return msgspec.convert(raw, kind)


def _leave_out(raw: dict[Any, Any], keys: tuple[str | int, ...]) -> None:
    """Drop what is at these keys, unless what holds it has gone already."""
    *outer, last = keys
    for key in outer:
        raw = raw.get(key, {})
    raw.pop(last, None)


def lay_under(defaults: dict[str, Any], raw: dict[str, Any]) -> None:
    """Put defaults under every task of a file; a default action gives way to any action of the task's own."""
    tasks = raw.get("tasks")
    if not defaults or not isinstance(tasks, dict):
        return
    passive = {key: value for key, value in defaults.items() if key not in declarations.ACTIONS and key != "args"}
    for name, task in tasks.items():
        if isinstance(task, dict):
            own = any(action in task for action in declarations.ACTIONS)
            tasks[name] = {**(passive if own else defaults), **task}


def take(file: str, table: schema.FlowfileTable | schema.IncludedTable, parts: Parts) -> None:
    """Put what a file defines into the common namespace."""
    for section in _ONE_OF:
        common = getattr(parts, section)
        for name, value in getattr(table, section).items():
            place = Place(file, (section, name))
            if (section, name) in parts.places:
                there = parts.places[section, name]
                what = f"{_ONE_OF[section]} `{name}` is defined twice"
                places = (place.key(), Place(there.file, there.keys, on_key=True))
                parts.report(Problem(what, places, "rename one of them", ("", "also defined here")))
                continue
            parts.places[section, name] = place
            common[name] = value
