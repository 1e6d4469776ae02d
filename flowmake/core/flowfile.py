"""Flowfile text to `Flow`: decode, include, merge, check. Reads only through what it is handed; renders nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from flowmake.core import declarations, dotenv, params, schema, tomltext
from flowmake.core.declarations import check_name, is_template
from flowmake.core.errors import FlowfileError, FlowmakeError, Problem
from flowmake.core.model import Declaration, Flow, Hooks
from flowmake.core.source import Place
from flowmake.core.validation import did_you_mean, misfits

Table = TypeVar("Table", bound=Struct)
_GLOB = frozenset("*?[")


class World(Struct, frozen=True):
    """The doors `load_flow` was handed."""

    read: Callable[[str], bytes]
    glob: Callable[[str], list[str]]
    run_include: Callable[[tuple[str, ...], tuple[str, ...]], str]
    environ: Mapping[str, str]


class _Parts(Struct):
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
    partial: bool = False
    """A file or a whole table could not be read, so what looks unknown may only be missing."""

    def report(self, problem: Problem) -> None:
        """Note one more thing that is wrong."""
        self.problems.append(problem)


def load_flow(
    root: str,
    file: str,
    read: Callable[[str], bytes],
    *,
    glob: Callable[[str], list[str]],
    run_include: Callable[[tuple[str, ...], tuple[str, ...]], str],
    environ: Mapping[str, str],
    params: Mapping[str, object],
) -> Flow:
    """The flow that a Flowfile describes, with includes, parameters and `[defaults]` settled.

    Paths are relative to `root`. `read` raises `FileNotFoundError` for what is not there; `run_include` gets a
    program and the files it reads, and returns what it printed. Raises `FlowfileError` with everything wrong.
    """
    return _load(root, file, World(read, glob, run_include, environ), params)


def _load(root: str, file: str, world: World, given: Mapping[str, object]) -> Flow:
    parts = _Parts([], [file], {}, {}, {}, {}, {}, {})
    raw = tomltext.parse(file, _read_flowfile(file, world))
    table, defaults = _table_with_defaults(file, raw, parts)
    _take(file, table, parts)
    _include(file, table.flow.include, defaults, world, parts)
    flow = Flow(
        root=root,
        file=file,
        name=table.flow.name,
        description=table.flow.description,
        default=table.flow.default,
        shell=_shell(file, table.flow.shell, parts),
        params=_params(world, given, parts),
        env=declarations.variables(table.env, Place(file, ("env",)), parts.report),
        dotenv=_dotenv(file, table.flow.dotenv, world, parts),
        pools=parts.pools,
        resources=_totals(parts),
        hooks=Hooks(table.hooks.on_success, table.hooks.on_failure, table.hooks.on_recovery, table.hooks.finally_),
        jobserver=table.flow.jobserver,
        remove_orphans=table.flow.remove_orphans,
        declarations=_declarations(file, parts),
        sources=tuple(dict.fromkeys(parts.sources)),
        place=Place(file),
    )
    _check_requires(file, table.flow.requires, parts)
    if parts.problems:
        raise FlowfileError(parts.problems, {name: text for name, text in parts.texts.items() if name.startswith("<")})
    return flow


def _read_flowfile(file: str, world: World) -> str:
    try:
        return tomltext.decode(file, world.read(file))
    except FileNotFoundError as error:
        raise FlowfileError(
            [Problem(f"cannot read `{file}`: no such file", hint="`flowmake init` writes one")]
        ) from error


# --- one file --------------------------------------------------------------------------------------------------------


def _convert(file: str, raw: dict[str, Any], kind: type[Table], parts: _Parts) -> Table:
    """The raw tables as structs; what does not fit is reported and left out, so that the rest can still be judged."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        found = list(misfits(raw, kind, Place(file)))
        if not found:
            raise FlowfileError([Problem(str(error), (Place(file),))]) from error
    parts.problems += found
    for problem in found:
        place = problem.places[0]
        keys = place.keys
        parts.partial |= len(keys) < 2 or keys[:2] == ("flow", "include")
        parts.spoilt |= set(keys[1:2])
        _leave_out(raw, keys if place.on_key else keys[: 3 if keys[0] == "tasks" else 2])
    return msgspec.convert(raw, kind)


def _leave_out(raw: Any, keys: tuple[str | int, ...]) -> None:
    """Drop what is at these keys, unless what holds it has gone already."""
    *outer, last = keys
    for key in outer:
        if isinstance(raw, dict) and key not in raw:
            return
        raw = raw[key]
    raw.pop(last, None)


