"""Whatever the graph, the failures and the way to go on: a run ends, in the right order, and the next takes it up."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.core.events import TaskStarted
from flowmake.core.ports import Work
from flowmake.engine.policy import Outcome
from flowmake.engine.states import SETTLED, State
from tests.stage import Stage

POLICIES: list[Mapping[str, bool]] = [{}, {"keep_going": True}, {"fail_fast": True}]


@dataclass
class Made:
    """A task made up: what it reads and comes after, how often it fails, how long it takes."""

    name: str
    reads: Sequence[str] = ()
    after: Sequence[str] = ()
    failures: int = 0
    retries: int = 0
    seconds: int = 1
    temp: bool = False
    text: str = field(init=False)

    def __post_init__(self) -> None:
        reads = ", ".join(f'"{name}.out"' for name in self.reads)
        after = ", ".join(f'"{name}"' for name in self.after)
        output = f'{{ path = "{self.name}.out", temp = {str(self.temp).lower()} }}'
        self.text = (
            f'[tasks.{self.name}]\ninputs = [{reads}]\nafter = [{after}]\noutputs = [{output}]\nrun = "x"\n'
            f"retries = {{ attempts = {self.retries}, delay = 3 }}\n"
        )

    @property
    def succeeds(self) -> bool:
        return self.failures <= self.retries


@st.composite
def projects(draw: st.DrawFn) -> list[Made]:
    made: list[Made] = []
    for number in range(draw(st.integers(1, 9))):
        before = [one.name for one in made]
        some = st.lists(st.sampled_from(before), unique=True, max_size=3) if before else st.just([])
        made.append(
            Made(
                f"t{number}",
                draw(some),
                draw(some),
                draw(st.sampled_from([0, 0, 0, 1, 2])),
                draw(st.integers(0, 2)),
                draw(st.integers(1, 5)),
                draw(st.booleans()),
            )
        )
    return made


def play(stage: Stage, made: Sequence[Made], *, healed: bool = False) -> None:
    """Every task reads its inputs, which must be there and whole, and writes what it has read."""

    def perform(work: Work) -> int:
        one = next(one for one in made if one.name == work.task)
        read = [(stage.root / f"{name}.out").read_text() for name in one.reads]
        stage.write(f"{one.name}.out", f"{one.name}({','.join(read)})")
        return 1 if not healed and work.attempt <= one.failures else 0

    stage.plays = {one.name: perform for one in made}
    stage.seconds = {one.name: float(one.seconds) for one in made}
    stage.flowfile("".join(one.text for one in made))


def whole(made: Sequence[Made], name: str) -> str:
    """What a clean build writes to the output of a task."""
    one = next(one for one in made if one.name == name)
    return f"{name}({','.join(whole(made, other) for other in one.reads)})"


def check_order(stage: Stage, made: Sequence[Made], outcome: Outcome) -> None:
    """Nothing started before all it waits for had ended, and well, if it reads from it."""
    starts = [event.task for event in stage.events if isinstance(event, TaskStarted)]
    for one in made:
        if one.name in starts:
            assert all(outcome.states[other] in (State.SUCCEEDED, State.FRESH) for other in one.reads)
            last_starts = [len(starts) - 1 - starts[::-1].index(o) for o in [*one.reads, *one.after] if o in starts]
            assert all(at < starts.index(one.name) for at in last_starts)


@settings(max_examples=150, deadline=None)
@given(projects(), st.sampled_from(POLICIES), st.integers(1, 4))
def test_every_run_ends_well_or_tells_why(made: list[Made], policy: Mapping[str, bool], jobs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="flowmake-schedule-") as folder:
        stage = Stage(Path(folder))
        play(stage, made)
        names = [one.name for one in made]
        outcome = stage.run(*names, jobs=jobs, **policy)
        assert set(outcome.states.values()) <= SETTLED
        assert sum(outcome.counts.values()) == len(made)
        check_order(stage, made, outcome)
        assert {one.name for one in made if outcome.states[one.name] is State.FAILED} == set(outcome.failed)
        assert set(outcome.failed) <= {one.name for one in made if one.failures}
        if policy.get("keep_going") or all(one.succeeds for one in made):
            check_skipped(made, outcome)
        recorded = stage.recorded()
        assert "running" not in recorded.values()
        play(stage, made, healed=True)
        assert set(stage.run(*names, jobs=jobs).states.values()) <= {State.SUCCEEDED, State.FRESH}
        for one in made:
            if not one.temp:
                assert (stage.root / f"{one.name}.out").read_text() == whole(made, one.name)
        assert stage.run(*names).counts == {"fresh": len(made)}


def check_skipped(made: Sequence[Made], outcome: Outcome) -> None:
    """Exactly what reads, directly or not, from a failure is skipped."""
    bad: set[str] = set()
    for one in made:
        cut_off = any(other in bad for other in one.reads)
        assert (outcome.states[one.name] is State.SKIPPED) is cut_off
        if cut_off or not one.succeeds:
            bad.add(one.name)
