"""What a `foreach` ranges over: values of keys, their combinations, names of instances. Unaware of what tasks do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from math import prod
from typing import Any, Protocol

import msgspec

from flowmake.core import templates
from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.model import Declaration, Flow, Foreach, KeySource
from flowmake.core.patterns import captures, normalise
from flowmake.core.source import Place
from flowmake.core.suggest import nearest
from flowmake.core.values import Record, elements, label

Binding = dict[str, Any]
"""Values for some of the keys, by name."""

_TAKEN = frozenset({"params", "env", "flow", "task", "inputs", "outputs", "needs", "cpu"})
"""What templates may mention besides the keys."""
MOST_INSTANCES = 1_000_000
"""More than this is taken for a mistake."""


class Sources(Protocol):
    """Where `foreach` finds values that are not in the Flowfile."""

    def glob(self, pattern: str) -> list[str]:
        """Files on disk and outputs that tasks declare, matching the pattern."""
        ...

    def read(self, path: str) -> str:
        """The text of a file. Raises `FileNotFoundError`."""
        ...

    def today(self) -> date: ...


def combinations(declaration: Declaration, flow: Flow, sources: Sources) -> list[Binding]:
    """Every combination of the keys of a declaration's `foreach`, excluded ones left out, in the order written.

    Without `foreach` there is one, empty. Raises `FlowfileError` with all problems found.
    """
    foreach = declaration.foreach
    if foreach is None:
        return [{}]
    place = declaration.place.at("foreach")
    problems = list(_name_problems(foreach, place))
    columns = []
    for key, source in foreach.keys.items():
        try:
            columns.append(_bindings(key, settled(source, flow, place.at(key)), place.at(key), sources))
        except FlowfileError as error:
            problems += error.problems
    if problems:
        raise FlowfileError(problems)
    rows = _paired(foreach, columns, place) if foreach.zip else _crossed(columns, place)
    found = [{name: value for binding in row for name, value in binding.items()} for row in rows]
    _check_distinct(found, place)
    return _remaining(found, foreach, place)


def settled(source: KeySource, flow: Flow, place: Place) -> KeySource:
    """The source with its texts rendered, where they are templates (of `params`, `env` and `flow`).

    Raises `FlowfileError`.
    """
    if source.values is not None:
        return msgspec.structs.replace(source, values=_settled_values(source.values, flow, place))
    texts = (source.glob, source.lines, source.json, *(source.dates or ()))
    if not any(map(templates.has_template, texts)):
        return source
    context = flow_context(flow)
    first, last = (templates.render(text, context, place.at("dates")) for text in source.dates or ("", ""))
    return msgspec.structs.replace(
        source,
        glob="".join(templates.render_paths(source.glob, context, place.at("glob"))),
        lines=templates.render(source.lines, context, place.at("lines")),
        json=templates.render(source.json, context, place.at("json")),
        dates=source.dates and (first, last),
    )


def _settled_values(values: tuple[Any, ...], flow: Flow, place: Place) -> tuple[Any, ...]:
    """Values with their templates rendered; one expression that gives a list stands for all its elements."""
    if not any(isinstance(value, str) and templates.has_template(value) for value in values):
        return values
    found: list[Any] = []
    for index, value in enumerate(values):
        given = templates.evaluate(value, flow_context(flow), place.at(index)) if isinstance(value, str) else value
        several = elements(given)
        found += [given] if several is None else several
    if any(isinstance(value, list) for value in found):
        raise FlowfileError([Problem("a list inside a list cannot be a value", (place,))])
    return tuple(_record(value, index) if isinstance(value, dict) else value for index, value in enumerate(found))


def flow_context(flow: Flow) -> dict[str, Any]:
    """What templates may mention wherever they stand."""
    return {"params": flow.params, "env": flow.env, "flow": {"name": flow.name, "root": flow.root}}


def instance_name(base: str, keys: Mapping[str, Any]) -> str:
    """`base@v1,v2`, values in key order.

    Values are spelt by `label`, so that names stay distinct, and safe in a shell, in a file name and in a glob.
    """
    return f"{base}@" + ",".join([label(value) for value in keys.values()])


def _bindings(key: str, source: KeySource, place: Place, sources: Sources) -> list[Binding]:
    if source.glob:
        return _captured(key, source.glob, place.at("glob"), sources)
    return [{key: value} for value in _values(source, place, sources)]


def _captured(key: str, glob: str, place: Place, sources: Sources) -> list[Binding]:
    pattern = captures(normalise(glob))
    if pattern.names and key not in pattern.names:
        hint = nearest(key, pattern.names) or f"write `{{{key}}}` where the value is"
        raise FlowfileError([Problem(f"the glob does not capture `{key}`", (place,), hint)])
    paths = sources.glob(pattern.glob)
    if not pattern.names:
        return [{key: path} for path in paths]
    found = (pattern.match(path) for path in paths)
    distinct = {tuple(binding.values()): binding for binding in found if binding is not None}
    return list(distinct.values())


def _values(source: KeySource, place: Place, sources: Sources) -> list[Any]:
    if source.values is not None:
        return list(source.values)
    if source.lines:
        lines = _read(source.lines, place.at("lines"), sources).splitlines()
        return [line.strip() for line in lines if line.strip()]
    if source.json:
        return _json(source.json, place.at("json"), sources)
    if source.range:
        return _range(source.range, place.at("range"))
    if source.dates:
        try:
            from flowmake.core import dates  # few tasks range over dates, for which a calendar has to be loaded

            return [*dates.span(*source.dates, source.every, sources.today())]
        except ValueError as error:
            raise FlowfileError([Problem(str(error), (place.at("dates"),))]) from error
    raise FlowfileError(
        [Problem("the key has no values", (place,), "write a list, or a table with `glob`, `lines`, …")]
    )


def _range(bounds: tuple[int, ...], place: Place) -> list[int]:
    try:
        numbers = range(*bounds)
    except (TypeError, ValueError) as error:
        problem = Problem("`range` must be `[start, end]` or `[start, end, step]`, with a step other than 0", (place,))
        raise FlowfileError([problem]) from error
    if numbers[MOST_INSTANCES:]:
        raise FlowfileError([_too_many(place)])
    return list(numbers)


def _read(path: str, place: Place, sources: Sources) -> str:
    try:
        return sources.read(normalise(path))
    except FileNotFoundError as error:
        raise FlowfileError([Problem(f"`{path}` does not exist, and no task makes it", (place,))]) from error


def _json(path: str, place: Place, sources: Sources) -> list[Any]:
    try:
        found = msgspec.json.decode(_read(path, place, sources))
    except msgspec.DecodeError as error:
        raise FlowfileError([Problem(f"`{path}` is not valid JSON: {error}", (place,))]) from error
    if not isinstance(found, list) or any(isinstance(value, list) for value in found):
        problem = Problem(
            f"`{path}` does not hold a list of values", (place,), "each may be a text, a number or an object"
        )
        raise FlowfileError([problem])
    return [_record(value, index) if isinstance(value, dict) else value for index, value in enumerate(found)]


def _record(value: dict[str, Any], index: int) -> Record:
    record = Record(value)
    record.label = str(index)
    return record


def _names_bound(key: str, source: KeySource) -> tuple[str, ...]:
    return (captures(source.glob).names if source.glob else ()) or (key,)


def _name_problems(foreach: Foreach, place: Place) -> Iterator[Problem]:
    """Every variable has one source, and none hides what templates mention anyway."""
    bound: dict[str, str] = {}
    for key, source in foreach.keys.items():
        for name in _names_bound(key, source):
            if name in _TAKEN:
                yield Problem(f"`{name}` cannot be a key: templates have it already", (place.key(key),), "rename it")
            other = bound.setdefault(name, key)
            if other != key:
                message = f"`{key}` and `{other}` both give values to `{name}`"
                yield Problem(message, (place.at(key), place.at(other)), labels=("", "the other one"))


def _crossed(columns: Sequence[list[Binding]], place: Place) -> Iterator[tuple[Binding, ...]]:
    if prod(map(len, columns)) > MOST_INSTANCES:
        raise FlowfileError([_too_many(place)])
    return product(*columns)


def _too_many(place: Place) -> Problem:
    return Problem(f"this makes more than {MOST_INSTANCES:,} instances", (place,), "use fewer values")


def _paired(foreach: Foreach, columns: Sequence[list[Binding]], place: Place) -> Iterator[tuple[Binding, ...]]:
    if len(set(map(len, columns))) > 1:
        counts = ", ".join(f"`{key}` has {len(column)}" for key, column in zip(foreach.keys, columns, strict=True))
        hint = "leave `zip` out to combine each with each"
        raise FlowfileError([Problem(f"keys that are paired up need equally many values: {counts}", (place,), hint)])
    return zip(*columns, strict=True)


def _check_distinct(found: Sequence[Binding], place: Place) -> None:
    names = [instance_name("", binding)[1:] for binding in found]
    if len(set(names)) < len(names):
        twice = [name for name, count in Counter(names).items() if count > 1]
        raise FlowfileError([Problem(f"the combination `{name}` appears more than once", (place,)) for name in twice])


def _remaining(found: list[Binding], foreach: Foreach, place: Place) -> list[Binding]:
    """The combinations that no table of `exclude` fits; values are compared as they appear in names."""
    if not foreach.exclude:
        return found
    known = [name for key, source in foreach.keys.items() for name in _names_bound(key, source)]
    problems = [
        Problem(f"`foreach` has no key `{name}`", (place.at("exclude", index).key(name),), nearest(name, known))
        for index, table in enumerate(foreach.exclude)
        for name in table
        if name not in known
    ]
    if problems:
        raise FlowfileError(problems)
    dropped = [[(name, label(value)) for name, value in table.items()] for table in foreach.exclude]
    return [b for b in found if not any(all(label(b[name]) == text for name, text in table) for table in dropped)]
