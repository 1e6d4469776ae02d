"""Who waits for whom, who is due, and which ready task comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.engine.limits import Claim
from flowmake.engine.schedule import Schedule
from flowmake.engine.states import State

ONE = Claim()


def schedule(
    edges: Mapping[str, Sequence[str]],
    seconds: Mapping[str, float] | None = None,
    priorities: Mapping[str, int] | None = None,
) -> Schedule:
    """`edges` maps names to what they wait for."""
    priority = {name: SimpleNamespace(priority=(priorities or {}).get(name, 0)) for name in edges}
    graph = SimpleNamespace(tasks={name: SimpleNamespace(declared=declared) for name, declared in priority.items()})
    made = Schedule(cast(Any, graph), lambda name: edges[name], lambda name: (seconds or {}).get(name, 1.0))
    made.add(edges)
    made.rank()
    return made


def due(made: Schedule) -> list[str]:
    """Those that are due, which empties the list."""
    found, made.due = made.due, []
    return found


def take_all(made: Schedule) -> list[str]:
    found = []
    while (name := taken(made)) is not None:
        found.append(name)
    return found


def taken(made: Schedule, most: int = 99) -> str | None:
    """The best that claims no more cores than that."""
    best = made.best(lambda claim: claim.cpu <= most)
    if best is None:
        return None
    made.take(best[1])
    return best[0]


def test_a_name_is_due_once_all_it_waits_for_is_settled() -> None:
    made = schedule({"a": [], "b": [], "c": ["a", "b"], "d": ["c"]})
    assert due(made) == ["a", "b"]
    made.move("a", State.FRESH)
    assert due(made) == []
    made.move("b", State.READY)
    made.move("b", State.RUNNING)
    assert due(made) == []
    made.move("b", State.FAILED)
    assert due(made) == ["c"]
    assert made.unsettled() == ["c", "d"]


def test_what_is_added_counts_new_names_and_brings_what_they_wait_for() -> None:
    edges = {"a": [], "b": ["a"], "c": ["b"]}
    made = Schedule(cast(Any, None), lambda name: edges[name], lambda name: 1.0)
    assert made.add(["b"]) == 2
    assert made.add(["c", "a"]) == 1
    assert set(made.states) == {"a", "b", "c"}


def test_waiting_for_more() -> None:
    edges: dict[str, list[str]] = {"a": [], "late": ["a"], "fan": []}
    made = schedule({"a": [], "fan": []})
    made._upstream = lambda name: edges[name]
    due(made)
    assert made.wait_for("fan", ["late"])
    assert due(made) == []
    made.move("a", State.FRESH)
    assert due(made) == ["late"]
    made.move("late", State.FRESH)
    assert due(made) == ["fan"]
    assert not made.wait_for("fan", ["late", "a"])


def test_a_revived_name_is_due_again_and_tells_only_who_asks_anew() -> None:
    made = schedule({"temp": [], "reader": ["temp"], "other": ["temp"]})
    due(made)
    made.move("temp", State.FRESH)
    assert due(made) == ["reader", "other"]
    made.revive("temp")
    assert made.wait_for("reader", ["temp"])
    assert due(made) == ["temp"]
    made.move("temp", State.READY)
    made.move("temp", State.RUNNING)
    made.move("temp", State.SUCCEEDED)
    assert due(made) == ["reader"]


@pytest.mark.parametrize(
    ("edges", "seconds", "priorities", "order"),
    [
        ({"a": [], "b": [], "c": []}, {}, {}, ["a", "b", "c"]),
        ({"a": [], "b": [], "c": []}, {"b": 5.0, "c": 9.0}, {}, ["c", "b", "a"]),
        ({"a": [], "b": [], "x": ["b"], "y": ["x"]}, {}, {}, ["b", "a"]),
        ({"a": [], "b": [], "x": ["b"]}, {"a": 3.0}, {}, ["a", "b"]),
        ({"a": [], "b": [], "c": []}, {"c": 9.0}, {"b": 1, "c": -1}, ["b", "a", "c"]),
        ({"a": [], "b": [], "g": ["b"], "x": ["g"]}, {"g": 0.0, "x": 2.0, "a": 2.5}, {}, ["b", "a"]),
    ],
)
def test_the_order_of_ready_tasks(
    edges: dict[str, list[str]], seconds: dict[str, float], priorities: dict[str, int], order: list[str]
) -> None:
    """Priority first, then the longest way to the end, then the order of arrival."""
    made = schedule(edges, seconds, priorities)
    for name in [name for name, upstream in edges.items() if not upstream]:
        made.put(name, ONE)
    assert take_all(made) == order


def test_the_best_that_fits_is_taken_whatever_waits_before_it() -> None:
    made = schedule({"big": [], "small": []}, priorities={"big": 9})
    made.put("big", Claim(4))
    made.put("small", ONE)
    assert made.best(lambda claim: claim.cpu == 1) == ("small", ONE)
    assert [taken(made, 1), taken(made, 1), taken(made), taken(made)] == ["small", None, "big", None]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    names = [f"t{number}" for number in range(draw(st.integers(1, 12)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:at]), unique=True)) if at else [] for at, name in enumerate(names)
    }


@given(graphs())
def test_every_name_comes_up_once_and_after_all_it_waits_for(edges: dict[str, list[str]]) -> None:
    made = schedule(edges)
    seen: list[str] = []
    while found := due(made):
        for name in found:
            assert set(edges[name]) <= set(seen)
            seen.append(name)
            made.move(name, State.FRESH)
    assert sorted(seen) == sorted(edges)


@given(graphs(), st.data())
def test_the_critical_path_is_the_longest_way_to_the_end(edges: dict[str, list[str]], data: st.DataObject) -> None:
    seconds = {name: data.draw(st.integers(0, 9)) for name in edges}
    made = schedule(edges, seconds)

    def longest(name: str) -> float:
        behind = [longest(other) for other, upstream in edges.items() if name in upstream]
        return seconds[name] + max(behind, default=0)

    assert {name: made.critical(name) for name in edges} == {name: longest(name) for name in edges}
