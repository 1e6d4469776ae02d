"""The store in its file: damage, versions, reading without writing, pruning, the stat cache."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from flowmake.core.errors import StateError
from flowmake.core.model import Attempt, History, RunRecord, TaskRecord, Trace
from flowmake.world import database
from flowmake.world import store as store_module
from flowmake.world.files import DiskFiles
from flowmake.world.hashing import hash_entry
from flowmake.world.pending import Pending
from flowmake.world.statcache import StatCache
from flowmake.world.store import SqliteStore
from tests.fuzz.mutations import CORPUS
from tests.fuzz.targets import edited, good_state


def trace(task: str, run: str = "r1") -> Trace:
    return Trace(task, "make " * 100, {}, {"in": "1"}, {"out": "2"}, 1.0, 1.0, run)


def filled(path: Path, tasks: Iterable[str]) -> None:
    store = SqliteStore(str(path))
    for task in tasks:
        store.accept(trace(task))
    store.close()


def listing(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


# -- damage ----------------------------------------------------------------------------------------------------


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


def foreign(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE traces (other INTEGER)")
    connection.close()


DAMAGE = pytest.mark.parametrize("damage", [garbage, truncated, overwritten, foreign])


@DAMAGE
def test_a_damaged_file_is_set_aside_and_a_fresh_one_begun(path: Path, damage: object) -> None:
    filled(path, [f"task {number}" for number in range(200)])
    assert callable(damage)
    damage(path)
    damaged = path.read_bytes()
    store = SqliteStore(str(path))
    assert dict(store.traces()) == {}
    assert dict(store.attempts()) == {}
    assert store.runs() == []
    assert len(store.stat_cache()) == 0
    store.accept(trace("new"))
    store.close()
    assert list(SqliteStore(str(path), read_only=True).traces()) == ["new"]
    kept = [file for file in path.parent.iterdir() if ".damaged-" in file.name]
    assert [file.read_bytes() for file in kept] == [damaged]
    assert len(store.notices) == 1
    assert store.notices[0].startswith(f"the state file `{path}` was damaged (")
    assert store.notices[0].endswith(f") and is kept as `{kept[0].name}`; everything counts as never run")


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_makes_sqlite_ask_for_too_much_memory_is_told_and_left(path: Path, read_only: bool) -> None:
    """Nobody can tell that damage from a machine that has too little, and then the file must not be set aside."""
    path.write_bytes(edited(good_state(), (CORPUS / "state" / "asks-for-gigabytes").read_bytes()[1:]))
    before = path.read_bytes()
    with pytest.raises(StateError, match=r"^cannot use the state file .* not enough memory, or it is damaged$") as told:
        SqliteStore(str(path), read_only=read_only).traces()
    assert "move the file away" in told.value.hint
    assert path.read_bytes() == before


@DAMAGE
def test_reading_a_damaged_file_tells_and_changes_nothing(path: Path, damage: object) -> None:
    filled(path, [f"task {number}" for number in range(200)])
    assert callable(damage)
    damage(path)
    before = listing(path.parent)
    store = SqliteStore(str(path), read_only=True)
    assert (dict(store.traces()), dict(store.attempts()), store.runs()) == ({}, {}, [])
    assert all(text.startswith(f"the state file `{path}` is damaged (") for text in store.notices)
    assert store.notices
    store.close()
    assert listing(path.parent) == before


def test_damage_found_while_writing_loses_nothing_of_this_run(path: Path) -> None:
    filled(path, [f"task {number}" for number in range(200)])
    store = SqliteStore(str(path))
    garbage(path)
    store.accept(trace("new"))
    store.close()
    assert list(SqliteStore(str(path), read_only=True).traces()) == ["new"]


def test_two_damages_in_one_second_are_both_kept(path: Path) -> None:
    for _ in range(3):
        garbage(path)
        database.set_aside(str(path), 0.0)
    names = sorted(file.name for file in path.parent.iterdir())
    first = "state.db.damaged-19700101T000000Z"
    assert names == [first, f"{first}-2", f"{first}-3"]


def test_an_empty_file_is_an_empty_store(path: Path) -> None:
    path.touch()
    assert dict(SqliteStore(str(path), read_only=True).traces()) == {}
    store = SqliteStore(str(path))
    assert dict(store.traces()) == {}
    assert store.notices == []
    store.close()


# -- versions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_file_is_left_alone(path: Path, read_only: bool) -> None:
    filled(path, ["t"])
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    before = listing(path.parent)
    with pytest.raises(StateError) as caught:
        SqliteStore(str(path), read_only).traces()
    version = database.VERSION
    assert caught.value.message == (
        f"the state file `{path}` was written by a newer flowmake (version 99; this one knows {version})"
    )
    assert caught.value.hint == "upgrade flowmake, or remove the file to begin afresh"
    assert listing(path.parent) == before


def test_an_older_file_is_brought_up_to_date_and_can_be_read_before(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path, ["t"])
    steps = {**database.MIGRATIONS, database.VERSION: "ALTER TABLE runs ADD COLUMN mood TEXT"}
    monkeypatch.setattr(database, "MIGRATIONS", steps)
    monkeypatch.setattr(database, "VERSION", len(steps))
    before = listing(path.parent)
    assert list(SqliteStore(str(path), read_only=True).traces()) == ["t"]
    assert listing(path.parent) == before
    store = SqliteStore(str(path))
    assert list(store.traces()) == ["t"]
    store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(steps),)
    assert connection.execute("SELECT mood FROM runs").fetchall() == []
    connection.close()


# -- reading ---------------------------------------------------------------------------------------------------


def test_reading_creates_nothing(path: Path) -> None:
    store = SqliteStore(str(path.parent / "none" / "state.db"), read_only=True)
    assert (dict(store.traces()), store.runs(), store.records_of("t")) == ({}, [], [])
    store.close()
    assert list(path.parent.iterdir()) == []
    filled(path, ["t"])
    before = listing(path.parent)
    assert list(before) == ["state.db"]
    store = SqliteStore(str(path), read_only=True)
    assert list(store.traces()) == ["t"]
    store.close()
    assert listing(path.parent) == before


def test_reading_only_means_it(path: Path) -> None:
    filled(path, ["t"])
    store = SqliteStore(str(path), read_only=True)
    store.accept(trace("u"))
    with pytest.raises(StateError) as caught:
        store.flush()
    assert caught.value.message == f"the state file `{path}` is open for reading only"


def test_readers_see_each_flush_of_a_living_writer(path: Path) -> None:
    writer = SqliteStore(str(path))
    for number in range(5):
        writer.accept(trace(f"t{number}"))
        writer.flush()
        before = set(os.listdir(path.parent))
        assert len(SqliteStore(str(path), read_only=True).traces()) == number + 1
        assert set(os.listdir(path.parent)) == before
    writer.close()
    assert os.listdir(path.parent) == ["state.db"]


WRITE = """
import os, signal, sys
from flowmake.core.model import Trace
from flowmake.world.store import SqliteStore
store = SqliteStore(sys.argv[1])
store.accept(Trace("folded", "", {}, {}, {}, 1.0, 1.0, "r1"))
store.unmake([])
store.accept(Trace("t", "", {}, {}, {}, 1.0, 1.0, "r1"))
store.flush()
store.accept(Trace("never flushed", "", {}, {}, {}, 1.0, 1.0, "r1"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_writer(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WRITE, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert {"state.db", "state.db-wal", "state.journal"} <= set(os.listdir(path.parent))


def test_what_a_killed_writer_flushed_is_there(path: Path) -> None:
    killed_writer(path)
    before = set(os.listdir(path.parent))
    assert list(SqliteStore(str(path), read_only=True).traces()) == ["folded", "t"]
    assert set(os.listdir(path.parent)) == before
    store = SqliteStore(str(path))
    assert list(store.traces()) == ["folded", "t"]
    store.close()
    assert store.notices == []
    assert os.listdir(path.parent) == ["state.db"]


def test_a_log_without_its_index_is_read_from_a_copy(path: Path, tmp_path: Path) -> None:
    killed_writer(path)
    other = tmp_path / "other"
    other.mkdir()
    for name in ("state.db", "state.db-wal", "state.journal"):
        shutil.copy(path.with_name(name), other)
    before = listing(other)
    assert list(SqliteStore(str(other / "state.db"), read_only=True).traces()) == ["folded", "t"]
    assert listing(other) == before


def test_a_writer_that_moves_pages_under_a_reader_makes_it_read_again(path: Path) -> None:
    filled(path, ["t"])
    looked = []

    def query(connection: sqlite3.Connection) -> list[tuple[bytes]]:
        looked.append(1)
        found = connection.execute("SELECT task FROM traces").fetchall()
        if len(looked) == 1:
            filled(path, [f"more {number}" for number in range(100)])
        return found

    nothing: list[tuple[bytes]] = []
    assert len(database.Reader(str(path)).read(query, nothing)) == 101
    assert len(looked) == 2


# -- the journal -----------------------------------------------------------------------------------------------


def ended(store: SqliteStore, task: str) -> None:
    """A task has run, and that is flushed."""
    record = TaskRecord("r1", task, "succeeded", 1, 1.0, 1.0)
    store.end_task(Attempt(task, "succeeded", "r1", 1.0), record, trace(task))
    store.flush()


def left_behind(path: Path, tasks: Iterable[str] = ("t",)) -> bytes:
    """The journal of a writer that died after these tasks."""
    writer = SqliteStore(str(path))
    for task in tasks:
        ended(writer, task)
    data = path.with_suffix(".journal").read_bytes()
    os.unlink(path.with_suffix(".journal"))  # keeps it from being folded when the writer goes
    writer._pending = Pending()
    writer.close()
    return data


def test_a_journal_is_folded_once_even_by_one_who_dies_before_removing_it(path: Path) -> None:
    data = left_behind(path)
    for _ in range(2):
        path.with_suffix(".journal").write_bytes(data)
        reader = SqliteStore(str(path), read_only=True)
        assert [record.task for record in reader.tasks_of("r1")] == ["t"]
        store = SqliteStore(str(path))
        assert [record.task for record in store.tasks_of("r1")] == ["t"]
        store.close()
        assert reader.notices == store.notices == []
        assert os.listdir(path.parent) == ["state.db"]


def test_readers_see_everything_once_whenever_it_is_folded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "FOLDED_AT", 3)
    writer = SqliteStore(str(path))
    early = SqliteStore(str(path), read_only=True)
    assert early.tasks_of("r1") == []
    tasks: list[str] = []
    for number in range(10):
        before = SqliteStore(str(path), read_only=True)
        assert list(before.traces()) == tasks
        ended(writer, f"t{number}")
        tasks.append(f"t{number}")
        after = SqliteStore(str(path), read_only=True)
        assert [record.task for record in after.tasks_of("r1")] == tasks
        assert [record.task for record in writer.tasks_of("r1")] == tasks
        assert [record.task for record in before.tasks_of("r1")] in (tasks, tasks[:-1])
        assert path.with_suffix(".journal").exists() == (len(tasks) % 3 != 0)
    writer.close()
    assert [record.task for record in early.tasks_of("r1")] == tasks
    assert os.listdir(path.parent) == ["state.db"]


@pytest.mark.parametrize("state", ["nonsense", "of another"])
def test_a_journal_that_is_not_ours_is_set_aside(path: Path, state: str) -> None:
    left_behind(path)
    problem = "it was not made by flowmake"
    data = b"nonsense"
    if state == "of another":
        other = path.with_name("other.db")
        data, problem = left_behind(other), "it belongs to another state file"
        other.unlink()
    beside = path.with_suffix(".journal")
    beside.write_bytes(data)
    reader = SqliteStore(str(path), read_only=True)
    assert dict(reader.traces()) == {}
    told = f"the state file `{beside}` is damaged ({problem}); what it holds counts as never run"
    assert reader.notices == ([told] if state == "nonsense" else [])
    assert beside.read_bytes() == data
    store = SqliteStore(str(path))
    assert dict(store.traces()) == {}
    store.accept(trace("new"))
    store.flush()
    store.close()
    (kept,) = (file for file in path.parent.iterdir() if ".damaged-" in file.name)
    assert kept.read_bytes() == data
    assert store.notices == [
        f"the state file `{beside}` was damaged ({problem}) and is kept as `{kept.name}`; "
        "what it held counts as never run"
    ]
    assert list(SqliteStore(str(path), read_only=True).traces()) == ["new"]


def test_a_damaged_database_takes_its_journal_along(path: Path) -> None:
    data = left_behind(path)
    path.with_suffix(".journal").write_bytes(data)
    garbage(path)
    store = SqliteStore(str(path))
    assert dict(store.traces()) == {}
    store.close()
    assert len(store.notices) == 1
    assert len([file for file in path.parent.iterdir() if ".damaged-" in file.name]) == 2


@pytest.mark.parametrize("pages", range(1, 14))
def test_so_does_one_that_is_cut_short(path: Path, tmp_path: Path, pages: int) -> None:
    """Some show it when they are opened, and some, with a log of SQLite's own, when the journal is compared."""
    filled(path, ["t"])
    writer = SqliteStore(str(path))
    cache = writer.stat_cache()
    for number in range(1000):
        cache.put(f"f{number}", hash_entry(str(path)))
    writer.save_stat_cache(cache)  # so that the log has the first page of the database
    writer.accept(trace("late"))
    writer.flush()
    cut = tmp_path / "cut" / "state.db"
    shutil.copytree(tmp_path, cut.parent, ignore=shutil.ignore_patterns("cut"))
    writer.close()
    os.truncate(cut, pages * 4096)
    store = SqliteStore(str(cut))
    assert set(store.traces()) in (set(), {"t", "late"})
    store.close()
    assert len(store.notices) == len([file for file in cut.parent.iterdir() if file.suffix.endswith("Z")])


@pytest.mark.parametrize("read_only", [False, True])
def test_a_narrow_view_knows_what_the_journal_says(path: Path, read_only: bool) -> None:
    filled(path, ["kept", "forgotten", "other"])
    writer = SqliteStore(str(path))
    writer.forget_task("forgotten")
    ended(writer, "new")
    store = SqliteStore(str(path), read_only=True) if read_only else writer
    store.narrow(["kept", "forgotten"])
    assert list(store.traces()) == ["kept"]
    assert [store.traces().get(task) is not None for task in ("forgotten", "other", "new")] == [False, True, True]
    assert [store.attempts().get(task) is not None for task in ("forgotten", "other", "new")] == [False, False, True]
    writer.close()


# -- errors of the machine -------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_what_is_pending_can_be_written_later(path: Path) -> None:
    store = SqliteStore(str(path))
    connection = store._writing.open()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    for number in range(100):
        store.accept(trace(f"t{number}"))
    with pytest.raises(StateError) as caught:
        store.unmake([])
    assert caught.value.message == f"cannot use the state file `{path}`: the disk is full"
    assert dict(SqliteStore(str(path), read_only=True).traces()) == {}
    connection.execute("PRAGMA max_page_count=1000000")
    store.close()
    assert len(SqliteStore(str(path), read_only=True).traces()) == 100


@pytest.mark.parametrize(
    ("read_only", "reason"), [(False, "it cannot be opened (Is a directory)"), (True, "input or output failed")]
)
def test_a_folder_in_its_place(path: Path, read_only: bool, reason: str) -> None:
    path.mkdir()
    with pytest.raises(StateError) as caught:
        SqliteStore(str(path), read_only).traces()
    assert caught.value.message == f"cannot use the state file `{path}`: {reason}"


def test_no_folder_to_write_in(path: Path) -> None:
    with pytest.raises(StateError) as caught:
        SqliteStore(str(path / "state.db"))
    assert caught.value.message == f"cannot use the state file `{path}/state.db`: it cannot be created"


@pytest.mark.parametrize("name", ["a b%20?#.db", os.fsdecode(b"d\xe9j\xe0.db"), "é.db"])
def test_any_name_of_the_file(tmp_path: Path, name: str) -> None:
    filled(tmp_path / name, ["t"])
    assert list(SqliteStore(str(tmp_path / name), read_only=True).traces()) == ["t"]
    assert os.listdir(tmp_path) == [name]


# -- history ---------------------------------------------------------------------------------------------------


def test_pruning_keeps_the_latest_runs_and_those_that_made_what_is_there(path: Path) -> None:
    store = SqliteStore(str(path))
    for number in range(6):
        run = f"r{number}"
        store.begin_run(RunRecord(run, float(number)))
        made = trace("old", run) if number == 1 else None
        for task in ("old", "new") if number == 1 else ("new",):
            store.end_task(Attempt(task, "succeeded", run, 1.0), TaskRecord(run, task, "succeeded", 1, 1.0, 1.0), made)
    beyond = store.runs_beyond(History(runs=2), now=6.0)
    assert beyond == ["r0", "r2", "r3"]
    assert len(store.runs()) == 6
    store.forget_runs(beyond)
    assert [run.id for run in store.runs()] == ["r5", "r4", "r1"]
    assert [record.run for record in store.records_of("new")] == ["r5", "r4", "r1"]
    assert store.tasks_of("r2") == []
    assert store.runs_beyond(History(runs=2), now=6.0) == []
    store.close()


@pytest.mark.parametrize(
    ("keep", "dropped"),
    [
        (History(), []),
        (History(age=2.5), ["r0", "r1", "r2"]),
        (History(age=0.0), ["r0", "r1", "r2", "r3", "r4"]),
        (History(size=600), []),
        (History(size=599), ["r0"]),
        (History(size=250), ["r0", "r1", "r2", "r3"]),
        (History(size=0), ["r0", "r1", "r2", "r3", "r4"]),
        (History(runs=4, age=2.5, size=400), ["r0", "r1", "r2"]),
    ],
)
def test_each_limit_of_the_history_drops_the_oldest_runs(path: Path, keep: History, dropped: list[str]) -> None:
    """All took a hundred bytes, and the latest stays in any case."""
    store = SqliteStore(str(path))
    for number in range(6):
        store.end_run(RunRecord(f"r{number}", float(number), size=100))
    assert store.runs_beyond(keep, now=5.0) == dropped
    store.forget_runs(dropped)
    assert [run.id for run in reversed(store.runs())] == [f"r{n}" for n in range(len(dropped), 6)]
    store.close()


@pytest.mark.parametrize("digest", [7, b"d", None])
def test_an_output_without_a_digest_was_not_made(path: Path, digest: object) -> None:
    """Whoever asks what was made beside what is declared asks for its digest next."""
    with closing(SqliteStore(str(path))) as store:
        ended = Attempt("t", "succeeded", "r1", 1.0, 1.0), TaskRecord("r1", "t", "succeeded", 1, 1.0, 1.0)
        store.end_task(*ended, trace("t"))
    with closing(SqliteStore(str(path), read_only=True)) as store:
        assert store.made_beside(()) == store.made().keys() == {"out"}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE loose (path, digest, named)")
        connection.execute("INSERT INTO loose SELECT path, ?, named FROM made", (digest,))
        connection.execute("DROP TABLE made")
        connection.execute("ALTER TABLE loose RENAME TO made")
    with closing(SqliteStore(str(path), read_only=True)) as store:
        assert store.made_beside(()) == store.made().keys() == set()


def test_a_damaged_record_of_the_history_is_told(path: Path) -> None:
    store = SqliteStore(str(path))
    store.begin_run(RunRecord("r1", 1.0))
    store.unmake([])
    store._writing.open().execute("UPDATE runs SET more = '{'")
    with pytest.raises(StateError, match=r"^a run in the state file is damaged: Expecting property name"):
        store.runs()
    store.close()


# -- the stat cache --------------------------------------------------------------------------------------------


def test_the_stat_cache_survives_with_any_name_and_number(path: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"d\xe9j\xe0 \n")
    (tmp_path / name).write_bytes(b"x")
    os.utime(tmp_path / name, ns=(0, -1))
    files = DiskFiles(str(tmp_path))
    digest = files.digest(name)
    while files.cache.untrusted:  # it is too early as long as the clock's tick goes on
        files.settle()
    store = SqliteStore(str(path))
    store.save_stat_cache(files.cache)
    assert files.cache.changes() == ({}, set())
    store.close()
    cache = SqliteStore(str(path), read_only=True).stat_cache()
    assert cache.paths() == [name]
    assert cache.get(name, os.stat(tmp_path / name)) == digest


def test_dropped_rows_go_from_the_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    cache = StatCache()
    cache.put("f", hash_entry(str(tmp_path / "f")))
    cache.put("g", hash_entry(str(tmp_path / "f")))
    store = SqliteStore(str(path))
    store.save_stat_cache(cache)
    cache.drop("f")
    cache.drop("never known")
    store.save_stat_cache(cache)
    assert store.stat_cache().paths() == ["g"]
    store.save_stat_cache(cache)
    store.close()


@pytest.mark.parametrize(("boot", "trusted"), [("this", ["early", "late"]), ("next", ["early"]), ("", ["early"])])
def test_what_a_power_cut_may_have_spoilt_is_read_again(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boot: str, trusted: list[str]
) -> None:
    (tmp_path / "f").write_bytes(b"x")
    os.utime(tmp_path / "f", ns=(0, 1))
    hashed = hash_entry(str(tmp_path / "f"))
    cache = StatCache()
    cache.put("early", replace(hashed, started_ns=hashed.started_ns + 10_000_000_000))
    cache.put("late", replace(hashed, started_ns=hashed.started_ns + 200_000_000_000))
    monkeypatch.setattr(store_module, "boot_id", lambda: "this")
    store = SqliteStore(str(path))
    store.save_stat_cache(cache)
    store.close()
    monkeypatch.setattr(store_module, "boot_id", lambda: boot)
    found = SqliteStore(str(path), read_only=True).stat_cache()
    assert hashed.stat is not None
    assert [name for name in ("early", "late") if found.get(name, hashed.stat)] == trusted


@pytest.mark.parametrize(("table", "column"), [("traces", "identity"), ("attempts", "found_before")])
def test_a_table_without_one_of_its_columns_counts_as_damaged(tmp_path: Path, table: str, column: str) -> None:
    path = str(tmp_path / "state.db")
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.commit()
    reader = SqliteStore(path, read_only=True)
    assert (dict(reader.traces()), dict(reader.attempts())) == ({}, {})
    assert "is damaged" in reader.notices[0]
    writer = SqliteStore(path)
    assert (dict(writer.traces()), dict(writer.attempts())) == ({}, {})
    assert "and is kept as `state.db.damaged-" in writer.notices[0]
    writer.close()


def test_what_was_discovered_is_told_without_the_rest_of_a_trace(path: Path) -> None:
    filled(path, ["t", "u"])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE traces SET discovered = CAST('a.h' AS BLOB), inputs = 5 WHERE task = CAST('t' AS BLOB)"
        )
        connection.execute("UPDATE traces SET discovered = 5 WHERE task = CAST('u' AS BLOB)")
    store = SqliteStore(str(path), read_only=True)
    assert store.discovered("t") == ("a.h",)
    with pytest.raises(StateError, match=r"^the record of `t` in the state file is damaged: "):
        store.traces()["t"]
    with pytest.raises(StateError, match=r"^the record of `u` in the state file is damaged: "):
        store.discovered("u")
    store.close()
