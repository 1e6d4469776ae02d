"""Plays workflows through flowmake's own scheduler on a simulated clock, and writes how near to the bounds it comes.

What starts first is decided by the real `engine`; clock, store and commands are the fakes of the tests.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import bounds
from bounds import Step
from workflows import RECIPES, grown

from flowmake.core.model import Trace
from tests.fakes import FakeStore
from tests.stage import Stage

CORES = (2, 8, 32)
SIZE = 500
SEED = 1
SPREAD = 0.25
"""Standard deviation of the logarithm of how long a task takes now against how long it took when recorded."""

NEAR = 0.05

ABOUT = f"""\
# The scheduler, simulated

Workflows of about {SIZE} tasks, as [WfCommons](https://wfcommons.org) grows them from recordings of real ones, are
played through flowmake's own scheduler on a simulated clock. `benchmarks/simulate` makes this page.

Told is by how much a run takes longer than a bound that no scheduler can beat. The *simple* bound is the longest chain
of tasks or, if that takes longer, all work divided by the number of cores. It is out of reach where a workflow begins
or ends with a chain of its own, narrows in between, or has a few long tasks more than cores. The *sharp* bound takes
that into account, and so proves it: **at best** tells by how much any schedule at all exceeds the simple bound,
**simple** by how much flowmake does. All other columns are told against the sharp bound.

* **recorded**: flowmake knows from the last run how long each task takes.
* **off**: it knows, but this time tasks take longer or shorter, by a factor of {math.exp(SPREAD):.2f} either way as a
  rule (which makes other bounds).
* **foreseen**: the same, had it known that. What lies between is the price of what nobody can know: in Montage, which
  of the 72 tasks that begin it, all alike when recorded and on too few cores, will be the long ones.
* **first**: it knows nothing yet, and goes by the number of tasks in a chain.
* **FIFO**: tasks start in the order in which they become ready.

| workflow | tasks | cores | sharp bound | at best | simple | recorded | off | foreseen | first | FIFO |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""

Estimates = Callable[[Step], float | None]
"""What is recorded of a step: how long it took, or nothing."""


class _Store(FakeStore):
    """One that no crash befalls: to keep what would be left of it would take longer than all else."""

    def flush(self) -> None:
        self.flushes += 1


def main(out: Path) -> None:
    chance = random.Random(SEED)
    rows = [row for recipe in RECIPES for row in _rows(recipe, chance)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(ABOUT + "".join(_line(*row) for row in rows) + "\n" + "".join(_summary([row[1] for row in rows])))


def makespan(steps: list[Step], cores: int, estimate: Estimates) -> float:
    """Simulated seconds from start to end of a run."""
    with TemporaryDirectory() as folder:
        stage = Stage(Path(folder), store=_Store(), seconds={step.name: step.seconds for step in steps})
        stage.flowfile("\n".join(_declared(step) for step in steps))
        for step in steps:
            if (seconds := estimate(step)) is not None:
                stage.store.accept(Trace(step.name, "", {}, {}, {}, 0.0, seconds, ""))
        started = stage.clock.monotonic()
        stage.run(jobs=cores, tick=math.inf)
        if set(stage.statuses().values()) != {"succeeded"}:
            raise RuntimeError(f"not every task succeeded: {stage.messages()}")
        return stage.clock.monotonic() - started


def _declared(step: Step) -> str:
    return f'[tasks."{step.name}"]\nrun = "true"\nneeds = {list(step.needs)}'


def _rows(recipe: str, chance: random.Random) -> Iterator[tuple[list[str], dict[str, float]]]:
    """What is told of one workflow, and by how much longer it takes than the bounds."""
    steps = grown(recipe, SIZE, SEED)
    seconds = {step.name: step.seconds for step in steps}
    changed = [Step(step.name, step.needs, step.seconds * chance.lognormvariate(0.0, SPREAD)) for step in steps]
    for cores in CORES:
        bound, simple, other = (
            bounds.sharp(steps, cores),
            bounds.simple(steps, cores),
            bounds.sharp(changed, cores),
        )
        known = makespan(steps, cores, lambda step: step.seconds)
        gaps = {
            "at best": bound / simple - 1,
            "simple": known / simple - 1,
            "recorded": known / bound - 1,
            "off": makespan(changed, cores, lambda step: seconds[step.name]) / other - 1,
            "foreseen": makespan(changed, cores, lambda step: step.seconds) / other - 1,
            "first": makespan(steps, cores, lambda step: None) / bound - 1,
            "FIFO": makespan(steps, cores, lambda step: 0.0) / bound - 1,
        }
        yield [recipe, str(len(steps)), str(cores), f"{bound:,.0f} s"], gaps
        sys.stderr.write(_line([recipe, str(cores)], gaps))


def _line(words: list[str], gaps: dict[str, float]) -> str:
    return "| " + " | ".join([*words, *(f"{max(gap, 0.0):.1%}" for gap in gaps.values())]) + " |\n"


def _summary(rows: list[dict[str, float]]) -> Iterator[str]:
    for name in [name for name in rows[0] if name != "at best"]:
        found = [row[name] for row in rows]
        near = sum(gap <= NEAR for gap in found)
        yield f"* {name}: within {NEAR:.0%} of its bound in {near} of {len(found)} runs; "
        yield f"{sum(found) / len(found):.1%} above it on average, {max(found):.1%} at most.\n"
    missed = [row for row in rows if row["simple"] > NEAR]
    hopeless = sum(row["at best"] > NEAR for row in missed)
    yield f"\nOf the {len(missed)} runs that come no nearer than {NEAR:.0%} to the simple bound, no schedule could "
    yield f"come nearer in {hopeless}.\n"


if __name__ == "__main__":
    main(Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "simulation.md")
