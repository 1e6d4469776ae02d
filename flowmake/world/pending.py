"""What has been recorded and is not in the database yet: as entries for a journal, as rows, as SQL. Opens nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flowmake.core.model import Attempt, RunRecord, TaskRecord, Trace
from flowmake.world import rows
from flowmake.world.journal import Damaged, Entry
from flowmake.world.rows import Values
from flowmake.world.writer import Statement

_PUT_TRACE = "INSERT OR REPLACE INTO traces VALUES (?,?,?,?,?,?,?,?,?,?)"
_PUT_ATTEMPT = "INSERT OR REPLACE INTO attempts VALUES (?,?,?,?,?,?,?,?)"
_PUT_RUN = """
    INSERT INTO runs (id, started, finished, status, exit_code, jobs, counts, more, size) VALUES (?,?,?,?,?,?,?,?,?)
    ON CONFLICT (id) DO UPDATE SET started=excluded.started, finished=excluded.finished, status=excluded.status,
    exit_code=excluded.exit_code, jobs=excluded.jobs, counts=excluded.counts, more=excluded.more, size=excluded.size"""
_PUT_RECORD = """
    INSERT INTO records (run, task, status, attempt, started, seconds, exit_code, signal, log, reasons, host)
    VALUES (?,?,?,?,?,?,?,?,?,?,?)"""
_PUT_MADE = """
    INSERT INTO made (path, digest) VALUES (?,?)
    ON CONFLICT (path) DO UPDATE SET digest=excluded.digest WHERE digest != excluded.digest"""


_COLUMNS: Mapping[str, Sequence[tuple[int, ...]]] = {
    "begin": [(8,)],
    "end": [(8, 11), (8, 11, 10)],
    "run": [(9,)],
    "accept": [(10,)],
    "forget": [(1,)],
}
"""How many values the rows of each kind of entry have."""
_NAME_AT: Mapping[int, int] = {8: 0, 10: 0, 11: 1, 1: 0}
"""Where the name of the task is in a row of so many values."""
_IN_A_TRACE = 10
"""Values in the row of a trace."""
_OUTPUTS_AT = 4
"""Where the outputs are in it."""


def run_entry(run: RunRecord) -> Entry:
    """A run began or ended."""
    return Entry("run", (rows.run_values(run),))


def begin_entry(attempt: Attempt) -> Entry:
    """A task is about to start."""
    return Entry("begin", (rows.attempt_values(rows.encode(attempt.task), attempt),))


def end_entry(attempt: Attempt, record: TaskRecord, trace: Trace | None) -> Entry:
    """A task ended, with a trace if all is well."""
    name = rows.encode(attempt.task)
    told = rows.attempt_values(name, attempt), rows.record_values(name, record)
    return Entry("end", told if trace is None else (*told, rows.trace_values(name, trace)))


def accept_entry(trace: Trace) -> Entry:
    """What is there was declared fresh."""
    return Entry("accept", (rows.trace_values(rows.encode(trace.task), trace),))


def forget_entry(task: str) -> Entry:
    """Nothing is to be known of a task any more."""
    return Entry("forget", ((rows.encode(task),),))


class Pending:
    """Entries, summed up: rows by the task's encoded name (None: to be deleted), runs by id, records in their order."""

    def __init__(self) -> None:
        self.traces: dict[bytes, Values | None] = {}
        self.attempts: dict[bytes, Values | None] = {}
        self.runs: dict[str, Values] = {}
        self.records: list[Values] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def __len__(self) -> int:
        """How many entries."""
        return self._count

    def add(self, entry: Entry) -> None:
        """Take in what happened next."""
        self._count += 1
        row = entry.rows[0]
        match entry.kind:
            case "begin":
                self.attempts[row[0]] = row
            case "end":
                self.attempts[row[0]] = row
                self.records.append(entry.rows[1])
                for trace in entry.rows[2:]:
                    self.traces[trace[0]] = trace
                    self._outputs.append(trace[_OUTPUTS_AT])
            case "run":
                self.runs[row[0]] = row
            case "accept":
                self.traces[row[0]], self.attempts[row[0]] = row, None
            case "forget":
                self.traces[row[0]] = self.attempts[row[0]] = None

    def made(self) -> dict[str, str]:
        """Every output made, with its last digest."""
        return {rows.decode(path): digest for path, digest in self._made().items()}

    def _made(self) -> dict[bytes, str]:
        found: dict[bytes, str] = {}
        for outputs in self._outputs:
            parts = outputs.split(b"\0")
            found |= zip(parts[::2], map(rows.decode, parts[1::2]), strict=False)
        return found

    def laid_over_runs(self, known: Iterable[Values]) -> list[Values]:
        """The rows of runs as they are with what is pending, those that are new in front."""
        left = dict(self.runs)
        found = [left.pop(row[0], row) for row in known]
        return [*reversed(left.values()), *found]

    def statements(self) -> list[Statement]:
        """All of it as SQL with its values."""
        statements: list[Statement] = [
            ("DELETE FROM traces WHERE task = ?", _gone(self.traces)),
            ("DELETE FROM attempts WHERE task = ?", _gone(self.attempts)),
            (_PUT_TRACE, _put(self.traces)),
            (_PUT_ATTEMPT, _put(self.attempts)),
            (_PUT_RUN, list(self.runs.values())),
            (_PUT_RECORD, self.records),
            (_PUT_MADE, list(self._made().items())),
        ]
        return [statement for statement in statements if statement[1]]


def restored(entries: Iterable[Entry]) -> Pending:
    """What a journal tells of. Raises `Damaged`."""
    found = Pending()
    try:
        for entry in entries:
            columns = tuple(map(len, entry.rows))
            if columns not in _COLUMNS[entry.kind] or not _is_sound(entry):
                raise Damaged("it holds an entry of another form")
            found.add(entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(f"it holds an entry of another form: {error}") from error
    return found


def _is_sound(entry: Entry) -> bool:
    named = all(isinstance(row[_NAME_AT[len(row)]], bytes) for row in entry.rows if len(row) in _NAME_AT)
    listed = all(isinstance(row[_OUTPUTS_AT], bytes) for row in entry.rows if len(row) == _IN_A_TRACE)
    return named and listed and all(_is_value(value) for row in entry.rows for value in row)


def _is_value(value: object) -> bool:
    """Whether a database can hold it in a column."""
    return value is None or isinstance(value, float | str | bytes) or (isinstance(value, int) and value < 1 << 63)


def _gone(table: Mapping[bytes, Values | None]) -> list[Values]:
    return [(name,) for name, row in table.items() if row is None]


def _put(table: Mapping[bytes, Values | None]) -> list[Values]:
    return [row for row in table.values() if row is not None]
