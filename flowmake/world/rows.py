"""Model objects as database rows and back. Knows columns, not connections.

Paths and texts are kept as bytes with file-system escapes, so that any file name survives; tables of paths are joined
by NUL, which no path can hold: compact, and quick to split. Everything else that is no number is JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Generic, TypeVar, cast

import msgspec

from flowmake.core.errors import StateError
from flowmake.core.model import Attempt, LastStatus, RunRecord, TaskRecord, Trace

_HINT = "deleting the state file mends it: everything counts as never run then"

Item = TypeVar("Item")
Part = TypeVar("Part")
Values = tuple[Any, ...]


def encode(text: str) -> bytes:
    """A text in which only file-system escapes are not Unicode; other stray surrogates become `?`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def join(table: Mapping[str, str]) -> bytes:
    """`path\\0digest\\0path\\0digest…`; the order is kept."""
    return encode("\0".join(chain.from_iterable(table.items()))) if table else b""


def _listed(texts: Sequence[str]) -> bytes:
    return encode("\0".join(texts)) if texts else b""


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # a file name that is no Unicode: only this one spells it with escapes
        return json.dumps(value)


def split(data: bytes) -> dict[str, str]:
    """The inverse of `join`. Of damaged data it makes a table too, which then matches nothing and so makes stale."""
    if not data:
        return {}
    parts = decode(data).split("\0")
    return dict(zip(parts[::2], parts[1::2], strict=False))


@contextmanager
def _sound(what: str) -> Iterator[None]:
    """Raises `StateError` where values are not such as were written: a damage that the database does not see."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise StateError(f"{what} in the state file is damaged: {error}", _HINT) from error


def _numbers(*values: Any) -> None:
    if not all(isinstance(value, int | float) for value in values):
        raise ValueError("a text stands where a number should")


def _texts(*values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise ValueError("something else stands where a text should")


def trace_values(name: bytes, trace: Trace) -> Values:
    """In the order of the columns of `traces`, the task's encoded name first."""
    return (
        name,
        encode(trace.recipe),
        join(trace.env),
        join(trace.inputs),
        join(trace.outputs),
        trace.finished,
        trace.seconds,
        trace.run,
        _listed(trace.discovered),
        trace.identity,
    )


def to_trace(task: str, values: Values) -> Trace:
    """From the columns after the task's name."""
    recipe, env, inputs, outputs, finished, seconds, run, discovered, identity = values
    try:
        found = tuple(decode(discovered).split("\0")) if discovered else ()
        text, tables = decode(recipe), (split(env), split(inputs), split(outputs))
        if not (finished.__class__ is seconds.__class__ is float and run.__class__ is identity.__class__ is str):
            raise ValueError("values of another type than was written")
    except (TypeError, ValueError, AttributeError) as error:
        raise StateError(f"the record of `{task}` in the state file is damaged: {error}", _HINT) from error
    return Trace(task, text, *tables, finished, seconds, run, found, identity)


def discovered(task: str, values: Values) -> tuple[str, ...]:
    """What `to_trace` would make of that column alone."""
    found = values[7]
    if not found:
        return ()
    with _sound(f"the record of `{task}`"):
        return tuple(decode(found).split("\0"))


def attempt_values(name: bytes, attempt: Attempt) -> Values:
    """In the order of the columns of `attempts`, the task's encoded name first."""
    return (
        name,
        attempt.status,
        attempt.run,
        attempt.started,
        attempt.seconds,
        attempt.exit_code,
        attempt.signal,
        _listed(attempt.foreign),
    )


def to_attempt(task: str, values: Values) -> Attempt:
    """From the columns after the task's name."""
    status, run, started, seconds, exit_code, signal, foreign = values
    with _sound(f"the last attempt of `{task}`"):
        found = tuple(decode(foreign).split("\0")) if foreign else ()
        _numbers(started, seconds, exit_code or 0, signal or 0)
        _texts(status, run)
    return Attempt(task, cast(LastStatus, status), run, started, seconds, exit_code, signal, found)


