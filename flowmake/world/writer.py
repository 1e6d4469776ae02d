"""The database of the one who writes: errors become sentences, a damaged file makes room for a fresh one.

Unaware of what the statements mean.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from time import time
from typing import Any, TypeVar

from flowmake.world import database
from flowmake.world.journal import Key
from flowmake.world.rows import Values

Result = TypeVar("Result")
Statement = tuple[str, Iterable[Values]]
"""SQL, and the values that it is done with one after the other; they may be gone through more than once."""


class Writer:
    """An open connection to the database `path`, which is created if missing. All methods raise `StateError`.

    What was set aside as damaged is told in `notices`.
    """

    def __init__(self, path: str, notices: list[str]) -> None:
        self._path = path
        self._notices = notices
        self._connection: sqlite3.Connection | None = None
        self._explaining(self.open)

    def open(self) -> sqlite3.Connection:
        """The connection, made again if there is none any more. Raises what SQLite raises."""
        if self._connection is None:
            self._connection = database.open_for_writing(self._path)
        return self._connection

    def fetch(self, query: str, values: Sequence[Any] = ()) -> list[Values]:
        """All rows."""
        return self._explaining(lambda: fetched(self.open(), query, values))

    def write(self, statements: Iterable[Statement]) -> None:
        """All of it in one transaction, or nothing."""
        self._explaining(lambda: _transact(self.open(), statements))

    def next_key(self) -> Key:
        """Of the journal that comes after what the database holds."""
        return self._explaining(lambda: next_key(self.open()))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

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
            raise database.explained(self._path, error, writing=True) from error
        except MemoryError as error:
            raise database.out_of_memory(self._path) from error

    def _set_aside(self, error: sqlite3.Error) -> None:
        self.close()
        kept = database.set_aside(self._path, time())
        self._notices.append(
            f"the state file `{self._path}` was damaged ({error}) and is kept as `{os.path.basename(kept)}`; "
            "everything counts as never run"
        )


def fetched(connection: sqlite3.Connection, query: str, values: Sequence[Any]) -> list[Values]:
    """All rows. Raises what SQLite raises."""
    try:
        return connection.execute(query, values).fetchall()
    except UnicodeDecodeError as error:  # a text of ours is UTF-8, and so is what SQLite says of its own
        raise database.not_ours() from error


def next_key(connection: sqlite3.Connection) -> Key:
    """Of the journal that comes after what a database holds. Raises what SQLite raises."""
    row = connection.execute("SELECT id, folded FROM journal").fetchone()
    if row is None or not isinstance(row[0], str) or not isinstance(row[1], int):
        raise database.not_ours()
    return Key(row[0], row[1] + 1)


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
