"""Tasks that exist only once another one has run: how many, which of them again, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def airports(example: Callable[[str], Any]) -> Any:
    """The example after its first run."""
    found = example("fan-out")
    ran = found.run()
    assert set(ran.values()) == {"succeeded"}
    assert set(ran) == {"airports", "split", "ranking", *instances(found)}
    return found


def instances(found: Any) -> set[str]:
    return {f"distances@{path.stem}" for path in found.root.glob("parts/*.csv")}


def states(found: Any) -> list[str]:
    return [line.split()[1] for line in found.project.read("ranking.md").splitlines()[2:]]


def test_one_task_for_each_file_and_a_row_for_each(airports: Any) -> None:
    assert len(instances(airports)) == 52, "with Puerto Rico and the Virgin Islands"
    assert states(airports)[:3] == ["WY", "NV", "NM"]
    assert "| AK | 263 | 36.9 | BTI (184.5) |" in airports.project.read("ranking.md")
    assert len(states(airports)) == 52
    assert airports.run() == {}


def test_before_the_run_nobody_knows(example: Callable[[str], Any]) -> None:
    fresh = example("fan-out")
    listed = fresh.project.run("list").stdout
    assert "distances@… (not known yet)" in listed
    sentence = "the instances of `distances` are not known before `split` has run\n"
    assert fresh.project.run("status").stderr == "3 tasks: 3 stale\n" + sentence
    assert fresh.project.run("run", "-n").stderr == sentence + "3 of 3 tasks would run\n"
    assert "distances [instances not known yet]" in fresh.project.run("graph", "--format", "text").stdout


def test_fewer_parts_join_without_the_others(airports: Any) -> None:
    assert set(airports.run("--set", "at_least=50")) == {"split", "ranking"}, "those that stay are the same"
    assert len(states(airports)) == 33
    assert "WY" not in states(airports)
    assert airports.project.exists("distances/WY.json")
    assert airports.project.run("clean", "--orphans", "--set", "at_least=50").code == 0
    assert not airports.project.exists("distances/WY.json")
    assert airports.project.exists("distances/AK.json")
    ran = airports.run()
    assert len(ran) == 21
    assert {"distances@WY", "split", "ranking"} <= set(ran)


def test_one_airport_moved_is_one_state_again(airports: Any) -> None:
    airports.edit("steps/airports.py", 'read_text(), end=""', 'read_text().replace("41.5942175", "41.7"), end=""')
    assert set(airports.run()) == {"airports", "split", "distances@WY", "ranking"}


def test_a_part_that_fails_keeps_the_others(airports: Any) -> None:
    airports.edit("steps/airports.py", 'read_text(), end=""', 'read_text().replace("41.5942175", "north"), end=""')
    ran = airports.run(code=1)
    assert ran["distances@WY"] == "failed"
    assert ran["ranking"] == "skipped"
    done = airports.project.run("run", "-q", "-k")
    assert "failed: `distances@WY`" in done.stderr
    assert "ValueError: could not convert string to float: 'north'" in done.stderr


def test_a_single_part_can_be_asked_for_once_it_is_known(airports: Any) -> None:
    assert airports.run("distances@WY") == {}
    assert airports.run("--force-task", "distances@WY", "distances@W*") == {"distances@WY": "succeeded"}
    (airports.root / "distances/WY.json").unlink()
    (airports.root / "distances/AK.json").unlink()
    assert airports.run("distances/WY.json") == {"distances@WY": "succeeded"}
    assert airports.project.run("why", "distances@WY").stdout.startswith("distances@WY: fresh, judged by\n")
    assert airports.run() == {"distances@AK": "succeeded"}, "the same as it was"
    done = airports.project.run("run", "--set", "at_least=50", "distances@WY")
    assert done.code == 2
    assert done.stderr.startswith("error: `distances@WY` is not known before `split` has run\n")
