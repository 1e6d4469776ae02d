"""Tells at a glance that a Flowfile is right, where it is of plain parts. Says of no other whether it is wrong, or why.

This is no second way of reading: whatever is not right beyond doubt is left to `flowfile`, and what is taken for right
here is taken so there. It spares loading the structs that are the schema, which takes longer than Python to start.
"""

from __future__ import annotations

from tomli import loads

from flowmake.core import units
from flowmake.core.spelling import CALL, FAILURE, NAME, ORDINARY_PATH, VARIABLE

TYPE_CHECKING = False  # as from `typing`, whose import alone takes longer than that of all this needs
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Test = Callable[[Any], bool]

_LARGEST = 1 << 53
"""Numbers beyond this are none that anybody means."""


def plain_tasks(data: bytes) -> dict[str, dict[str, Any]] | None:
    """The tables of the tasks as written, none of which anything else has a say in; None where that is not obvious.

    No parameter is overridden from outside. What a task shows of itself has no template, and no task a `foreach`.
    """
    try:
        tables = loads(data.decode())
    except (ValueError, RecursionError):
        return None
    return tables.get("tasks", {}) if _fits(tables, _TABLES) and _has_limits(tables) else None


def _fits(table: Any, fields: Mapping[str, Test]) -> bool:
    return _is_table(table) and all(key in fields and fields[key](value) for key, value in table.items())


def _has_limits(tables: dict[str, Any]) -> bool:
    """Whatever pools and resources the tasks name."""
    pools, totals = tables.get("pools", {}), {"cpu", *tables.get("resources", {})}
    return all(
        ("pool" not in task or task["pool"] in pools) and task.get("resources", {}).keys() <= totals
        for task in tables.get("tasks", {}).values()
    )


def _is_task(table: Any) -> bool:
    if not _fits(table, _TASK):
        return False
    actions = len(table.keys() & {"run", "exec", "call"})
    return actions <= 1 and ("args" not in table or "call" in table) and ("outputs" not in table or actions == 1)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_integer(value: Any, least: int = -_LARGEST) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _LARGEST


def _is_count(value: Any) -> bool:
    return _is_integer(value, 1)


def _is_index(value: Any) -> bool:
    return _is_integer(value, 0)


def _is_amount(value: Any, name: str = "") -> bool:
    if not (_is_text(value) or _is_index(value)):
        return False
    try:
        return units.resource(name, value) >= 0
    except ValueError:
        return False


def _are_amounts(value: Any) -> bool:
    return _is_table(value) and all(_is_amount(amount, name) for name, amount in value.items())


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_command(value: Any) -> bool:
    return _is_text(value) and not value.isspace() and value != ""


def _is_argv(value: Any) -> bool:
    return _are_texts(value) and value != []


def _is_call(value: Any) -> bool:
    return _is_text(value) and bool(CALL.fullmatch(value))


def _is_shown(value: Any) -> bool:
    return _is_text(value) and "{" not in value


def _is_duration(value: Any) -> bool:
    if not (isinstance(value, (str, float)) or _is_index(value)):
        return False
    try:
        return units.seconds(value) > 0
    except ValueError:
        return False


def _is_variable(name: Any) -> bool:
    return _is_text(name) and bool(VARIABLE.fullmatch(name))


def _are_variables(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_variable, value))


def _is_environment(value: Any) -> bool:
    return _is_table(value) and all(
        _is_variable(name) and (_is_integer(text) or (_is_text(text) and "\0" not in text))
        for name, text in value.items()
    )


def _are_causes(value: Any) -> bool:
    return _are_texts(value) and set(value) <= _CAUSES


def _is_retry(value: Any) -> bool:
    return _is_index(value) or _fits(value, _RETRY)


def _are_failures(value: Any) -> bool:
    return _are_texts(value) and all(map(FAILURE.fullmatch, value))


def _are_inputs(value: Any) -> bool:
    return _are_entries(value, _is_input)


def _are_outputs(value: Any) -> bool:
    return _are_entries(value, _is_output)


