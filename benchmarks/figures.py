"""From every single run to medians, and what can be read off them. Measures and writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

OURS = "flowmake"

Record = Mapping[str, Any]
Cost = dict[str, float]
"""`wall` and `cpu` seconds, `memory` and `floor` in MiB, `turns`."""
Key = tuple[str, str, int]
"""Tool, scenario, number of tasks."""
Medians = dict[Key, Cost]

NOISE = 0.02
"""Who is not faster by more than this part is as fast."""


def medians_of(measured: Iterable[Record]) -> Medians:
    runs: dict[Key, list[Record]] = defaultdict(list)
    for one in measured:
        runs[one["tool"], one["scenario"], one["tasks"]].append(one)
    return {key: _cost(ones) for key, ones in runs.items()}


def trials_of(measured: Iterable[Record]) -> dict[str, dict[str, Cost]]:
    """By name of the trial, then by what took turns in it, ours first. `amount` is among what is told."""
    runs: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for one in measured:
        runs[one["trial"]][one["way"]].append(one)
    return {
        name: {way: {**_cost(ones), "amount": ones[0]["amount"]} for way, ones in ways.items()}
        for name, ways in runs.items()
    }


def _cost(ones: list[Record]) -> Cost:
    middle = {what: float(median(one[what] for one in ones)) for what in ("wall", "cpu", "memory", "floor")}
    return {**middle, "turns": len(ones)}


def tools_of(medians: Medians) -> list[str]:
    return list(dict.fromkeys(tool for tool, _, _ in medians))


def counts_of(medians: Medians, scenario: str) -> list[int]:
    return sorted({count for _, found, count in medians if found == scenario})


def ratio(medians: Medians, key: Key) -> float | None:
    """How many times as long as ours a tool takes; None for ours, and where one of the two was not measured."""
    tool, scenario, count = key
    ours = medians.get((OURS, scenario, count))
    if tool == OURS or ours is None or key not in medians:
        return None
    return medians[key]["wall"] / ours["wall"]


def faster(medians: Medians, scenario: str) -> list[Key]:
    """Where others are faster than ours, by more than noise."""
    return [key for key in medians if key[1] == scenario and (ratio(medians, key) or 1.0) < 1.0 - NOISE]


def unnoticed(measured: Iterable[Record]) -> dict[str, list[str]]:
    """By scenario, the tools after which the output was not what its command makes of its inputs."""
    wrong: dict[str, set[str]] = defaultdict(set)
    for one in measured:
        if not one["right"]:
            wrong[one["scenario"]].add(one["tool"])
    return {scenario: sorted(tools) for scenario, tools in wrong.items()}


def is_below_floor(cost: Cost) -> bool:
    """Is its memory too small to be told apart from that of the measuring process?"""
    return cost["memory"] <= cost["floor"] + 1


def seconds(value: float) -> str:
    """As people say it."""
    if value < 0.1:
        return f"{value * 1000:.1f} ms"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def mebibytes(cost: Cost) -> str:
    return f"< {cost['floor'] + 1:.0f}" if is_below_floor(cost) else f"{cost['memory']:.0f}"