def _table_with_defaults(file: str, raw: dict[str, Any], parts: _Parts) -> tuple[schema.FlowfileTable, dict[str, Any]]:
    """The main file's tables with `[defaults]` under each task, and those defaults (none, if they are wrong)."""
    defaults = raw.get("defaults")
    if not defaults or not isinstance(defaults, dict):
        return _convert(file, raw, schema.FlowfileTable, parts), {}
    before = len(parts.problems)
    table = _convert(file, {"defaults": defaults}, schema.FlowfileTable, parts).defaults
    parts.defaults = declarations.declare("defaults", table, Place(file, ("defaults",)), "", parts.report)
    rest = {key: value for key, value in raw.items() if key != "defaults"}
    if len(parts.problems) > before:
        defaults = {}
    _lay_under(defaults, rest)
    return _convert(file, rest, schema.FlowfileTable, parts), defaults


def _lay_under(defaults: dict[str, Any], raw: dict[str, Any]) -> None:
    """Put defaults under every task of a file; a default action gives way to any action of the task's own."""
    tasks = raw.get("tasks")
    if not defaults or not isinstance(tasks, dict):
        return
    passive = {key: value for key, value in defaults.items() if key not in declarations.ACTIONS and key != "args"}
    for name, task in tasks.items():
        if isinstance(task, dict):
            own = any(action in task for action in declarations.ACTIONS)
            tasks[name] = {**(passive if own else defaults), **task}


def _take(file: str, table: schema.FlowfileTable | schema.IncludedTable, parts: _Parts) -> None:
    """Put what a file defines into the common namespace."""
    for section in ("params", "pools", "resources", "tasks"):
        common = getattr(parts, section)
        for name, value in getattr(table, section).items():
            place = Place(file, (section, name))
            if (section, name) in parts.places:
                there = parts.places[section, name]
                what = f"{section.removesuffix('s')} `{name}` is defined twice"
                places = (place.key(), Place(there.file, there.keys, on_key=True))
                parts.report(Problem(what, places, "rename one of them", ("", "also defined here")))
                continue
            parts.places[section, name] = place
            common[name] = value


# --- included files --------------------------------------------------------------------------------------------------


def _include(
    file: str, entries: tuple[str | schema.IncludeProgram, ...], defaults: dict[str, Any], world: World, parts: _Parts
) -> None:
    for index, entry in enumerate(entries):
        place = Place(file, ("flow", "include", index))
        found = _files(entry, place, world, parts) if isinstance(entry, str) else _printed(entry, place, world, parts)
        for name, text in found:
            if name in parts.texts or name == file:
                parts.report(Problem(f"`{name}` is included twice", (place,)))
                continue
            parts.texts[name] = text
            _include_text(name, text, defaults, parts)


def _include_text(name: str, text: str, defaults: dict[str, Any], parts: _Parts) -> None:
    try:
        raw = tomltext.parse(name, text)
    except FlowfileError as error:
        parts.problems += error.problems
        return
    for key in [key for key in raw if key in schema.FlowfileTable.__struct_fields__ and key not in _INCLUDABLE]:
        what = f"an included file cannot define `{key}`"
        parts.report(Problem(what, (Place(name).key(key),), "move it to the main Flowfile"))
        del raw[key]
    _lay_under(defaults, raw)
    _take(name, _convert(name, raw, schema.IncludedTable, parts), parts)


_INCLUDABLE = frozenset(schema.IncludedTable.__struct_fields__)


def _files(pattern: str, place: Place, world: World, parts: _Parts) -> Iterator[tuple[str, str]]:
    names = sorted(world.glob(pattern)) if _GLOB & set(pattern) else [pattern]
    if not names:
        parts.partial = True
        parts.report(Problem(f"no file matches `{pattern}`", (place,)))
    for name in names:
        try:
            text = tomltext.decode(name, world.read(name))
        except FileNotFoundError:
            parts.report(Problem(f"cannot include `{name}`: no such file", (place,)))
        except FlowfileError as error:
            parts.problems += error.problems
        except FlowmakeError as error:
            parts.report(Problem(f"cannot include `{name}`: {error.message}", (place,), error.hint))
        else:
            parts.sources.append(name)
            yield name, text


