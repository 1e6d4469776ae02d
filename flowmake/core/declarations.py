"""A task's table, whose types are right, to a `Declaration`; tells what makes no sense. Sees one task at a time."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from flowmake.core import entries, schema, schema_fields
from flowmake.core.errors import Problem
from flowmake.core.hints import did_you_mean
from flowmake.core.model import RERUN_ON_ALL, ActionKind, Declaration, Foreach, KeySource, Retry
from flowmake.core.params import plain
from flowmake.core.scalars import Report, check_name, check_variable, duration, is_template, resource, variables
from flowmake.core.source import Place
from flowmake.core.spelling import CALL, FAILURE
from flowmake.core.validation import label, misfits

ACTIONS = ("run", "exec", "call")
_SOURCES = ("glob", "lines", "json", "range", "dates")

_NONE: dict[str, Any] = {}
"""Shared by all that say nothing, as model objects are never changed: many tasks take a tenth less memory."""

_NO_RETRY = Retry()


def declare(name: str, table: schema.TaskTable, place: Place, include: str, report: Report) -> Declaration:
    """The declaration of a task; each thing that makes no sense is reported and left at its default."""
    kind, action = _action(table, place, report)
    return Declaration(
        name=name,
        place=place,
        kind=kind,
        action=action,
        args=plain(table.args) if table.args else _NONE,
        description=table.description,
        tags=table.tags,
        inputs=entries.inputs(table.inputs, place, report) if table.inputs else (),
        outputs=entries.outputs(table.outputs, place, report) if table.outputs else (),
        needs=table.needs,
        after=table.after,
        cwd=table.cwd,
        shell=table.shell,
        env=variables(table.env, place.at("env"), report) if table.env else _NONE,
        track_env=_track_env(table.track_env, place, report) if table.track_env else (),
        wrapper=table.wrapper,
        foreach=None if table.foreach is None else _foreach(table.foreach, place.at("foreach"), report),
        retries=_retry(table.retries, place.at("retries"), report) if table.retries else _NO_RETRY,
        timeout=None if table.timeout is None else _timeout(table.timeout, place.at("timeout"), report),
        resources=_resources(table.resources, place.at("resources"), report) if table.resources else _NONE,
        pool=table.pool,
        priority=table.priority,
        atomic=table.atomic,
        always=table.always,
        max_age=None if table.max_age is None else duration(table.max_age, place.at("max_age"), report),
        frozen=table.frozen,
        rerun_on=RERUN_ON_ALL if table.rerun_on is None else frozenset(table.rerun_on),
        depfile=table.depfile,
        console=table.console,
        confirm=_confirm(name, table.confirm) if table.confirm else "",
        on_fail_outputs=table.on_fail_outputs,
        allow_failure=table.allow_failure,
        on_success=table.on_success,
        on_failure=table.on_failure,
        executor=table.executor,
        options={"slurm": to_builtins(table.slurm)} if table.slurm is not None else _NONE,
        include=include,
    )


def _timeout(value: float | str, place: Place, report: Report) -> float:
    seconds = duration(value, place, report)
    if not seconds:
        report(Problem("`timeout` must be more than 0", (place,), "leave it out for no limit"))
    return seconds


def _confirm(name: str, value: bool | str) -> str:
    if isinstance(value, str):
        return value
    return f"Run `{name}`?" if value else ""


def _action(table: schema.TaskTable, place: Place, report: Report) -> tuple[ActionKind, str | tuple[str, ...]]:
    run, argv, call = table.run, table.exec, table.call
    given = [key for key, value in zip(ACTIONS, (run, argv, call), strict=True) if value is not None]
    if len(given) > 1:
        names = " and ".join(f"`{key}`" for key in given)
        places = tuple(place.key(key) for key in given)
        labels = ("", *("and here" for _ in given[1:]))
        report(Problem(f"a task has one action, but this one has {names}", places, "keep one of them", labels))
    if table.args and call is None:
        report(Problem("`args` is only for a `call`", (place.key("args"),)))
    if table.outputs and not given and place.keys[0] != "defaults":
        report(Problem("nothing makes these `outputs`", (place.key("outputs"),), "add `run`, `exec` or `call`"))
    empty = (run is not None and not run.strip() and "run") or (argv is not None and not argv and "exec")
    if empty:
        report(Problem(f"`{empty}` is empty", (place.at(empty),), "a group of tasks needs no action: leave it out"))
    if run is not None:
        return "run", run
    if argv is not None:
        return "exec", argv
    if call is not None:
        if not CALL.fullmatch(call):
            report(Problem(f"`call` must be like `pkg.module:function`, not `{call}`", (place.at("call"),)))
        return "call", call
    return "none", ""


def _track_env(names: tuple[str, ...], place: Place, report: Report) -> tuple[str, ...]:
    for index, name in enumerate(names):
        check_variable(name, place.at("track_env", index), report)
    return names


def _retry(value: int | schema_fields.RetryTable, place: Place, report: Report) -> Retry:
    if isinstance(value, int):
        return Retry(attempts=value)
    for index, failure in enumerate(value.on):
        if not FAILURE.fullmatch(failure):
            hint = "write `exit:75`, `signal:KILL` or `timeout`"
            report(Problem(f"`{failure}` is no kind of failure", (place.at("on", index),), hint))
    return Retry(
        attempts=value.attempts,
        delay=duration(value.delay, place.at("delay"), report),
        backoff=value.backoff,
        max_delay=duration(value.max_delay, place.at("max_delay"), report),
        jitter=value.jitter,
        on=value.on,
    )


def _resources(values: dict[str, int | str], place: Place, report: Report) -> dict[str, int | str]:
    return {
        name: value if isinstance(value, str) and is_template(value) else resource(name, value, place.at(name), report)
        for name, value in values.items()
    }


def _foreach(table: schema_fields.Foreach, place: Place, report: Report) -> Foreach:
    keys: dict[str, KeySource] = {}
    for name, value in table.items():
        if name in ("zip", "exclude"):
            continue
        check_name(name, place.key(name), report)
        if isinstance(value, bool):
            what = f"`{label(place.at(name))}` must be {schema_fields.KEY_VALUES}, not a boolean"
            report(Problem(what, (place.at(name),)))
        elif isinstance(value, tuple):
            keys[name] = _literal_values(value, place.at(name), report)
        else:
            keys[name] = _source(name, value, place.at(name), report)
    if not keys:
        report(Problem("`foreach` has no keys", (place,), 'write `foreach = { city = ["bonn", "oslo"] }`'))
    options = _options(table, keys, place, report)
    return Foreach(keys, tuple(plain(combination) for combination in options.exclude), options.zip)


def _options(
    table: schema_fields.Foreach, keys: dict[str, KeySource], place: Place, report: Report
) -> schema_fields.ForeachOptions:
    given: dict[str, Any] = {name: table[name] for name in ("zip", "exclude") if name in table}
    problems = list(misfits(given, schema_fields.ForeachOptions, place))
    for problem in problems:
        report(problem)
    if problems:
        return schema_fields.ForeachOptions()
    options = schema_fields.ForeachOptions(**given)
    for index, combination in enumerate(options.exclude):
        for name in combination:
            if name not in keys:
                where = place.at("exclude", index).key(name)
                report(Problem(f"unknown key `{name}`", (where,), did_you_mean(name, keys)))
    return options


def _literal_values(values: tuple[Any, ...], place: Place, report: Report) -> KeySource:
    for index, value in enumerate(values):
        where = place.at(index)
        if isinstance(value, list):
            report(Problem(f"`{label(where)}` must be a string, a number, a boolean or a table, not a list", (where,)))
        elif isinstance(value, dict) and not value.keys() & {"name", "id"}:
            hint = "the name of an instance is made of it"
            report(Problem(f"`{label(where)}` needs a `name` or an `id`", (where,), hint))
    return KeySource(values=tuple(plain(value) for value in values))


def _source(name: str, table: schema_fields.SourceTable, place: Place, report: Report) -> KeySource:
    given = [source for source in _SOURCES if getattr(table, source)]
    if len(given) != 1:
        what = f"`{label(place)}` needs exactly one of " + ", ".join(f"`{source}`" for source in _SOURCES)
        report(Problem(what, (place,)))
        return KeySource(values=())
    if table.range and (len(table.range) not in (2, 3) or table.range[2:] == (0,)):
        report(Problem("`range` must be `[start, end]` or `[start, end, step]`", (place.at("range"),)))
    if table.from_ and given[0] in ("range", "dates"):
        hint = "use it with `glob`, `lines` or `json`"
        report(Problem(f"`from` makes no sense with `{given[0]}`", (place.key("from"),), hint))
    return KeySource(
        glob=table.glob,
        lines=table.lines,
        json=table.json,
        range=table.range,
        dates=_dates(table.dates, place.at("dates"), report) if table.dates else None,
        every=table.every,
        upstream=table.from_,
    )


def _dates(value: tuple[Any, ...], place: Place, report: Report) -> tuple[str, str]:
    dates = [plain(each) for each in value]
    if len(dates) != 2 or not all(isinstance(each, str) for each in dates):
        report(Problem("`dates` must be `[first, last]`", (place,), 'like `["2026-01-01", "today"]`'))
        return ("today", "today")
    return dates[0], dates[1]
