"""What is remembered from run to run, in one SQLite file. Loads in bulk, writes in batches; unaware of verdicts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from time import time
from typing import Any, TypeVar

from flowmake.core.errors import StateError
from flowmake.core.model import Attempt, History, RunRecord, TaskRecord, Trace
from flowmake.world import database, rows
from flowmake.world.boot import boot_id
from flowmake.world.rows import Lazy, Values
from flowmake.world.statcache import StatCache

Result = TypeVar("Result")
Statement = tuple[str, list[Values]]

_AT_ONCE = 500
"""Names in one query; SQLite allows 999 at the least."""

WRITTEN_OUT_NS = 120_000_000_000
"""After so long what was written to a file is on the disk, at the latest."""

_TRACES = "SELECT task, recipe, env, inputs, outputs, finished, seconds, run, discovered, identity FROM traces"
_ATTEMPTS = "SELECT task, status, run, started, seconds, exit_code, signal, found_before FROM attempts"
_FILES = "SELECT path, size, mtime_ns, ctime_ns, inode, mode, hashed_at_ns, digest FROM files"
_RUNS = "SELECT id, started, finished, status, exit_code, jobs, counts, more, size FROM runs"
_RECORDS = "SELECT run, task, status, attempt, started, seconds, exit_code, signal, log, reasons FROM records"
_PUT_RUN = """
    INSERT INTO runs (id, started, finished, status, exit_code, jobs, counts, more, size) VALUES (?,?,?,?,?,?,?,?,?)
    ON CONFLICT (id) DO UPDATE SET started=excluded.started, finished=excluded.finished, status=excluded.status,
    exit_code=excluded.exit_code, jobs=excluded.jobs, counts=excluded.counts, more=excluded.more, size=excluded.size"""
_PUT_RECORD = """
    INSERT INTO records (run, task, status, attempt, started, seconds, exit_code, signal, log, reasons)
    VALUES (?,?,?,?,?,?,?,?,?,?)"""
_PUT_ATTEMPT = "INSERT OR REPLACE INTO attempts VALUES (?,?,?,?,?,?,?,?)"
_PUT_MADE = """
    INSERT INTO made (path, digest) VALUES (?,?)
    ON CONFLICT (path) DO UPDATE SET digest=excluded.digest WHERE digest != excluded.digest"""
_STALE_RUNS = """
    SELECT id FROM (
        SELECT id, number, started, row_number() OVER latest AS place, sum(size) OVER latest AS size FROM runs
        WINDOW latest AS (ORDER BY started DESC, number DESC))
    WHERE place > 1 AND (place > ? OR started < ? OR size > ?)
    AND id NOT IN (SELECT run FROM traces) AND id NOT IN (SELECT run FROM attempts) ORDER BY number"""


class SqliteStore:
    """`core.ports.Store` in the file `path`; its folder must exist for writing.

    With `read_only` nothing is created or changed, and no file means an empty store. `notices` are sentences that a
    person should see. A damaged file is kept under another name and a fresh one begun; reading only, it counts as
    empty.
    """

    def __init__(self, path: str, read_only: bool = False, notices: list[str] | None = None) -> None:
        self.path = path
        self.read_only = read_only
        self.notices: list[str] = notices if notices is not None else []
        self._connection: sqlite3.Connection | None = None
        self._traces: Lazy[Trace] | None = None
        self._attempts: Lazy[Attempt] | None = None
        self._clear_pending()
        if not read_only:
            self._open()

    def _clear_pending(self) -> None:
        self._pending_traces: dict[str, Trace | None] = {}
        self._pending_attempts: dict[str, Attempt | None] = {}
        self._pending_runs: dict[str, RunRecord] = {}
        self._pending_records: list[TaskRecord] = []
        self._pending_made: dict[str, str] = {}

    def traces(self) -> Mapping[str, Trace]:
        """Every trace by task; a live view that includes what was recorded since."""
        if self._traces is None:
            found = self._fetch(_TRACES)
            self._traces = Lazy(rows.by_name(found), rows.to_trace)
            _lay_over(self._traces, self._pending_traces)
        return self._traces

    def attempts(self) -> Mapping[str, Attempt]:
        """Every latest attempt by task; a live view as `traces`."""
        if self._attempts is None:
            found = self._fetch(_ATTEMPTS)
            self._attempts = Lazy(rows.by_name(found), rows.to_attempt)
            _lay_over(self._attempts, self._pending_attempts)
        return self._attempts

    def narrow(self, tasks: Sequence[str]) -> None:
        """Before anything else is asked: load what is recorded of these tasks only, and of others one by one.

        Iterating over `traces` and `attempts` then shows these only.
        """
        self._traces = Lazy(self._rows_of(_TRACES, "task", tasks), rows.to_trace, partial(self._row_of, _TRACES))
        self._attempts = Lazy(
            self._rows_of(_ATTEMPTS, "task", tasks), rows.to_attempt, partial(self._row_of, _ATTEMPTS)
        )

    def _rows_of(self, query: str, column: str, names: Sequence[str]) -> dict[str, Values]:
        found: dict[str, Values] = {}
        for start in range(0, len(names), _AT_ONCE):
            some = [rows.encode(name) for name in names[start : start + _AT_ONCE]]
            found |= rows.by_name(self._fetch(f"{query} WHERE {column} IN ({','.join('?' * len(some))})", *some))
        return found

    def _row_of(self, query: str, task: str) -> Values | None:
        return self._rows_of(query, "task", (task,)).get(task)

    def begin_run(self, run: RunRecord) -> None:
        self._pending_runs[run.id] = run

    def end_run(self, run: RunRecord) -> None:
        self._pending_runs[run.id] = run

    def begin_task(self, attempt: Attempt) -> None:
        self._set_attempt(attempt.task, attempt)

    def end_task(self, attempt: Attempt, record: TaskRecord, trace: Trace | None) -> None:
        self._set_attempt(attempt.task, attempt)
        self._pending_records.append(record)
        if trace is not None:
            self._pending_made.update(trace.outputs)
            self._set_trace(trace.task, trace)

    def made(self) -> Mapping[str, str]:
        """As in the port."""
        found = rows.by_name(self._fetch_settled("SELECT path, digest FROM made"))
        return {path: row[0] for path, row in found.items() if isinstance(row[0], str)}

    def unmake(self, paths: Iterable[str]) -> None:
        """As in the port."""
        self.flush()
        self._write([("DELETE FROM made WHERE path = ?", [(rows.encode(path),) for path in paths])])

    def named_orphans(self) -> set[str]:
        """As in the port."""
        return set(rows.by_name(self._fetch_settled("SELECT path FROM made WHERE named")))

    def name_orphans(self, paths: Iterable[str]) -> None:
        """As in the port."""
        self.flush()
        named = [(rows.encode(path),) for path in paths]
        self._write([("UPDATE made SET named = 0", [()]), ("UPDATE made SET named = 1 WHERE path = ?", named)])

    def accept(self, trace: Trace) -> None:
        """As in the port; how the latest attempt ended no longer counts."""
        self._set_trace(trace.task, trace)
        self._set_attempt(trace.task, None)

    def forget_task(self, task: str) -> None:
        self._set_trace(task, None)
        self._set_attempt(task, None)

    def flush(self) -> None:
        """As in the port. What could not be written stays pending, for another try."""
        statements = self._statements()
        if statements:
            self._write(statements)
            self._clear_pending()

    def runs(self, limit: int = 0) -> list[RunRecord]:
        found = self._fetch_settled(f"{_RUNS} ORDER BY started DESC, number DESC LIMIT ?", limit or -1)
        return [rows.to_run(row) for row in found]

    def tasks_of(self, run: str) -> list[TaskRecord]:
        """In the order in which they ended."""
        return [rows.to_record(row) for row in self._fetch_settled(f"{_RECORDS} WHERE run = ? ORDER BY number", run)]

    def records_of(self, task: str, limit: int = 0) -> list[TaskRecord]:
        query = f"{_RECORDS} WHERE task = ? ORDER BY number DESC LIMIT ?"
        return [rows.to_record(row) for row in self._fetch_settled(query, rows.encode(task), limit or -1)]

    def prune_runs(self, keep: History, now: float) -> list[str]:
        """Drop the runs beyond these limits; the ids dropped.

        The latest run stays, and those of which a trace or an attempt still speaks.
        """
        gone = [row[0] for row in self._fetch_settled(_STALE_RUNS, keep.runs, now - keep.age, keep.size)]
        if gone:
            ids = [(id,) for id in gone]
            self._write([("DELETE FROM runs WHERE id = ?", ids), ("DELETE FROM records WHERE run = ?", ids)])
        return gone

    def stat_cache(self, paths: Sequence[str] | None = None) -> StatCache:
        """The digests known from earlier runs, by the state of the file; with `paths`, of those only.

        If the machine was started anew since, those of the last two minutes before are not trusted.
        """
        known = rows.by_name(self._fetch(_FILES)) if paths is None else self._rows_of(_FILES, "path", paths)
        return StatCache(_doubted(known) if self._fetch("SELECT id FROM boot") != [(boot_id(),)] else known)

    def save_stat_cache(self, cache: StatCache) -> None:
        """Write what changed in it since it was loaded or saved. Raises `StateError`."""
        changed, dropped = cache.changes()
        statements: list[Statement] = []
        if dropped:
            statements.append(("DELETE FROM files WHERE path = ?", [(rows.encode(path),) for path in dropped]))
        if changed:
            values = [(rows.encode(path), *row) for path, row in changed.items()]
            statements.append(("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?)", values))
        if statements:
            booted: list[Statement] = [("DELETE FROM boot", [()]), ("INSERT INTO boot VALUES (?)", [(boot_id(),)])]
            self._write([*statements, *booted])
            cache.saved()

    def close(self) -> None:
        """Write what is pending and let go of the file. Raises `StateError`."""
        try:
            if not self.read_only:
                self.flush()
        finally:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _set_trace(self, task: str, trace: Trace | None) -> None:
        self._pending_traces[task] = trace
        if self._traces is not None:
            _lay_over(self._traces, {task: trace})

    def _set_attempt(self, task: str, attempt: Attempt | None) -> None:
        self._pending_attempts[task] = attempt
        if self._attempts is not None:
            _lay_over(self._attempts, {task: attempt})

    def _statements(self) -> list[Statement]:
        """Everything pending, as SQL with its values."""
        gone_traces, traces = _parted(self._pending_traces)
        gone_attempts, attempts = _parted(self._pending_attempts)
        statements: list[Statement] = [
            ("DELETE FROM traces WHERE task = ?", gone_traces),
            ("DELETE FROM attempts WHERE task = ?", gone_attempts),
            ("INSERT OR REPLACE INTO traces VALUES (?,?,?,?,?,?,?,?,?,?)", [rows.trace_values(one) for one in traces]),
            (_PUT_ATTEMPT, [rows.attempt_values(one) for one in attempts]),
            (_PUT_RUN, [rows.run_values(one) for one in self._pending_runs.values()]),
            (_PUT_RECORD, [rows.record_values(one) for one in self._pending_records]),
            (_PUT_MADE, [(rows.encode(path), digest) for path, digest in self._pending_made.items()]),
        ]
        return [statement for statement in statements if statement[1]]

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._explaining(lambda: database.open_for_writing(self.path))
        return self._connection

    def _fetch(self, query: str, *values: Any) -> list[Values]:
        def run(connection: sqlite3.Connection) -> list[Values]:
            try:
                return connection.execute(query, values).fetchall()
            except UnicodeDecodeError as error:  # a text of ours is UTF-8, and so is what SQLite says of its own
                raise database.not_ours() from error

        if self.read_only:
            return self._read_only(run)
        return self._explaining(lambda: run(self._open()))

    def _fetch_settled(self, query: str, *values: Any) -> list[Values]:
        """Including what is pending, which it therefore writes first."""
        self.flush()
        return self._fetch(query, *values)

    def _read_only(self, run: Callable[[sqlite3.Connection], list[Values]]) -> list[Values]:
        try:
            return database.Reader(self.path).read(run, [])
        except sqlite3.Error as error:
            if not database.is_damage(error):
                raise database.explained(self.path, error) from error
            notice = f"the state file `{self.path}` is damaged ({error}); everything counts as never run"
            if notice not in self.notices:
                self.notices.append(notice)
            return []

    def _write(self, statements: Iterable[Statement]) -> None:
        if self.read_only:
            raise StateError(f"the state file `{self.path}` is open for reading only")
        self._explaining(lambda: _transact(self._open(), statements))

    def _explaining(self, work: Callable[[], Result]) -> Result:
        """Do it; over a damaged file do it once more on a fresh one. Raises `StateError` for all that SQLite raises."""
        try:
            try:
                return work()
            except sqlite3.Error as error:
                if not database.is_damage(error):
                    raise
                self._set_aside(error)
            return work()
        except sqlite3.Error as error:
            raise database.explained(self.path, error) from error

    def _set_aside(self, error: sqlite3.Error) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        kept = database.set_aside(self.path, time())
        self.notices.append(
            f"the state file `{self.path}` was damaged ({error}) and is kept as `{os.path.basename(kept)}`; "
            "everything counts as never run"
        )


def _doubted(known: dict[str, Values]) -> dict[str, Values]:
    """The rows of the stat cache after a restart: the latest no longer trusted.

    At a power cut a file may lose bytes that were only in memory, and yet keep its size and times. The kernel writes
    out what is older than half a minute, so what was hashed long before the last sign of life was on disk by then.
    """
    if not all(isinstance(row[5], int) for row in known.values()):
        return {}
    limit = max((row[5] for row in known.values()), default=0) - WRITTEN_OUT_NS
    return {path: row if row[5] < limit else (*row[:5], 0, row[6]) for path, row in known.items()}


def _transact(connection: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for sql, values in statements:
            connection.executemany(sql, values)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


Item = TypeVar("Item")


def _lay_over(items: Lazy[Item], changes: Mapping[str, Item | None]) -> None:
    for task, item in changes.items():
        if item is not None:
            items[task] = item
        elif task in items:
            del items[task]


def _parted(changes: Mapping[str, Item | None]) -> tuple[list[Values], list[Item]]:
    """Names to delete, as rows, and items to put."""
    gone = [(rows.encode(task),) for task, item in changes.items() if item is None]
    return gone, [item for item in changes.values() if item is not None]
