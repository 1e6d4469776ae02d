"""How long everything will take, told before it begins. Measures nothing, and knows no tool."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

SLOWER = 1.2
"""How much longer than by rule of three a tool may need for more tasks, before it is not even tried."""

BETWEEN = 2
"""What preparing and looking afterwards add: seconds for each 10,000 tasks of each tool in each scenario."""


@dataclass(frozen=True)
class Pace:
    """About how many seconds a tool needs on an ordinary machine: to start, to make one task, to look at one."""

    start: float
    made: float
    looked_at: float

    def seconds(self, scenario: str, count: int) -> float:
        return self.start + count * (self.made if scenario == "build" else self.looked_at)


def expected_build(tool: str, pace: Pace, count: int, measured: Iterable[dict[str, Any]]) -> float:
    """Seconds of one build: by the largest smaller one that was measured, if any, else by the pace."""
    builds = [one for one in measured if (one["tool"], one["scenario"]) == (tool, "build") and one["tasks"] < count]
    largest = max(builds, key=lambda one: one["tasks"], default=None)
    if largest is None:
        return pace.seconds("build", count)
    seconds: float = largest["wall"] * count / largest["tasks"] * SLOWER
    return seconds


def has_turn(had: int, spent: float, patience: float) -> bool:
    """May a tool that had so many turns, and took so many seconds for them, have another? Everyone has the first."""
    return had == 0 or spent * (had + 1) / had <= patience


def seconds_of_turns(each: float, repeat: int, patience: float) -> float:
    """Of all the turns that a tool will have."""
    turns = 1
    while turns < repeat and has_turn(had=turns, spent=turns * each, patience=patience):
        turns += 1
    return turns * each


def seconds_of_size(paces: Sequence[Pace], scenarios: Iterable[str], count: int, repeat: int, patience: float) -> float:
    """Of all scenarios with so many tasks."""
    return sum(
        seconds_of_turns(pace.seconds(scenario, count), repeat, patience) + BETWEEN * count / 10_000
        for scenario in scenarios
        for pace in paces
    )
