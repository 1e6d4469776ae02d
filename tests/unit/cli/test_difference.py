"""What differs between two runs, told from records and events alone."""

from __future__ import annotations

from typing import Any

import pytest

from flowmake.cli.difference import Told, compare, told
from flowmake.core.model import TaskRecord


def record(task: str, status: str = "succeeded", seconds: float = 1.0, reasons: tuple[Any, ...] = ()) -> TaskRecord:
    return TaskRecord("r", task, status, 1, 0.0, seconds, 0 if status == "succeeded" else 1, reasons=reasons)


def started(task: str, command: str = "do") -> dict[str, Any]:
    return {"event": "task_started", "task": task, "attempt": 1, "command": command}


def finished(task: str, status: str = "succeeded", seconds: float = 1.0, **more: Any) -> dict[str, Any]:
    base = {"attempt": 0 if status in ("fresh", "skipped") else 1, "exit_code": 0, "signal": None, "outputs": {}}
    return (
        {"event": "task_finished", "task": task, "status": status, "seconds": seconds, "cut_off": False} | base | more
    )


def changed(path: str, old: str, new: str) -> dict[str, str]:
    return {"kind": "input_changed", "path": path, "old": old, "new": new}


def run(*events: dict[str, Any], reasons: dict[str, tuple[Any, ...]] | None = None) -> Told:
    records = [record(task, reasons=given) for task, given in (reasons or {}).items()]
    return told(records, events, running=False)


def changes(older: Told, newer: Told) -> dict[str, list[str]]:
    return {task.task: list(task.changes) for task in compare(older, newer, [])}


def test_runs_that_went_alike_do_not_differ() -> None:
    one = run(started("a"), finished("a", outputs={"x": "1"}), finished("b", "fresh", 0.0))
    assert changes(one, one) == {}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, finished("a"), ["new"]),
        (finished("a"), None, ["gone"]),
        (finished("a", "fresh", 0.0), finished("a"), ["ran"]),
        (finished("a"), finished("a", "fresh", 0.0), ["did_not_run"]),
        (finished("a"), finished("a", "skipped", 0.0), ["did_not_run"]),
        (finished("a"), finished("a", "failed", exit_code=2), ["broken"]),
        (finished("a"), finished("a", "timed_out"), ["broken"]),
        (finished("a"), finished("a", "interrupted"), ["interrupted"]),
        (finished("a", "failed"), finished("a", "interrupted"), ["interrupted"]),
        (finished("a", "interrupted"), finished("a", "failed"), ["broken"]),
        (finished("a", "failed"), finished("a", "timed_out"), []),
        (finished("a"), started("a"), ["interrupted"]),
        (finished("a", "failed"), finished("a"), ["mended"]),
        (finished("a"), finished("a", seconds=1.5), ["slower"]),
        (finished("a"), finished("a", seconds=0.5), ["faster"]),
        (finished("a"), finished("a", seconds=1.05), []),
        (finished("a", "failed"), finished("a", "failed", seconds=9.0), []),
        (finished("a"), finished("a", cut_off=True), ["cut_off"]),
        (finished("a", outputs={"x": "1"}), finished("a", outputs={"x": "2"}), ["outputs"]),
        (finished("a", outputs={"x": "1"}), finished("a", "fresh", 0.0), ["did_not_run"]),
    ],
)
def test_how_a_task_went(before: Any, after: Any, expected: list[str]) -> None:
    older, newer = (run(*([event] if event else [])) for event in (before, after))
    assert changes(older, newer).get("a", []) == expected


def test_commands_are_compared_as_they_ran() -> None:
    (task,) = compare(run(started("a", "cc -O1"), finished("a")), run(started("a", "cc -O2"), finished("a")), [])
    assert task.changes == ["recipe"]
    assert [(cause.kind, cause.old, cause.new) for cause in task.causes] == [("recipe_changed", "cc -O1", "cc -O2")]


def test_of_what_did_not_run_before_the_reasons_tell() -> None:
    older = run(finished("a", "fresh", 0.0))
    recipe = {"kind": "recipe_changed", "old": "cc -O1", "new": "cc -O2"}
    newer = run(started("a", "cc -O2"), finished("a"), reasons={"a": (recipe, changed("f", "1", "2"))})
    (task,) = compare(older, newer, [])
    assert task.changes == ["ran", "recipe", "inputs"]
    assert [(cause.kind, cause.old, cause.new) for cause in task.causes] == [
        ("recipe_changed", "cc -O1", "cc -O2"),
        ("input_changed", "1", "2"),
    ]


def causes(first: Any, between: list[Any], last: Any, status: str = "succeeded") -> list[tuple[str, str, str, str]]:
    older = told([record("a", status, reasons=first)], [], running=False)
    newer = told([record("a", reasons=last)], [], running=False)
    (task,) = compare(older, newer, [{"a": reasons} for reasons in between]) or [None]
    return [(cause.kind, cause.path, cause.old, cause.new) for cause in task.causes]


def test_changes_in_runs_between_add_up() -> None:
    assert causes((), [(changed("f", "1", "2"),), ()], (changed("f", "2", "3"),)) == [("input_changed", "f", "1", "3")]


def test_a_change_that_was_taken_back_is_none() -> None:
    older, newer = run(reasons={"a": ()}), run(reasons={"a": (changed("f", "2", "1"),)})
    assert list(compare(older, newer, [{"a": (changed("f", "1", "2"),)}])) == []


def test_what_a_failed_run_had_seen_counts_as_its_state() -> None:
    """Reasons compare with the last success: after a failure they name the same change again."""
    seen = (changed("f", "1", "2"),)
    assert causes(seen, [], (changed("f", "1", "3"),), "failed") == [("input_changed", "f", "2", "3")]
    assert causes(seen, [], (), "failed") == [("input_changed", "f", "2", "1")]


def test_inputs_that_came_or_went() -> None:
    added, removed = {"kind": "input_added", "path": "f"}, {"kind": "input_removed", "path": "g"}
    assert [cause[:2] for cause in causes((), [], (added, removed))] == [("input_added", "f"), ("input_removed", "g")]
    older, newer = run(reasons={"a": ()}), run(reasons={"a": ({"kind": "input_removed", "path": "f"},)})
    assert list(compare(older, newer, [{"a": (added,)}])) == []


def test_without_events_the_records_tell_what_ran() -> None:
    older = told([record("a"), record("b")], [], running=False)
    newer = told([record("a", "failed")], [], running=False)
    assert changes(older, newer) == {"a": ["broken"], "b": ["gone"]}


@pytest.mark.parametrize(("running", "status"), [(True, "running"), (False, "interrupted")])
def test_a_task_without_an_end(running: bool, status: str) -> None:
    one = told([], [started("a")], running=running)
    assert one.sides["a"].status == status
