"""What is expected of tools, and how many turns they have."""

from __future__ import annotations

from plan import BETWEEN, SLOWER, Pace, expected_build, has_turn, seconds_of_size, seconds_of_turns

PACE = Pace(start=1.0, made=0.01, looked_at=0.001)


def test_a_pace_tells_building_from_looking() -> None:
    assert PACE.seconds("build", 100) == 2.0
    assert PACE.seconds("no-op", 1000) == 2.0


def test_what_was_measured_counts_for_more_than_the_pace() -> None:
    told = {"tool": "make", "scenario": "build"}
    measured = [{**told, "tasks": 10, "wall": 5.0}, {**told, "tasks": 100, "wall": 7.0}]

    assert expected_build("make", PACE, 1000, measured) == 70 * SLOWER
    assert expected_build("make", PACE, 10, measured) == PACE.seconds("build", 10), "only smaller ones tell"
    assert expected_build("ninja", PACE, 1000, measured) == PACE.seconds("build", 1000)


def test_everyone_has_a_first_turn_and_no_further_one_than_patience_allows() -> None:
    assert has_turn(0, spent=0.0, patience=1.0)
    assert has_turn(1, spent=4.0, patience=8.0)
    assert not has_turn(1, spent=4.1, patience=8.0)


def test_all_turns_together() -> None:
    assert seconds_of_turns(0.5, repeat=7, patience=8) == 3.5
    assert seconds_of_turns(3.0, repeat=7, patience=8) == 6.0
    assert seconds_of_turns(100.0, repeat=7, patience=8) == 100.0


def test_a_size_takes_all_turns_of_all_tools_and_what_is_between() -> None:
    assert seconds_of_size([PACE, PACE], ["build", "no-op"], 10_000, repeat=1, patience=1) == (
        2 * (101 + BETWEEN) + 2 * (11 + BETWEEN)
    )
