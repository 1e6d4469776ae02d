"""Where files came from, told from traces alone."""

from __future__ import annotations

from typing import Any

import pytest

from flowmake.cli.ancestry import ancestry
from flowmake.core.model import RunRecord, Trace


def trace(task: str, inputs: dict[str, str], outputs: dict[str, str]) -> Trace:
    return Trace(task, f"make {task}", {}, inputs, outputs, 1_000_000_000.0, 1.5, "r1")


TRACES = {
    t.task: t
    for t in (
        trace("fetch", {}, {"raw/": "tree:1"}),
        trace("clean", {"raw/a.csv": "a1", "clean.py": "c1"}, {"clean.csv": "d1"}),
        trace(
            "report",
            {"clean.csv": "d1", "clean.py": "c1", "big.bam": "stat:9"},
            {"report.html": "e1", "log/": "tree:2"},
        ),
    )
}
RUNS = {"r1": RunRecord("r1", 999_999_999.0, user="ada", host="engine", commit="c0ffee")}
NOW = {
    "report.html": "e1",
    "clean.csv": "d2",
    "clean.py": "c1",
    "raw/a.csv": "a1",
    "raw/": "tree:1",
    ("big.bam", "stat"): "stat:9",
}


def found(path: str) -> list[Any]:
    def digest_now(path: str, check: str) -> str:
        return NOW.get((path, check) if check != "content" else path, "")

    return list(ancestry(path, TRACES, RUNS, digest_now))


def test_nearest_first_and_each_once() -> None:
    assert [origin.path for origin in found("report.html")] == [
        "report.html",
        "clean.csv",
        "clean.py",
        "big.bam",
        "raw/a.csv",
    ]


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("report.html", "report"),
        ("raw/a.csv", "fetch"),
        ("raw/deep/er.csv", "fetch"),
        ("raw/", "fetch"),
        ("raw", "fetch"),
        ("clean.py", ""),
        ("rawish/a.csv", ""),
    ],
)
def test_makers_are_found_by_path_and_by_folder(path: str, task: str) -> None:
    assert found(path)[0].task == task


@pytest.mark.parametrize(
    ("path", "edited"),
    [("report.html", False), ("clean.csv", True), ("clean.py", False), ("big.bam", False), ("raw/a.csv", False)],
)
def test_what_was_edited_since(path: str, edited: bool) -> None:
    assert {origin.path: origin.edited for origin in found("report.html")}[path] is edited


def test_run_user_host_and_commit() -> None:
    origin = found("clean.csv")[0]
    assert (origin.command, origin.run, origin.finished, origin.seconds) == (
        "make clean",
        "r1",
        "2001-09-09T01:46:40.000Z",
        1.5,
    )
    assert (origin.user, origin.host, origin.commit) == ("ada", "engine", "c0ffee")
    assert origin.inputs == ["raw/a.csv", "clean.py"]


def test_a_run_that_was_pruned_leaves_them_empty() -> None:
    origin = next(ancestry("clean.csv", TRACES, {}, lambda path, check: "d1"))
    assert (origin.task, origin.user, origin.commit) == ("clean", "", "")


def test_files_that_feed_each_other_end() -> None:
    loop = {
        "a": trace("a", {"y": "2"}, {"x": "1"}),
        "b": trace("b", {"x": "1"}, {"y": "2"}),
    }
    assert [origin.path for origin in ancestry("x", loop, {}, lambda path, check: "")] == ["x", "y"]
