"""What every `Store` promises, on the fake and on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from flowmake.core.model import Attempt, RunRecord, TaskRecord, Trace
from flowmake.core.ports import Store
from flowmake.world.store import SqliteStore
from tests.fakes import FakeStore

ODD = "d\udce9j\u00e0 vu\n\u2713"
"""A name of bytes that are not UTF-8, with a line break and more."""


class OnDisk:
    """A store in a file, and what a later process finds there."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "state.db")
        self.store: Store = SqliteStore(self._path)

    def crashed(self) -> Store:
        return SqliteStore(self._path, read_only=True)


class InMemory:
    """The fake, likewise."""

    def __init__(self, folder: Path) -> None:
        self._fake = FakeStore()
        self.store: Store = self._fake

    def crashed(self) -> Store:
        return self._fake.crashed()


World = OnDisk | InMemory


@pytest.fixture(params=[OnDisk, InMemory], ids=["sqlite", "fake"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    make: Callable[[Path], World] = request.param
    made = make(tmp_path)
    yield made
    made.store.close()


def trace(task: str = "t", recipe: str = "make it", run: str = "r1") -> Trace:
    return Trace(
        task, recipe, {"A": "1"}, {"in": "d1", ODD: "d2"}, {"out": "d3"}, 5.0, 0.5, run, (ODD, "dep.h"), "stamp:x"
    )


def record(task: str = "t", run: str = "r1", status: str = "succeeded") -> TaskRecord:
    reasons = ({"kind": "input_changed", "path": ODD, "old": "1", "new": "2"},)
    return TaskRecord(run, task, status, 2, 4.5, 0.5, 0, None, f"runs/{ODD}.log", reasons)


def attempt(task: str = "t", status: str = "succeeded", run: str = "r1") -> Attempt:
    exit_code = None if status == "running" else 0
    return Attempt(task, status, run, 4.5, 0.5, exit_code, foreign=("parts/mine", ODD))  # type: ignore[arg-type]


def run(id: str = "r1", started: float = 1.0, status: str = "running") -> RunRecord:
    return RunRecord(
        id, started, 9.0, status, 0, ("all", ODD), ("flowmake", "run"), 4, "me", "here", "abc", {"succeeded": 2}
    )


def test_a_store_begins_empty(world: World) -> None:
    store = world.store
    assert dict(store.traces()) == {}
    assert dict(store.attempts()) == {}
    assert store.runs() == []
    assert store.tasks_of("r1") == []
    assert store.records_of("t") == []
    assert dict(world.crashed().traces()) == {}


@pytest.mark.parametrize("look_first", [False, True], ids=["before", "after"])
def test_what_is_recorded_is_seen_at_once_and_by_the_next_process(world: World, look_first: bool) -> None:
    store = world.store
    if look_first:
        assert "t" not in store.traces()
        assert "t" not in store.attempts()
    store.begin_run(run())
    store.end_task(attempt(), record(), trace())
    assert dict(store.traces()) == {"t": trace()}
    assert dict(store.attempts()) == {"t": attempt()}
    store.end_run(run(status="succeeded"))
    store.flush()
    for seen in (store, world.crashed()):
        assert dict(seen.traces()) == {"t": trace()}
        assert dict(seen.attempts()) == {"t": attempt()}
        assert seen.runs() == [run(status="succeeded")]
        assert seen.tasks_of("r1") == [record()]
        assert seen.records_of("t") == [record()]


def test_what_was_discovered_is_that_of_the_trace(world: World) -> None:
    assert world.store.discovered("t") == ()
    world.store.end_task(attempt(), record(), trace())
    world.store.accept(replace(trace("u"), discovered=()))
    world.store.flush()
    for seen in (world.store, world.crashed()):
        assert (seen.discovered("t"), seen.discovered("u"), seen.discovered("v")) == ((ODD, "dep.h"), (), ())
    world.store.forget_task("t")
    assert world.store.discovered("t") == ()


def test_views_are_live(world: World) -> None:
    traces, attempts = world.store.traces(), world.store.attempts()
    world.store.end_task(attempt(), record(), trace())
    assert (traces["t"], attempts["t"]) == (trace(), attempt())
    assert (traces.get("u"), len(traces), list(traces)) == (None, 1, ["t"])


def test_what_was_not_flushed_dies_with_the_process(world: World) -> None:
    world.store.begin_task(attempt(status="running"))
    world.store.flush()
    world.store.end_task(attempt(), record(), trace())
    found = world.crashed()
    assert dict(found.attempts()) == {"t": attempt(status="running")}
    assert dict(found.traces()) == {}


def test_a_failure_leaves_the_trace_of_the_last_success(world: World) -> None:
    world.store.end_task(attempt(), record(), trace())
    world.store.flush()
    world.store.begin_task(attempt(status="running", run="r2"))
    world.store.end_task(attempt(status="failed", run="r2"), record(run="r2", status="failed"), None)
    world.store.flush()
    found = world.crashed()
    assert dict(found.traces()) == {"t": trace()}
    assert found.attempts()["t"].status == "failed"


def test_a_later_trace_replaces_the_earlier(world: World) -> None:
    world.store.accept(trace())
    world.store.flush()
    world.store.accept(trace(recipe="other"))
    world.store.flush()
    assert dict(world.crashed().traces()) == {"t": trace(recipe="other")}


def test_accepting_makes_up_for_a_failure(world: World) -> None:
    world.store.end_task(attempt(status="failed"), record(status="failed"), None)
    world.store.flush()
    world.store.accept(trace())
    world.store.flush()
    for seen in (world.store, world.crashed()):
        assert dict(seen.attempts()) == {}
        assert dict(seen.traces()) == {"t": trace()}


@pytest.mark.parametrize("flushed", [False, True], ids=["at once", "after a flush"])
def test_forgetting_a_task(world: World, flushed: bool) -> None:
    for task in (ODD, "u"):
        world.store.end_task(attempt(task), record(task), trace(task))
    if flushed:
        world.store.flush()
    world.store.forget_task(ODD)
    world.store.forget_task("never heard of")
    world.store.flush()
    for seen in (world.store, world.crashed()):
        assert list(seen.traces()) == ["u"]
        assert list(seen.attempts()) == ["u"]
        assert seen.records_of(ODD) == [record(ODD)]


def test_history_is_latest_first(world: World) -> None:
    for number, id in enumerate(["r1", "r2", "r3"]):
        world.store.begin_run(run(id, started=number))
        for task in ("t", "u"):
            world.store.end_task(attempt(task, run=id), record(task, id), None)
        world.store.flush()
    world.store.end_run(run("r1", started=0.0, status="succeeded"))
    world.store.flush()
    for seen in (world.store, world.crashed()):
        assert [one.id for one in seen.runs()] == ["r3", "r2", "r1"]
        assert [one.id for one in seen.runs(limit=2)] == ["r3", "r2"]
        assert seen.runs()[-1].status == "succeeded"
        assert [one.task for one in seen.tasks_of("r2")] == ["t", "u"]
        assert [one.run for one in seen.records_of("u")] == ["r3", "r2", "r1"]
        assert [one.run for one in seen.records_of("u", limit=1)] == ["r3"]


def test_closing_keeps_what_is_pending(world: World) -> None:
    world.store.accept(trace(ODD))
    world.store.close()
    assert dict(world.crashed().traces()) == {ODD: trace(ODD)}


@pytest.mark.parametrize("table", [{}, {"": ""}, {"a": ""}, {"a\nb": "x", "b": "y"}, {ODD: ODD}])
def test_any_table_of_paths_survives(world: World, table: dict[str, str]) -> None:
    kept = Trace("t", "", table, table, table, 0.0, 0.0, "")
    world.store.accept(kept)
    world.store.flush()
    assert dict(world.crashed().traces()) == {"t": kept}
    assert list(world.crashed().traces()["t"].inputs) == list(table)


def test_what_was_made_is_known_after_its_task_is_forgotten(world: World) -> None:
    world.store.end_task(attempt(), record(), trace())
    world.store.accept(trace("by hand"))
    world.store.end_task(attempt("u"), record("u"), Trace("u", "", {}, {}, {ODD: "d", "x": "d"}, 1.0, 1.0, "r1"))
    world.store.end_task(attempt("v", "failed"), record("v", status="failed"), None)
    world.store.forget_task("u")
    world.store.flush()
    for seen in (world.store, world.crashed()):
        assert seen.made() == {**trace().outputs, ODD: "d", "x": "d"}
        assert seen.made_beside(trace().outputs) == {ODD, "x"}
        assert seen.made_beside(seen.made()) == set()
        assert seen.named_orphans() == set()
    world.store.unmake(["x", "never made"])
    world.store.flush()
    assert world.crashed().made() == {**trace().outputs, ODD: "d"}
    assert world.crashed().made_beside(()) == {*trace().outputs, ODD}


def test_orphans_are_named_until_others_are(world: World) -> None:
    world.store.end_task(attempt(), record(), Trace("t", "", {}, {}, {"a": "d", "b": "d"}, 1.0, 1.0, "r1"))
    world.store.name_orphans(["a", "never made"])
    world.store.flush()
    assert world.store.named_orphans() == world.crashed().named_orphans() == {"a"}
    world.store.end_task(attempt(), record(), Trace("t", "", {}, {}, {"a": "e"}, 2.0, 1.0, "r1"))
    world.store.name_orphans(["b"])
    world.store.flush()
    assert world.store.named_orphans() == world.crashed().named_orphans() == {"b"}
    world.store.name_orphans([])
    world.store.unmake(["b"])
    world.store.flush()
    assert world.crashed().named_orphans() == set()
    assert world.crashed().made() == {"a": "e"}
