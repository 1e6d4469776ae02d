"""Medians, ratios and what is read off them, from runs made up here."""

from __future__ import annotations

from typing import Any

import figures
import pytest


def _run(tool: str, wall: float, scenario: str = "no-op", tasks: int = 100, **more: Any) -> dict[str, Any]:
    told = {"cpu": wall, "memory": 30.0, "floor": 10.0, "right": True}
    return {"tool": tool, "scenario": scenario, "tasks": tasks, "wall": wall, **told, **more}


RUNS = [
    *(_run("flowmake", wall) for wall in (3.0, 1.0, 20.0)),
    *(_run("ninja", wall) for wall in (1.0, 2.0)),
    _run("make", 2.97),
    _run("make", 50.0, "build", right=False),
]


def test_medians_of_all_turns() -> None:
    medians = figures.medians_of(RUNS)

    assert medians["flowmake", "no-op", 100] == {"wall": 3.0, "cpu": 3.0, "memory": 30.0, "floor": 10.0, "turns": 3}
    assert medians["ninja", "no-op", 100]["wall"] == 1.5
    assert figures.tools_of(medians) == ["flowmake", "ninja", "make"]
    assert figures.counts_of(medians, "no-op") == [100]


def test_ratios_are_to_ours_where_both_were_measured() -> None:
    medians = figures.medians_of(RUNS)

    assert figures.ratio(medians, ("ninja", "no-op", 100)) == 0.5
    assert figures.ratio(medians, ("flowmake", "no-op", 100)) is None
    assert figures.ratio(medians, ("make", "build", 100)) is None
    assert figures.ratio(medians, ("scons", "no-op", 100)) is None


def test_faster_is_who_is_so_by_more_than_noise() -> None:
    assert figures.faster(figures.medians_of(RUNS), "no-op") == [("ninja", "no-op", 100)]


def test_what_goes_unnoticed() -> None:
    assert figures.unnoticed(RUNS) == {"build": ["make"]}


def test_trials_keep_ours_apart_from_what_is_beside_it() -> None:
    told = {"trial": "call", "amount": 10.0, "cpu": 0.0, "memory": 1.0, "floor": 1.0}
    runs = [{**told, "way": way, "wall": wall} for way, wall in (("flowmake", 4.0), ("pool", 1.0), ("flowmake", 6.0))]

    trials = figures.trials_of(runs)

    assert list(trials["call"]) == ["flowmake", "pool"]
    assert trials["call"]["flowmake"]["wall"] == 5.0
    assert trials["call"]["pool"]["amount"] == 10.0


@pytest.mark.parametrize(
    ("value", "said"), [(0.00634, "6.3 ms"), (0.0999, "99.9 ms"), (0.1234, "123 ms"), (12.34, "12.3 s")]
)
def test_seconds_as_people_say_them(value: float, said: str) -> None:
    assert figures.seconds(value) == said


def test_memory_below_that_of_the_launcher_is_not_known() -> None:
    cost = {"memory": 9.5, "floor": 9.0}

    assert figures.mebibytes(cost) == "< 10"
    assert figures.mebibytes({**cost, "memory": 28.2}) == "28"
