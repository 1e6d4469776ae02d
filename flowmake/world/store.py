"""What is remembered from run to run: a database, and a journal ahead of it while a run goes on. Unaware of verdicts.

What happens is appended to the journal with each `flush`, and folded into the database in bulk: at the end, after some
thousand entries, and by the next writer if this one dies. Readers lay a journal over what the database holds.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from time import time
from typing import Any

from flowmake.core.errors import StateError
from flowmake.core.model import Attempt, History, RunRecord, TaskRecord, Trace
from flowmake.world import database, journal, pending, rows
from flowmake.world.boot import boot_id
from flowmake.world.journal import Damaged, Entry, Journal, Key
from flowmake.world.pending import Pending
from flowmake.world.rows import Lazy, Values
from flowmake.world.statcache import StatCache
from flowmake.world.writer import Statement, Writer, fetched, next_key

Found = tuple[list[Values], Pending]

_AT_ONCE = 500
"""Names in one query; SQLite allows 999 at the least."""

WRITTEN_OUT_NS = 120_000_000_000
"""After so long what was written to a file is on the disk, at the latest."""
FOLDED_AT = 10_000
"""Entries of a journal: enough for writing in bulk, and few enough to be held in memory and read again in no time."""

_TRACES = "SELECT task, recipe, env, inputs, outputs, finished, seconds, run, discovered, identity FROM traces"
_ATTEMPTS = "SELECT task, status, run, started, seconds, exit_code, signal, found_before FROM attempts"
_FILES = "SELECT path, size, mtime_ns, ctime_ns, inode, mode, hashed_at_ns, digest FROM files"
_RUNS = "SELECT id, started, finished, status, exit_code, jobs, counts, more, size FROM runs"
_RECORDS = "SELECT run, task, status, attempt, started, seconds, exit_code, signal, log, reasons, host FROM records"
_STALE_RUNS = """
    SELECT id FROM (
        SELECT id, number, started, row_number() OVER latest AS place, sum(size) OVER latest AS size FROM runs
        WINDOW latest AS (ORDER BY started DESC, number DESC))
    WHERE place > 1 AND (place > ? OR started < ? OR size > ?)
    AND id NOT IN (SELECT run FROM traces) AND id NOT IN (SELECT run FROM attempts) ORDER BY number"""


class SqliteStore:
    """`core.ports.Store` in the file `path` and a journal beside it; its folder must exist for writing.

    With `read_only` nothing is created or changed, and no file means an empty store. `notices` are sentences that a
    person should see. A damaged file is kept under another name and a fresh one begun; reading only, it counts as
    empty.
    """

    def __init__(self, path: str, read_only: bool = False, notices: list[str] | None = None) -> None:
        self.path = path
        self.read_only = read_only
        self.notices: list[str] = notices if notices is not None else []
        self._journal_path = database.journal_path(path)
        self._writer = None if read_only else Writer(path, self.notices)
        self._journal: Journal | None = None
        self._pending = Pending()
        self._unwritten: list[Entry] = []
        self._traces: Lazy[Trace] | None = None
        self._attempts: Lazy[Attempt] | None = None
        if not read_only:
            self._recover()

    def traces(self) -> Mapping[str, Trace]:
        """Every trace by task; a live view that includes what was recorded since."""
        if self._traces is None:
            found, ahead = self._fetch(_TRACES)
            self._traces = Lazy(_laid_over(rows.by_name(found), ahead.traces), rows.to_trace)
        return self._traces

    def discovered(self, task: str) -> tuple[str, ...]:
        """As in the port."""
        traces = self._traces
        if traces is None:
            self.traces()
            return self.discovered(task)
        return traces.peek(task, lambda trace: trace.discovered, rows.discovered) or ()

    def attempts(self) -> Mapping[str, Attempt]:
        """Every latest attempt by task; a live view as `traces`."""
        if self._attempts is None:
            found, ahead = self._fetch(_ATTEMPTS)
            self._attempts = Lazy(_laid_over(rows.by_name(found), ahead.attempts), rows.to_attempt)
        return self._attempts

    def narrow(self, tasks: Sequence[str]) -> None:
        """Before anything else is asked: load what is recorded of these tasks only, and of others one by one.

        Iterating over `traces` and `attempts` then shows these only.
        """
        traces = partial(self._tasks, _TRACES, lambda ahead: ahead.traces)
        attempts = partial(self._tasks, _ATTEMPTS, lambda ahead: ahead.attempts)
        self._traces = Lazy(traces(tasks), rows.to_trace, lambda task: traces((task,)).get(task))
        self._attempts = Lazy(attempts(tasks), rows.to_attempt, lambda task: attempts((task,)).get(task))

    def _tasks(
        self, query: str, changes: Callable[[Pending], Mapping[bytes, Values | None]], tasks: Sequence[str]
    ) -> dict[str, Values]:
        """The rows of some tasks."""
        found, ahead = self._rows_of(query, "task", tasks)
        changed = changes(ahead)
        return _laid_over(found, {name: changed[name] for name in map(rows.encode, tasks) if name in changed})

    def _rows_of(self, query: str, column: str, names: Sequence[str]) -> tuple[dict[str, Values], Pending]:
        found: dict[str, Values] = {}
        ahead = Pending()
        for start in range(0, len(names), _AT_ONCE):
            some = [rows.encode(name) for name in names[start : start + _AT_ONCE]]
            part, ahead = self._fetch(f"{query} WHERE {column} IN ({','.join('?' * len(some))})", *some)
            found |= rows.by_name(part)
        return found, ahead

    def begin_run(self, run: RunRecord) -> None:
        self._record(pending.run_entry(run))

    def end_run(self, run: RunRecord) -> None:
        self._record(pending.run_entry(run))

    def begin_task(self, attempt: Attempt) -> None:
        self._record(pending.begin_entry(attempt))
        if self._attempts is not None:
            self._attempts[attempt.task] = attempt

    def end_task(self, attempt: Attempt, record: TaskRecord, trace: Trace | None) -> None:
        self._record(pending.end_entry(attempt, record, trace))
        if self._attempts is not None:
            self._attempts[attempt.task] = attempt
        if self._traces is not None and trace is not None:
            self._traces[trace.task] = trace

    def accept(self, trace: Trace) -> None:
        """As in the port; how the latest attempt ended no longer counts."""
        self._record(pending.accept_entry(trace))
        if self._traces is not None:
            self._traces[trace.task] = trace
        _hide(self._attempts, trace.task)

    def forget_task(self, task: str) -> None:
        self._record(pending.forget_entry(task))
        _hide(self._traces, task)
        _hide(self._attempts, task)

    def flush(self) -> None:
        """As in the port. What could not be written stays, for another try."""
        if not self._unwritten:
            return
        if self._journal is None:
            self._journal = Journal(self._journal_path, self._writing.next_key())
        self._journal.append(self._unwritten)
        self._unwritten.clear()
        if len(self._pending) >= FOLDED_AT:
            self._fold()

    def made(self) -> Mapping[str, str]:
        """As in the port."""
        found, ahead = self._fetch("SELECT path, digest FROM made")
        known = {path: row[0] for path, row in rows.by_name(found).items() if isinstance(row[0], str)}
        return known | ahead.made()

    def made_beside(self, declared: Container[str]) -> set[str]:
        """As in the port."""
        found, ahead = self._fetch("SELECT path FROM made WHERE typeof(digest) = 'text'")  # as `made` has it
        return {path for path in chain(rows.names(found), ahead.made()) if path not in declared}

    def unmake(self, paths: Iterable[str]) -> None:
        """As in the port."""
        self._fold()
        self._writing.write([("DELETE FROM made WHERE path = ?", [(rows.encode(path),) for path in paths])])

    def named_orphans(self) -> set[str]:
        """As in the port."""
        found, _ = self._fetch("SELECT path FROM made WHERE named")
        return set(rows.names(found))

    def name_orphans(self, paths: Iterable[str]) -> None:
        """As in the port."""
        self._fold()
        named = [(rows.encode(path),) for path in paths]
        self._writing.write([("UPDATE made SET named = 0", [()]), ("UPDATE made SET named = 1 WHERE path = ?", named)])

    def runs(self, limit: int = 0) -> list[RunRecord]:
        found, ahead = self._fetch(f"{_RUNS} ORDER BY started DESC, number DESC LIMIT ?", limit or -1)
        latest = sorted(map(rows.to_run, ahead.laid_over_runs(found)), key=lambda run: -run.started)
        return latest[: limit or None]

    def tasks_of(self, run: str) -> list[TaskRecord]:
        """In the order in which they ended."""
        found, ahead = self._fetch(f"{_RECORDS} WHERE run = ? ORDER BY number", run)
        return [rows.to_record(row) for row in (*found, *(row for row in ahead.records if row[0] == run))]

    def records_of(self, task: str, limit: int = 0) -> list[TaskRecord]:
        name = rows.encode(task)
        found, ahead = self._fetch(f"{_RECORDS} WHERE task = ? ORDER BY number DESC LIMIT ?", name, limit or -1)
        latest = [*(row for row in reversed(ahead.records) if row[1] == name), *found]
        return [rows.to_record(row) for row in latest[: limit or None]]

    def runs_beyond(self, keep: History, now: float) -> list[str]:
        """The ids of the runs beyond these limits, but for the latest, and for those of which a trace or an attempt
        still speaks.
        """
        self._fold()
        found, _ = self._fetch(_STALE_RUNS, keep.runs, now - keep.age, keep.size)
        return [row[0] for row in found]

    def forget_runs(self, runs: Iterable[str]) -> None:
        """Drop what is recorded of these."""
        if ids := [(run,) for run in runs]:
            self._fold()
            self._writing.write([("DELETE FROM runs WHERE id = ?", ids), ("DELETE FROM records WHERE run = ?", ids)])

    def stat_cache(self, paths: Sequence[str] | None = None) -> StatCache:
        """The digests known from earlier runs, by the state of the file; with `paths`, of those only.

        If the machine was started anew since, those of the last two minutes before are not trusted.
        """
        known = rows.by_name(self._fetch(_FILES)[0]) if paths is None else self._rows_of(_FILES, "path", paths)[0]
        return StatCache(_doubted(known) if self._fetch("SELECT id FROM boot")[0] != [(boot_id(),)] else known)

    def save_stat_cache(self, cache: StatCache) -> None:
        """Write what changed in it since it was loaded or saved. Raises `StateError`."""
        changed, dropped = cache.changes()
        statements: list[Statement] = []
        if dropped:
            statements.append(("DELETE FROM files WHERE path = ?", [(rows.encode(path),) for path in dropped]))
        if changed:
            statements.append(("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?)", _ByPath(changed)))
        if statements:
            booted: list[Statement] = [("DELETE FROM boot", [()]), ("INSERT INTO boot VALUES (?)", [(boot_id(),)])]
            self._writing.write([*statements, *booted])
            cache.saved()

    def close(self) -> None:
        """Write what is pending and let go of the files. Raises `StateError`."""
        if self._writer is None:
            return
        try:
            self._fold()
        finally:
            self._writer.close()

    def _record(self, entry: Entry) -> None:
        self._pending.add(entry)
        self._unwritten.append(entry)

    def _fold(self) -> None:
        """Bring what is pending into the database, after which its journal is over."""
        if not self._pending:
            return
        self._writing.write([*self._pending.statements(), ("UPDATE journal SET folded = folded + 1", [()])])
        if self._journal is not None:
            self._journal.end()
        self._journal = None
        self._pending = Pending()
        self._unwritten.clear()

    def _recover(self) -> None:
        """Fold the journal that a writer has left who died, unless it got as far as that itself."""
        try:
            found = journal.read(self._journal_path)
            if found is None:
                journal.remove(self._journal_path)
                return
            key, entries = found
            expected = self._writing.next_key()
            if not os.path.lexists(self._journal_path):
                return  # the database was damaged, and it went with it
            if key.id != expected.id or key.generation > expected.generation:
                raise Damaged("it belongs to another state file")
            if key.generation == expected.generation:
                self._pending = pending.restored(entries)
                self._fold()
            journal.remove(self._journal_path)
        except Damaged as error:
            kept = database.set_aside(self._journal_path, time())
            self.notices.append(
                f"the state file `{self._journal_path}` was damaged ({error}) and is kept as "
                f"`{os.path.basename(kept)}`; what it held counts as never run"
            )

    def _fetch(self, query: str, *values: Any) -> Found:
        """Rows of the database, and what to lay over them."""
        if self._writer is not None:
            return self._writer.fetch(query, values), self._pending
        left = self._left_by_writer  # first, or what is folded meanwhile would be in neither

        def run(connection: sqlite3.Connection) -> Found:
            connection.execute("BEGIN")
            is_ahead = left is not None and left[0] == next_key(connection)
            return fetched(connection, query, values), left[1] if left is not None and is_ahead else Pending()

        nothing: Found = ([], Pending())
        try:
            return database.Reader(self.path).read(run, nothing)
        except sqlite3.Error as error:
            if not database.is_damage(error):
                raise database.explained(self.path, error) from error
            self._note(f"the state file `{self.path}` is damaged ({error}); everything counts as never run")
            return nothing

    @cached_property
    def _left_by_writer(self) -> tuple[Key, Pending] | None:
        """For a reader: the journal of a run that goes on, or died, as it was when first needed."""
        path = self._journal_path
        try:
            found = journal.read(path)
            return None if found is None else (found[0], pending.restored(found[1]))
        except Damaged as error:
            self._note(f"the state file `{path}` is damaged ({error}); what it holds counts as never run")
            return None

    def _note(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)

    @property
    def _writing(self) -> Writer:
        if self._writer is None:
            raise StateError(f"the state file `{self.path}` is open for reading only")
        return self._writer


class _ByPath:
    """Rows with their paths in front, each made when it is its turn, and again if they are gone through again.

    Sorted, nearly as the table is: each is then put beside the one before.
    """

    def __init__(self, known: Mapping[str, Values]) -> None:
        self._known = known

    def __iter__(self) -> Iterator[Values]:
        return ((rows.encode(path), *self._known[path]) for path in sorted(self._known))


def _hide(view: Lazy[Any] | None, task: str) -> None:
    """Let a live view, if anybody has one, not tell of a task any more."""
    if view is not None and task in view:
        del view[task]


def _doubted(known: dict[str, Values]) -> dict[str, Values]:
    """The rows of the stat cache after a restart: the latest no longer trusted.

    At a power cut a file may lose bytes that were only in memory, and yet keep its size and times. The kernel writes
    out what is older than half a minute, so what was hashed long before the last sign of life was on disk by then.
    """
    if not all(isinstance(row[5], int) for row in known.values()):
        return {}
    limit = max((row[5] for row in known.values()), default=0) - WRITTEN_OUT_NS
    return {path: row if row[5] < limit else (*row[:5], 0, row[6]) for path, row in known.items()}


def _laid_over(known: dict[str, Values], changes: Mapping[bytes, Values | None]) -> dict[str, Values]:
    """The rows with those of `changes` in their place, and without those that are gone."""
    for name, row in changes.items():
        if row is None:
            known.pop(rows.decode(name), None)
        else:
            known[rows.decode(name)] = row[1:]
    return known
