"""State that any released version has written is opened by this one: nothing is lost, and nothing done again."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Result

HERE = Path(__file__).parent
VERSIONS = sorted(path.name for path in HERE.iterdir() if path.name[0].isdigit())
CHANGELOG = HERE.parents[1] / "CHANGELOG.md"
FRESH = ["check", "copy", "each@one", "each@two", "folder", "parts", "read", "stamp", "temp", "traced"]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def place(project: Any, version: str, case: str) -> None:
    """The root as that version left it, moved here, all its files with new times."""
    shutil.copytree(HERE / version / case, project.root, dirs_exist_ok=True, copy_function=shutil.copyfile)
    (project.root / "state").rename(project.root / ".flowmake")


def verdicts(project: Any, *targets: str) -> dict[str, list[str]]:
    """The tasks by their verdicts."""
    found: dict[str, list[str]] = {}
    for task in json.loads(project.run("status", "--json", *targets).stdout)["tasks"]:
        found.setdefault(task["verdict"], []).append(task["task"])
    return {verdict: sorted(tasks) for verdict, tasks in found.items()}


def test_every_released_version_is_there() -> None:
    released = re.findall(r"^## \[(\d[^\]]*)\]", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    assert VERSIONS
    assert set(released) <= set(VERSIONS), "python -m tests.upgrades keeps the state that this version writes"


def test_what_was_fresh_is_fresh(project: Any, version: str) -> None:
    place(project, version, "built")
    assert verdicts(project) == {"fresh": FRESH}
    assert project.run("run").stderr == "nothing to do: all 10 tasks are fresh\n"
    project.write("in", "changed\n")
    assert project.run("run", "-q").code == 0
    assert project.read("out/each-two") == "two\nchanged\n"


def test_what_was_recorded_can_be_looked_at(project: Any, version: str) -> None:
    place(project, version, "built")
    assert "the last run failed" in project.run("why", "fails").stdout
    assert project.run("log", "fails").stdout == "so it goes\n"
    assert project.run("log", "copy").stdout == "hello\n"
    runs = json.loads(project.run("history", "--json").stdout)["runs"]
    assert [(run["status"], run["counts"]) for run in runs] == [
        ("succeeded", {"succeeded": 10}),
        ("failed", {"failed": 1}),
    ]
    assert "in" in project.run("lineage", "folder/1.txt").stdout
    assert project.run("report", "-o", "report.html").code == 0
    assert project.run("clean").code == 0
    assert not project.exists("out/copy")


def test_what_was_interrupted_is_done_again(project: Any, version: str) -> None:
    """That version was killed, and this one comes upon what it left."""
    place(project, version, "killed")
    for _ in range(2):
        assert verdicts(project, "late") == {"fresh": ["copy"], "stale": ["late"]}
        assert "interrupted" in project.run("why", "late").stdout
    project.write("quick")
    assert project.run("run", "late").stderr.splitlines()[-1].endswith("1 succeeded, 1 fresh")
    assert project.read("out/late") == "input\n"
    statuses = [run["status"] for run in json.loads(project.run("history", "--json").stdout)["runs"]]
    assert statuses == ["succeeded", "interrupted"]


def newer_database(state: Path) -> Path:
    path = state / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    return path


def newer_journal(state: Path) -> Path:
    path = state / "state.journal"
    path.write_bytes(b"flowmake journal 99\nwho knows")
    return path


@pytest.mark.parametrize("command", ["run", "status", "history", "clean", "accept copy"])
@pytest.mark.parametrize("make_newer", [newer_database, newer_journal])
def test_state_of_a_newer_version_is_left_alone(project: Any, make_newer: Any, command: str) -> None:
    place(project, VERSIONS[-1], "built")
    project.run("run", "-q")
    path = make_newer(project.root / ".flowmake")
    before = path.read_bytes()
    done: Result = project.run(*command.split())
    assert (done.code, done.stdout) == (4, "")
    assert done.stderr.startswith(f"error: the state file `{path}` was written by a newer flowmake (version 99;")
    assert "hint: upgrade flowmake" in done.stderr
    assert path.read_bytes() == before