def _printed(entry: schema.IncludeProgram, place: Place, world: World, parts: _Parts) -> Iterator[tuple[str, str]]:
    name = f"<output of {' '.join(entry.exec)}>"
    if not entry.exec:
        parts.report(Problem("`exec` is empty", (place.at("exec"),)))
        return
    inputs: list[str] = []
    for index, pattern in enumerate(entry.inputs):
        found = sorted(world.glob(pattern)) if _GLOB & set(pattern) else [pattern]
        if not found:
            parts.report(Problem(f"no file matches `{pattern}`", (place.at("inputs", index),)))
        inputs += found
    parts.sources += inputs
    try:
        yield name, world.run_include(entry.exec, tuple(inputs))
    except FlowfileError as error:
        parts.problems += error.problems
    except FlowmakeError as error:
        parts.report(Problem(error.message, (place,), error.hint))


# --- the flow as a whole ---------------------------------------------------------------------------------------------


def _shell(file: str, shell: tuple[str, ...], parts: _Parts) -> tuple[str, ...]:
    if not shell:
        parts.report(Problem("`flow.shell` is empty", (Place(file, ("flow", "shell")),)))
    return shell


def _params(world: World, given: Mapping[str, object], parts: _Parts) -> dict[str, Any]:
    defaults = {name: params.plain(value) for name, value in parts.params.items()}
    places = {name: parts.places["params", name] for name in defaults}
    for name, place in places.items():
        check_name(name, place.key(), parts.report)
    settled, problems = params.settle(defaults, places, world.environ, given)
    if not parts.partial:
        parts.problems += problems
    return settled


def _dotenv(file: str, names: tuple[str, ...], world: World, parts: _Parts) -> dict[str, str]:
    found: dict[str, str] = {}
    for index, name in enumerate(names):
        path = name.removesuffix("?")
        parts.sources.append(path)
        try:
            text = tomltext.decode(path, world.read(path))
        except FileNotFoundError:
            if path == name:
                place = Place(file, ("flow", "dotenv", index))
                hint = f'if it may be missing, write `"{name}?"`'
                parts.report(Problem(f"cannot read `{path}`: no such file", (place,), hint))
        except FlowfileError as error:
            parts.problems += error.problems
        else:
            variables, problems = dotenv.parse(path, text)
            found.update(variables)
            parts.problems += problems
    return found


def _totals(parts: _Parts) -> dict[str, int]:
    for section in ("pools", "resources"):
        for name in getattr(parts, section):
            check_name(name, parts.places[section, name].key(), parts.report)
    return {
        name: declarations.amount(value, parts.places["resources", name], parts.report)
        for name, value in parts.resources.items()
    }


def _declarations(file: str, parts: _Parts) -> dict[str, Declaration]:
    declared: dict[str, Declaration] = {}
    if parts.defaults:
        _check_limits(parts.defaults, None, parts)
    for name, table in parts.tasks.items():
        place = parts.places["tasks", name]
        include = "" if place.file == file else place.file
        declared[name] = task = declarations.declare(name, table, place, include, parts.report)
        check_name(name, place, parts.report)
        if task.pool or task.resources:
            _check_limits(task, parts.defaults, parts)
    return declared


def _check_limits(task: Declaration, defaults: Declaration | None, parts: _Parts) -> None:
    """A pool or resource that a task names must be declared; what it has from the defaults was checked there."""
    if parts.partial:
        return
    pools, resources = parts.pools.keys() | parts.spoilt, parts.resources.keys() | parts.spoilt | {"cpu"}
    own_pool = task.pool if not defaults or task.pool != defaults.pool else ""
    if own_pool and own_pool not in pools and not is_template(own_pool):
        place = task.place.at("pool")
        hint = did_you_mean(task.pool, parts.pools) or f"add `{task.pool} = 1` under `[pools]`"
        parts.report(Problem(f"no pool `{task.pool}`", (place,), hint))
    for name in task.resources if not defaults or task.resources != defaults.resources else ():
        if name not in resources:
            place = task.place.at("resources").key(name)
            hint = f"add its total under `[resources]`, like `{name} = {task.resources[name]!r}`".replace("'", '"')
            parts.report(Problem(f"no resource `{name}`", (place,), hint))


def _check_requires(file: str, requires: str, parts: _Parts) -> None:
    if not requires:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    from flowmake import __version__

    place = Place(file, ("flow", "requires"))
    try:
        suits = SpecifierSet(requires).contains(__version__, prereleases=True)
    except InvalidSpecifier:
        parts.report(
            Problem(f"`{requires}` does not say versions", (place,), "write something like `>=0.3` or `>=0.3,<1`")
        )
        return
    if not suits:
        parts.report(Problem(f"this Flowfile needs flowmake {requires}, but this is {__version__}", (place,)))
