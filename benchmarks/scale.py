"""Runs flows of many tasks with an executor that has done everything at once; writes what flowmake itself costs.

There everything is real (the command, the state, the files) but the work. Tasks that last are played through the real
scheduler on a clock that jumps.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bounds import Step
from machine import told
from simulation import makespan

HERE = Path(__file__).resolve().parent
SIZES = (1_000, 10_000, 100_000, 1_000_000)
PLAYED = 100_000
SLOTS = (100, 1_000)
MINUTE = 60.0
SPREAD = 0.5
"""Standard deviation of the logarithm of how long a task takes."""
FLOW = """\
[executors.instant]
kind = "instant"
[tasks.part]
foreach = {{ n = {{ range = [0, {size}] }} }}
inputs = ["in"]
outputs = ["parts/{{{{ n }}}}"]
run = "work {{{{ inputs }}}} {{{{ outputs }}}}"
executor = "instant"
[tasks.all]
needs = ["part"]
outputs = ["all"]
run = "gather parts {{{{ outputs }}}}"
executor = "instant"
"""
ABOUT = """\
# How far one coordinator goes

A flow of many independent tasks, and one that waits for them all, is run with an executor that has done everything at
once: it writes the outputs, and reports them as a node of a cluster would. So this is what flowmake itself costs:
judging, starting, taking over the outputs, recording. Where other programs ran meanwhile, the processor's time tells
more than the whole. `benchmarks/scale` makes this page.

{machine}

| tasks | run | of which processor | each | tasks/s | memory | run again, nothing to do | state on disk |
|---:|---:|---:|---:|---:|---:|---:|---:|
"""
PLAY = """
## Tasks that last

{played:,} tasks of a minute or so (half of them between {short:.0f} and {long:.0f} seconds, some of five minutes) that
may run in any order, and flowmake knows nothing of how long they take. They are played through flowmake's own scheduler
on a clock that jumps to the next end, without files. No scheduler can be faster than all the work divided by the number
of slots.

| at once | run | no scheduler beats | processor time of flowmake | of the run |
|---:|---:|---:|---:|---:|
"""


def main(out: Path, sizes: tuple[int, ...]) -> None:
    played = [_played(slots) for slots in SLOTS]
    rows = [_row(size) for size in sizes]
    quarter = math.exp(0.6745 * SPREAD)
    play = PLAY.format(played=PLAYED, short=MINUTE / quarter, long=MINUTE * quarter)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(ABOUT.format(machine=told()) + "".join(rows) + play + "".join(played))


def _played(slots: int) -> str:
    """Simulated time of a run of tasks that last, and the processor time that the scheduler takes for it."""
    chance = random.Random(1)
    steps = [Step(f"t{n}", (), MINUTE * chance.lognormvariate(0.0, SPREAD)) for n in range(PLAYED)]
    bound = sum(step.seconds for step in steps) / slots
    before = time.process_time()
    took = makespan(steps, slots, lambda step: None)
    busy = time.process_time() - before
    row = f"| {slots:,} | {took / 60:,.1f} min | {bound / 60:,.1f} min | {busy:.0f} s | {busy / took:.1%} |\n"
    sys.stderr.write(row)
    return row


def _row(size: int) -> str:
    with TemporaryDirectory(prefix="flowmake-scale-") as folder:
        root, plugins = Path(folder, "root"), Path(folder, "plugins")
        root.mkdir()
        (root / "Flowfile").write_text(FLOW.format(size=size - 1))
        (root / "in").write_text("in")
        env = {**os.environ, "PYTHONPATH": _installed(plugins)}
        seconds, busy, memory = _measured(root, env)
        again, _, _ = _measured(root, env)
        state = sum(file.stat().st_size for file in (root / ".flowmake").rglob("*") if file.is_file()) / 1e6
    row = f"| {size:,} | {seconds:.1f} s | {busy:.1f} s | {1000 * seconds / size:.2f} ms | {size / seconds:,.0f} "
    row += f"| {memory:.0f} MB | {1000 * again:,.0f} ms | {state:.1f} MB |\n"
    sys.stderr.write(row)
    return row


def _installed(folder: Path) -> str:
    """The executor as pip would install it."""
    info = folder / "flowmake_instant-1.dist-info"
    info.mkdir(parents=True)
    shutil.copy(HERE / "instant.py", folder / "flowmake_instant.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flowmake-instant\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[flowmake.executors]\ninstant = flowmake_instant:KIND\n")
    return str(folder)


def _measured(root: Path, env: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, seconds of processor time and peak megabytes of one run."""
    command = [str(Path(sys.executable).with_name("flowmake")), "run", "-q"]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=root, env=env)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"`flowmake run` ended with {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main(HERE.parent / "docs" / "benchmarks" / "scale.md", tuple(map(int, sys.argv[1:])) or SIZES)
