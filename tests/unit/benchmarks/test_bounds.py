"""Bounds on small workflows whose best schedule is known, and against schedules of random ones."""

from __future__ import annotations

import heapq

import bounds
from bounds import Step
from hypothesis import given
from hypothesis import strategies as st

DIAMOND = [Step("a", (), 1), Step("b", ("a",), 2), Step("c", ("a",), 4), Step("d", ("b", "c"), 1)]
FORK = [Step("begin", (), 10), *(Step(f"t{n}", ("begin",), 1) for n in range(20)), Step("end", ("t0",), 5)]
WAIST = [
    *(Step(f"a{n}", (), 3) for n in range(3)),
    Step("waist", ("a0", "a1", "a2"), 10),
    *(Step(f"b{n}", ("waist",), 3) for n in range(3)),
]


def test_a_chain_takes_as_long_as_its_tasks() -> None:
    assert bounds.simple(DIAMOND, 8) == 6
    assert bounds.simple(DIAMOND, 1) == 8


def test_work_that_must_wait_for_a_chain_comes_on_top_of_it() -> None:
    """20 seconds of work behind 10, on 10 cores: 25 s of work on them all would need but 3.5 s."""
    assert bounds.simple(FORK, 10) == 16
    assert bounds.sharp(FORK, 2) == 10 + 25 / 2


def test_work_on_both_sides_of_a_waist_cannot_share_cores() -> None:
    assert bounds.simple(WAIST, 2) == 16
    assert bounds.sharp(WAIST, 2) == 6 + 10 + 6


def test_a_task_is_not_cut_into_pieces() -> None:
    """Five tasks of three seconds on two cores: one core has three of them, although half the work is 7.5 s."""
    assert bounds.sharp([Step(f"t{n}", (), 3) for n in range(5)], 2) == 9


@st.composite
def workflows(draw: st.DrawFn) -> list[Step]:
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 12))):
        needs = draw(st.sets(st.sampled_from([step.name for step in steps]))) if steps else set()
        steps.append(Step(f"t{number}", tuple(sorted(needs)), draw(st.integers(1, 9))))
    return draw(st.permutations(steps))


@given(workflows(), st.integers(1, 4))
def test_no_schedule_beats_a_bound(steps: list[Step], cores: int) -> None:
    simple, sharp, took = bounds.simple(steps, cores), bounds.sharp(steps, cores), _greedily(steps, cores)

    assert simple <= sharp + 1e-9
    assert sharp <= took + 1e-9


def _greedily(steps: list[Step], cores: int) -> float:
    """How long it takes if any task that can start does so when a core is free."""
    waiting, ended, running, now = {step.name: step for step in steps}, set(), [], 0.0
    while waiting or running:
        ready = [step for step in waiting.values() if ended.issuperset(step.needs)]
        for step in ready[: cores - len(running)]:
            heapq.heappush(running, (now + waiting.pop(step.name).seconds, step.name))
        now, name = heapq.heappop(running)
        ended.add(name)
    return now