def _are_entries(value: Any, is_entry: Test) -> bool:
    if isinstance(value, list):
        return all(map(is_entry, value))
    if not _is_named(value) or value.keys() & _RESERVED:
        return False
    groups = (group if isinstance(group, list) else [group] for group in value.values())
    return all(is_entry(entry) for group in groups for entry in group)


def _is_input(entry: Any) -> bool:
    if _is_table(entry):
        return _fits(entry, _INPUT) and ("path" in entry) != ("lines" in entry)
    return _is_text(entry) and _is_path(entry.removeprefix("!"))


def _is_output(entry: Any) -> bool:
    return _fits(entry, _OUTPUT) and "path" in entry if _is_table(entry) else _is_path(entry)


def _is_path(value: Any) -> bool:
    return _is_text(value) and bool(ORDINARY_PATH.fullmatch(value))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_named(value: Any, test: Test = lambda value: True) -> bool:
    """A table of free names, each for something that passes the test."""
    return _is_table(value) and all(NAME.fullmatch(name) and test(each) for name, each in value.items())


def _one_of(*choices: str) -> Test:
    return lambda value: _is_text(value) and value in choices


_RESERVED = {"path", "lines"}
_CAUSES = {"inputs", "outputs", "recipe", "env", "age"}

_INPUT: dict[str, Test] = {"path": _is_path, "lines": _is_path, "check": _one_of("content", "stat", "exists")}
_OUTPUT: dict[str, Test] = {"path": _is_path, "temp": _is_flag, "clean": _is_flag}
_RETRY: dict[str, Test] = {
    "attempts": _is_index,
    "delay": _is_duration,
    "backoff": _is_count,
    "max_delay": _is_duration,
    "jitter": _is_flag,
    "on": _are_failures,
}

_INDEPENDENT: dict[str, Test] = {
    "needs": _are_texts,
    "after": _are_texts,
    "cwd": _is_text,
    "shell": _are_texts,
    "env": _is_environment,
    "track_env": _are_variables,
    "wrapper": _are_texts,
    "retries": _is_retry,
    "timeout": _is_duration,
    "priority": _is_integer,
    "atomic": _is_flag,
    "always": _is_flag,
    "max_age": _is_duration,
    "frozen": _is_flag,
    "rerun_on": _are_causes,
    "depfile": _is_text,
    "console": _is_flag,
    "confirm": lambda value: _is_flag(value) or _is_text(value),
    "on_fail_outputs": _one_of("delete", "keep"),
    "allow_failure": _is_flag,
    "on_success": _is_text,
    "on_failure": _is_text,
    "executor": _is_text,
}
"""Fields of a task that are right or wrong whatever else it has, so that they may stand in `[defaults]`, too."""

_TASK: dict[str, Test] = _INDEPENDENT | {
    "description": _is_shown,
    "tags": _are_texts,
    "inputs": _are_inputs,
    "outputs": _are_outputs,
    "run": _is_command,
    "exec": _is_argv,
    "call": _is_call,
    "args": _is_table,
    "pool": _is_text,
    "resources": _are_amounts,
}

_FLOW: dict[str, Test] = {
    "name": _is_text,
    "description": _is_text,
    "default": _are_texts,
    "shell": _is_argv,
    "remove_orphans": _is_flag,
    "jobserver": _one_of("pipe", "fifo", "none"),
    "secrets": _are_variables,
}

_HOOKS = dict.fromkeys(("on_success", "on_failure", "on_recovery", "finally"), _is_text)

_TABLES: dict[str, Test] = {
    "flow": lambda value: _fits(value, _FLOW),
    "params": lambda value: _is_named(value),
    "env": _is_environment,
    "defaults": lambda value: _fits(value, _INDEPENDENT),
    "pools": lambda value: _is_named(value, _is_count),
    "resources": lambda value: _is_named(value, _is_amount),
    "hooks": lambda value: _fits(value, _HOOKS),
    "tasks": lambda value: _is_named(value, _is_task),
}