def run_values(run: RunRecord) -> Values:
    """In the order of the columns of `runs`, the id first."""
    more = {"targets": run.targets, "argv": run.argv, "user": run.user, "host": run.host, "commit": run.commit}
    return (
        run.id,
        run.started,
        run.finished,
        run.status,
        run.exit_code,
        run.jobs,
        json.dumps(run.counts),
        json.dumps(more),
        run.size,
    )


def to_run(values: Values) -> RunRecord:
    """From the columns of `runs`."""
    id, started, finished, status, exit_code, jobs, counts, more, size = values
    with _sound("a run"):
        rest = json.loads(more)
        _numbers(started, finished, exit_code, jobs, size)
        _texts(id, status)
        return RunRecord(
            id=id,
            started=started,
            finished=finished,
            status=status,
            exit_code=exit_code,
            targets=tuple(rest["targets"]),
            argv=tuple(rest["argv"]),
            jobs=jobs,
            user=rest["user"],
            host=rest["host"],
            commit=rest["commit"],
            counts=json.loads(counts),
            size=size,
        )


def record_values(name: bytes, record: TaskRecord) -> Values:
    """In the order of the columns of `records`; the task's name is encoded already."""
    return (
        record.run,
        name,
        record.status,
        record.attempt,
        record.started,
        record.seconds,
        record.exit_code,
        record.signal,
        encode(record.log),
        _json(record.reasons) if record.reasons else "",
        record.host,
    )


def to_record(values: Values) -> TaskRecord:
    """From the columns of `records`."""
    run, task, status, attempt, started, seconds, exit_code, signal, log, reasons, host = values
    with _sound("a record of the history"):
        told = tuple(json.loads(reasons)) if reasons else ()
        _numbers(started, seconds, attempt)
        _texts(run, status, host)
        log = decode(log)
        return TaskRecord(run, decode(task), status, attempt, started, seconds, exit_code, signal, log, told, host)


class Lazy(MutableMapping[str, Item], Generic[Item]):
    """Items by task, made from their rows only when asked for and not kept: 100,000 rows stay as small as they are.

    `find` looks for the row of a task that is not among the rows; without it, there is none.
    """

    def __init__(
        self,
        rows: dict[str, Values],
        make: Callable[[str, Values], Item],
        find: Callable[[str], Values | None] | None = None,
    ) -> None:
        self._rows = rows
        self._make = make
        self._find = find
        self._fresh: dict[str, Item] = {}

    def __getitem__(self, task: str) -> Item:
        item = self.get(task)
        if item is None:
            raise KeyError(task)
        return cast(Item, item)

    def get(self, task: str, default: Any = None) -> Any:
        """As of every mapping, but without an exception made for each task that is not there."""
        item = self._fresh.get(task)
        if item is not None:
            return item
        row = self._rows.get(task) or (self._find(task) if self._find else None)
        return default if row is None else self._make(task, row)

    def peek(self, task: str, told: Callable[[Item], Part], read: Callable[[str, Values], Part]) -> Part | None:
        """A part of what is there under that name: as `told` of what was made, or as `read` from its row."""
        item = self._fresh.get(task)
        if item is not None:
            return told(item)
        row = self._rows.get(task) or (self._find(task) if self._find else None)
        return None if row is None else read(task, row)

    def __setitem__(self, task: str, item: Item) -> None:
        self._rows[task] = ()
        self._fresh[task] = item

    def __delitem__(self, task: str) -> None:
        del self._rows[task]
        self._fresh.pop(task, None)

    def __contains__(self, task: object) -> bool:
        return task in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def names(rows: Iterable[Values]) -> Iterator[str]:
    """Their decoded first column."""
    with _sound("a name"):
        for row in rows:
            yield decode(row[0])


def by_name(rows: Iterable[Values]) -> dict[str, Values]:
    """Rows by their decoded first column."""
    with _sound("a name"):
        return {decode(row[0]): row[1:] for row in rows}
