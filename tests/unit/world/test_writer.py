"""The connection of the one who writes: all or nothing, and sentences for what goes wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flowmake.core.errors import StateError
from flowmake.world.writer import Writer

PUT = "INSERT INTO made (path, digest) VALUES (?, ?)"


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    notices: list[str] = []
    writer = Writer(str(tmp_path / "state.db"), notices)
    writer.write([(PUT, [(b"a", "1")])])
    with pytest.raises(StateError) as caught:
        writer.write([(PUT, [(b"b", "1")]), (PUT, [(b"a", "2")])])
    assert (
        caught.value.message == f"cannot use the state file `{tmp_path}/state.db`: UNIQUE constraint failed: made.path"
    )
    assert writer.fetch("SELECT path, digest FROM made") == [(b"a", "1")]
    writer.close()
    assert notices == []


@pytest.mark.parametrize("spoilt", ["DELETE FROM journal", "UPDATE journal SET folded = 'x'", "DROP TABLE journal"])
def test_a_database_that_does_not_know_its_journal_is_set_aside(tmp_path: Path, spoilt: str) -> None:
    path, notices = str(tmp_path / "state.db"), list[str]()
    Writer(path, notices).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(spoilt)
        connection.commit()
    writer = Writer(path, notices)
    assert writer.next_key().generation == 1
    writer.close()
    (notice,) = notices
    assert notice.startswith(f"the state file `{path}` was damaged (")


def test_each_database_has_a_journal_of_its_own(tmp_path: Path) -> None:
    one, two = (Writer(str(tmp_path / name), []) for name in ("one.db", "two.db"))
    assert one.next_key() != two.next_key()
    one.close()
    two.close()
