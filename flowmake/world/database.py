"""Opening the SQLite file of the state: schema, reading without writing, damage. Unaware of what is stored in it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from time import gmtime, strftime
from typing import TypeVar

from flowmake.core.errors import StateError
from flowmake.world.journal import NO_ROOM

Result = TypeVar("Result")

# Either is bound as a blob. For bytes as they are, though, the module looks for an adapter in three places each time,
# which takes longer than all else that it does for a value.
sqlite3.register_adapter(bytes, memoryview)

MIGRATIONS: dict[int, str] = {
    0: """
        CREATE TABLE traces (
            task BLOB PRIMARY KEY, recipe BLOB, env BLOB, inputs BLOB, outputs BLOB,
            finished REAL, seconds REAL, run TEXT, discovered BLOB, identity TEXT);
        CREATE TABLE attempts (
            task BLOB PRIMARY KEY, status TEXT, run TEXT, started REAL, seconds REAL,
            exit_code INTEGER, signal INTEGER, found_before BLOB);
        CREATE TABLE runs (
            number INTEGER PRIMARY KEY, id TEXT UNIQUE, started REAL, finished REAL, status TEXT,
            exit_code INTEGER, jobs INTEGER, counts TEXT, more TEXT, size INTEGER);
        CREATE TABLE records (
            number INTEGER PRIMARY KEY, run TEXT, task BLOB, status TEXT, attempt INTEGER, started REAL, seconds REAL,
            exit_code INTEGER, signal INTEGER, log BLOB, reasons TEXT, host TEXT);
        CREATE INDEX records_by_run ON records (run);
        CREATE INDEX records_by_task ON records (task);
        CREATE TABLE files (
            path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, mode INTEGER,
            hashed_at_ns INTEGER, digest TEXT) WITHOUT ROWID;
        CREATE TABLE boot (id TEXT);
        CREATE TABLE journal (id TEXT, folded INTEGER);
        INSERT INTO journal VALUES (lower(hex(randomblob(8))), 0);
        CREATE TABLE made (path BLOB PRIMARY KEY, digest TEXT, named INTEGER DEFAULT 0) WITHOUT ROWID;
    """,
}
"""What leads from each version of the schema to the next."""

VERSION = len(MIGRATIONS)

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_FOREIGN = "it was not made by flowmake"
_NOT_OURS = ("no such table", "no such column", _FOREIGN)
_IN_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_BUSY: "another program has locked it",
    sqlite3.SQLITE_IOERR: "input or output failed",
}
_TRIES = 5
_SOME_ROOM = 1 << 16
"""Bytes: more than SQLite lets any of its files grow by at once."""


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is no sound database of ours, rather than the machine at fault."""
    return _code(error) in _DAMAGE or (_code(error) == sqlite3.SQLITE_ERROR and any(t in str(error) for t in _NOT_OURS))


def not_ours() -> sqlite3.Error:
    """The error for a file that is a database, but holds what flowmake never writes."""
    return sqlite3.DatabaseError(_FOREIGN)


def explained(path: str, error: sqlite3.Error, *, writing: bool = False) -> StateError:
    """The error as a sentence; `writing` allows for trying whether more could be written."""
    code = _code(error)
    reason = _unopened(path) if code == sqlite3.SQLITE_CANTOPEN else _IN_WORDS.get(code, str(error))
    if writing and code == sqlite3.SQLITE_IOERR and _has_no_room(path):
        reason = _IN_WORDS[sqlite3.SQLITE_FULL]
    return StateError(f"cannot use the state file `{path}`: {reason}")


def out_of_memory(path: str) -> StateError:
    """For what SQLite says of a machine that has too little, and of a file whose damage makes it ask for gigabytes."""
    return StateError(
        f"cannot use the state file `{path}`: there is not enough memory, or it is damaged",
        "if there is enough, move the file away; what it holds counts as never run then",
    )


def _has_no_room(path: str) -> bool:
    """Whether the disk is full, or a quota is: SQLite tells so of some files, and of others that something failed."""
    probe = path + ".room"
    try:
        with open(probe, "wb", buffering=0) as file:
            file.write(bytes(_SOME_ROOM))
            os.fsync(file.fileno())  # some file systems find out that late
            return file.tell() < _SOME_ROOM
    except OSError as failed:
        return failed.errno in NO_ROOM
    finally:
        with suppress(OSError):
            os.unlink(probe)


def _unopened(path: str) -> str:
    """Why a file cannot be opened, which SQLite does not tell."""
    if not os.path.lexists(path):
        return "it cannot be created"
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return f"it cannot be opened ({error.strerror or error})"
    return "it cannot be opened"


