"""Every step a task may take and every step it may not; the picture in the design note agrees with both."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from flowmake.engine.states import GOOD, SETTLED, State, advance

NOTE = Path(__file__).parents[3] / "docs/design/0001-task-states.md"
STEPS = {
    "WAITING": "READY FRESH SKIPPED FAILED",
    "READY": "RUNNING SKIPPED FAILED TIMED_OUT",
    "RUNNING": "SUCCEEDED FAILED TIMED_OUT INTERRUPTED RETRYING",
    "RETRYING": "READY FAILED TIMED_OUT",
    "FRESH": "WAITING",
}
ALLOWED = {(State[start], State[end]) for start, ends in STEPS.items() for end in ends.split()}


@pytest.mark.parametrize(("now", "to"), sorted(product(State, State), key=lambda pair: (pair[0].value, pair[1].value)))
def test_each_step(now: State, to: State) -> None:
    if (now, to) in ALLOWED:
        assert advance(now, to) is to
    else:
        with pytest.raises(ValueError, match=f"^a task cannot go from {now.name} to {to.name}$"):
            advance(now, to)


def test_ends_lead_nowhere_but_from_fresh_back() -> None:
    assert {now for now, _ in ALLOWED} & SETTLED == {State.FRESH}
    assert set(GOOD) == {State.FRESH, State.SUCCEEDED}
    assert set(State) - SETTLED == {State.WAITING, State.READY, State.RUNNING, State.RETRYING}


def test_the_design_note_has_the_same_steps() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", NOTE.read_text(), re.MULTILINE)
    assert {(State[now], State[to]) for now, ends in rows for to in re.findall(r"`([A-Z_]+)`", ends)} == ALLOWED


def test_the_picture_shows_every_state() -> None:
    picture = "\n".join(line for line in NOTE.read_text().splitlines() if line.startswith("    "))
    assert set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)*\b", picture)) - {"TERM"} == {state.name for state in State}
