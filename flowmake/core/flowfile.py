"""Flowfile text to `Flow`: decode, include, merge, check. Reads only through what it is handed; renders nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import structs

from flowmake.core import declarations, dotenv, params, scalars, tomltext
from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.hints import did_you_mean
from flowmake.core.includes import World, include
from flowmake.core.model import COMMON, Declaration, ExecutorTable, Flow, History, Hooks
from flowmake.core.parts import Parts, table_with_defaults, take
from flowmake.core.placement import CALL, LOCAL
from flowmake.core.schema import HistoryTable
from flowmake.core.source import Place

SHORTEST_LOG = 64 << 10


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
    parts = Parts([], [file], {}, {}, {}, {}, {}, {})
    raw = tomltext.parse(file, _read_flowfile(file, world))
    table, defaults = table_with_defaults(file, raw, parts)
    take(file, table, parts)
    include(file, table.flow.include, defaults, world, parts)
    flow = Flow(
        root=root,
        file=file,
        name=table.flow.name,
        description=table.flow.description,
        default=table.flow.default,
        shell=_shell(file, table.flow.shell, parts),
        params=(settled := _params(world, given, parts)),
        given=_given(parts, settled),
        env=scalars.variables(table.env, Place(file, ("env",)), parts.report),
        dotenv=_dotenv(file, table.flow.dotenv, world, parts),
        pools=parts.pools,
        resources=_totals(parts),
        executors=_executors(file, table.executors, parts),
        hooks=Hooks(table.hooks.on_success, table.hooks.on_failure, table.hooks.on_recovery, table.hooks.finally_),
        jobserver=table.flow.jobserver,
        remove_orphans=table.flow.remove_orphans,
        secrets=_secrets(file, table.flow.secrets, parts),
        log_limit=_log_limit(file, table.flow.log_limit, parts),
        history=_history(file, table.flow.history, parts),
        declarations=_declarations(file, parts, elsewhere=bool(table.executors)),
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


def _shell(file: str, shell: tuple[str, ...], parts: Parts) -> tuple[str, ...]:
    if not shell:
        parts.report(Problem("`flow.shell` is empty", (Place(file, ("flow", "shell")),)))
    return shell


def _secrets(file: str, names: tuple[str, ...], parts: Parts) -> tuple[str, ...]:
    for index, name in enumerate(names):
        scalars.check_variable(name, Place(file, ("flow", "secrets", index)), parts.report)
    return names


def _log_limit(file: str, value: int | str, parts: Parts) -> int:
    place = Place(file, ("flow", "log_limit"))
    before = len(parts.problems)
    limit = scalars.amount(value, place, parts.report)
    if limit < SHORTEST_LOG and len(parts.problems) == before:
        parts.report(Problem("`log_limit` must be at least 64K", (place,)))
    return limit


def _history(file: str, table: HistoryTable, parts: Parts) -> History:
    place = Place(file, ("flow", "history"))
    age = math.inf if table.age is None else scalars.duration(table.age, place.at("age"), parts.report)
    return History(table.runs, age, scalars.amount(table.size, place.at("size"), parts.report))


def _params(world: World, given: Mapping[str, object], parts: Parts) -> dict[str, Any]:
    defaults = {name: params.plain(value) for name, value in parts.params.items()}
    places = {name: parts.places["params", name] for name in defaults}
    for name, place in places.items():
        scalars.check_name(name, place.key(), parts.report)
    settled, problems = params.settle(defaults, places, world.environ, given)
    if not parts.partial:
        parts.problems += problems
    return settled


def _given(parts: Parts, settled: dict[str, Any]) -> frozenset[str]:
    defaults = parts.params.items()
    return frozenset(name for name, default in defaults if params.is_given(params.plain(default), settled[name]))


def _dotenv(file: str, names: tuple[str, ...], world: World, parts: Parts) -> dict[str, str]:
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


def _totals(parts: Parts) -> dict[str, int]:
    for section in ("pools", "resources"):
        for name in getattr(parts, section):
            scalars.check_name(name, parts.places[section, name].key(), parts.report)
    return {
        name: scalars.amount(value, parts.places["resources", name], parts.report)
        for name, value in parts.resources.items()
    }


def _executors(file: str, tables: dict[str, dict[str, Any]], parts: Parts) -> dict[str, ExecutorTable]:
    found: dict[str, ExecutorTable] = {}
    for name, table in tables.items():
        place = Place(file, ("executors", name))
        scalars.check_name(name, place.key(), parts.report)
        options = {key: params.plain(value) for key, value in table.items() if key != "kind"}
        if name in (LOCAL, CALL):
            parts.report(Problem(f"`{name}` is an executor already", (place.key(),), "give yours another name"))
        elif "kind" not in table:
            what = f"`executors.{name}` lacks `kind`"
            parts.report(Problem(what, (place,), 'say what it is, like `kind = "slurm"`'))
        found[name] = ExecutorTable(table.get("kind", ""), options, place)
    return found


def _declarations(file: str, parts: Parts, *, elsewhere: bool) -> dict[str, Declaration]:
    """`elsewhere`: there are executors that know some resources without being told of any totals."""
    declared: dict[str, Declaration] = {}
    if parts.defaults:
        _check_limits(parts.defaults, None, parts, elsewhere)
    for name, table in parts.tasks.items():
        place = parts.places["tasks", name]
        include = "" if place.file == file else place.file
        task = declarations.declare(name, table, place, include, parts.report)
        if name in parts.options:
            task = structs.replace(task, options=task.options | parts.options[name])
        declared[name] = task
        scalars.check_name(name, place.key(), parts.report)
        if task.pool or task.resources:
            _check_limits(task, parts.defaults, parts, elsewhere)
    return declared


def _check_limits(task: Declaration, defaults: Declaration | None, parts: Parts, elsewhere: bool) -> None:
    """A pool or resource that a task names must be declared; what it has from the defaults was checked there."""
    if parts.partial:
        return
    pools, resources = parts.pools.keys() | parts.spoilt, parts.resources.keys() | parts.spoilt | {"cpu"}
    if elsewhere or task.executor not in ("", LOCAL):
        resources |= COMMON
    own_pool = task.pool if not defaults or task.pool != defaults.pool else ""
    if own_pool and own_pool not in pools and not scalars.is_template(own_pool):
        place = task.place.at("pool")
        hint = did_you_mean(task.pool, parts.pools) or f"add `{task.pool} = 1` under `[pools]`"
        parts.report(Problem(f"no pool `{task.pool}`", (place,), hint))
    for name in task.resources if not defaults or task.resources != defaults.resources else ():
        if name not in resources:
            place = task.place.at("resources").key(name)
            hint = f"add its total under `[resources]`, like `{name} = {task.resources[name]!r}`".replace("'", '"')
            parts.report(Problem(f"no resource `{name}`", (place,), hint))


def _check_requires(file: str, requires: str, parts: Parts) -> None:
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