def open_for_writing(path: str) -> sqlite3.Connection:
    """Create or open, at the current version. Raises `sqlite3.Error`, or `StateError` if it is of a newer version."""
    _create(path)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        version = _version(connection, path)
        if version == 0:
            _expect_empty(connection)
            # A new file holds nothing to lose yet, and to wait for the disk here would be felt.
            connection.execute("PRAGMA synchronous=OFF")
        # Not all file systems can do this; then the slower journal serves as well.
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
        _migrate(connection, version)
        # The journal is removed once what it holds is in here, so that has to be on the disk.
        connection.execute("PRAGMA synchronous=FULL")
    except UnicodeDecodeError as error:
        connection.close()
        raise not_ours() from error
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: str) -> None:
    """Make the file if there is none, for all whom the umask lets: SQLite on its own lets only the owner write."""
    with suppress(OSError):  # SQLite comes to the same end, and its error is the one that is explained
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))


def _version(connection: sqlite3.Connection, path: str) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StateError(
            f"the state file `{path}` was written by a newer flowmake (version {version}; this one knows {VERSION})",
            "upgrade flowmake, or remove the file to begin afresh",
        )
    if version < 0:
        raise sqlite3.DatabaseError(_FOREIGN)
    return version


def _expect_empty(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchone():
        raise sqlite3.DatabaseError(_FOREIGN)


def _migrate(connection: sqlite3.Connection, found: int) -> None:
    for version in range(found, VERSION):
        connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[version]}; PRAGMA user_version={version + 1}; COMMIT")


def journal_path(path: str) -> str:
    """Where the journal is that runs ahead of a database."""
    return path.removesuffix(".db") + ".journal"


def set_aside(path: str, now: float) -> str:
    """Move a damaged file of the state out of the way, with what belongs to it; its new path."""
    kept = base = f"{path}.damaged-{strftime('%Y%m%dT%H%M%SZ', gmtime(now))}"
    number = 1
    while os.path.lexists(kept):
        number += 1
        kept = f"{base}-{number}"
    try:
        os.rename(path, kept)
        for suffix in ("-wal", "-journal"):
            if os.path.lexists(path + suffix):
                os.rename(path + suffix, kept + suffix)
        if os.path.lexists(path + "-shm"):
            os.unlink(path + "-shm")
        if path != journal_path(path) and os.path.lexists(journal_path(path)):
            os.rename(journal_path(path), kept + ".journal")
    except OSError as error:
        raise StateError(f"cannot set the damaged state file `{path}` aside: {error.strerror or error}") from error
    return kept


class Reader:
    """Reads a database that another process may be writing, without creating or changing anything beside it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self, query: Callable[[sqlite3.Connection], Result], default: Result) -> Result:
        """What `query` gives on a consistent state; `default` if there is no database.

        Raises `sqlite3.Error`, or `StateError` where memory does not suffice.
        """
        for left in reversed(range(_TRIES)):
            before = _state(self._path)
            if before is None or before[0] == 0:
                return default
            try:
                return self._try(query, before, last=left == 0)
            except _Changed:
                continue
            except MemoryError as error:
                raise out_of_memory(self._path) from error
        raise AssertionError("the last try does not ask for another")

    def _try(self, query: Callable[[sqlite3.Connection], Result], before: tuple[int, int], last: bool) -> Result:
        if last or not self._has_log():
            try:
                result = self._on(f"{_uri(self._path)}?mode=ro&immutable=1", query)
            except sqlite3.Error:
                if last or _state(self._path) == before:
                    raise
                raise _Changed from None
            # Nothing locks out a writer here, so one may have moved pages under the query.
            if not last and _state(self._path) != before:
                raise _Changed
            return result
        if os.path.exists(self._path + "-shm"):
            try:
                return self._on(f"{_uri(self._path)}?mode=ro", query)
            except sqlite3.OperationalError as error:
                if is_damage(error):
                    raise
        return self._on_copy(query, before)

    def _has_log(self) -> bool:
        """Whether part of the state is still outside the main file."""
        return any((_state(self._path + suffix) or (0, 0))[0] for suffix in ("-wal", "-journal"))

    def _on(self, uri: str, query: Callable[[sqlite3.Connection], Result]) -> Result:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            version = _version(connection, self._path)
            if version == VERSION:
                return query(connection)
        finally:
            connection.close()
        return self._on_copy(query, _state(self._path))

    def _on_copy(self, query: Callable[[sqlite3.Connection], Result], before: tuple[int, int] | None) -> Result:
        """For what needs writing to be read at all: a log without its index, an older schema."""
        import shutil
        import tempfile

        with tempfile.TemporaryDirectory(prefix="flowmake-") as folder:
            copy = os.path.join(folder, "state.db")
            try:
                for suffix in ("", "-wal", "-journal"):
                    if os.path.exists(self._path + suffix):
                        shutil.copyfile(self._path + suffix, copy + suffix)
            except OSError as error:
                raise StateError(f"cannot read the state file `{self._path}`: {error.strerror or error}") from error
            if _state(self._path) != before:
                raise _Changed
            connection = open_for_writing(copy)
            try:
                return query(connection)
            finally:
                connection.close()


def _uri(path: str) -> str:
    from urllib.parse import quote  # who writes needs none, and it takes long to load

    return f"file:{quote(os.fsencode(path))}"


class _Changed(Exception):
    """The database was written to while it was read."""


def _state(path: str) -> tuple[int, int] | None:
    """Size and mtime_ns of a file, None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
