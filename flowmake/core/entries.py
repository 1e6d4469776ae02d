"""`inputs` and `outputs` as written to `Input` and `Output`. Does not tell globs from paths: templates come first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

from flowmake.core import schema_fields
from flowmake.core.errors import Problem
from flowmake.core.model import Check, Input, Output
from flowmake.core.scalars import Report, check_name
from flowmake.core.source import Place
from flowmake.core.spelling import ORDINARY_PATH

_CONTENT: Check = "content"
_TEXT = frozenset({str})


def inputs(entries: schema_fields.Inputs, place: Place, report: Report) -> tuple[Input, ...]:
    """The inputs of a task at `place`."""
    if _are_ordinary(entries):
        return tuple([Input(path) for path in entries])
    field = place.at("inputs")
    return tuple(
        _input(entry, name, field.at(*keys), report)
        for entry, name, keys in _entries(entries, ("path", "lines"), field, report)
    )


def outputs(entries: schema_fields.Outputs, place: Place, report: Report) -> tuple[Output, ...]:
    """The outputs of a task at `place`."""
    if _are_ordinary(entries):
        return tuple([Output(path) for path in entries])
    field = place.at("outputs")
    return tuple(
        _output(entry, name, field.at(*keys), report)
        for entry, name, keys in _entries(entries, ("path",), field, report)
    )


def _are_ordinary(entries: Any) -> TypeGuard[tuple[str, ...]]:
    """Is this a list of nothing but paths that need no second look, as nearly all are?"""
    if not isinstance(entries, tuple) or not _TEXT.issuperset(map(type, entries)):
        return False
    return all(map(ORDINARY_PATH.fullmatch, entries))


def _entries(
    entries: Any, reserved: tuple[str, ...], place: Place, report: Report
) -> Iterator[tuple[Any, str, tuple[str | int, ...]]]:
    """Each entry of a list or a table of named paths, with its group and its keys within the field."""
    if isinstance(entries, tuple):
        for index, entry in enumerate(entries):
            yield entry, "", (index,)
        return
    for name, group in entries.items():
        if name in reserved:
            hint = f"for one entry write `{place.keys[-1]} = [{{ {name} = … }}]`"
            report(Problem(f"`{name}` cannot be the name of a path", (place.key(name),), hint))
        check_name(name, place.key(name), report)
        if isinstance(group, tuple):
            for index, entry in enumerate(group):
                yield entry, name, (name, index)
        else:
            yield group, name, (name,)


def _input(entry: str | schema_fields.InputEntry, name: str, place: Place, report: Report) -> Input:
    path, lines, check = entry if isinstance(entry, str) else entry.path, "", _CONTENT
    if not isinstance(entry, str):
        lines, check = entry.lines, entry.check
        if bool(path) == bool(lines):
            report(Problem("an input has either `path` or `lines`", (place,), 'write `{ path = "big.bam" }`'))
            return Input(path, name=name)
    if lines:
        _check_path(lines, place, report)
        return Input(lines, "lines", check, name)
    _check_path(path, place, report)
    if path.startswith("!"):
        _check_path(path[1:], place, report)
        return Input(path[1:], "exclude", check, name)
    return Input(path, "path", check, name)


def _output(entry: str | schema_fields.OutputEntry, name: str, place: Place, report: Report) -> Output:
    path = entry if isinstance(entry, str) else entry.path
    _check_path(path, place, report)
    if path.startswith("!"):
        hint = f"for a file whose name starts with `!` write `./{path}`"
        report(Problem("`outputs` cannot exclude anything", (place,), hint))
    if isinstance(entry, str):
        return Output(path, name=name)
    return Output(path, "path", entry.temp, entry.clean, name)


def _check_path(path: str, place: Place, report: Report) -> None:
    if not path.strip():
        report(Problem("a path is empty", (place,)))
    elif "\0" in path or "\n" in path:
        report(Problem("a path cannot hold a NUL or a line break", (place,)))
