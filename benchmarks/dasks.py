"""Runs trivial tasks on a throw-away Dask, and many that have to wait; writes what they took and cost.

Everything is real. The scheduler, its two workers and flowmake share this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from dialects import SHELL
from machine import told

from tests.dasks import Dask

PAGE = Path(__file__).resolve().parent.parent / "docs/benchmarks/dask.md"
FLOWMAKE = Path(sys.executable).with_name("flowmake")
ROUNDS = 3
TASKS = 3_000
QUEUED = 10_000
WATCHED = 20.0
"""Seconds for which a coordinator is watched that only waits."""
FLOW = """\
[flow]
shell = ["{shell}", "-c"]
[executors.dask]
kind = "dask"
address = "{address}"
capacity = {capacity}
[tasks.t]
foreach = {{ n = {{ range = [0, {tasks}] }} }}
outputs = ["out/{{{{ n }}}}"]
run = '''{run}'''
executor = "dask"
"""
ABOUT = """\
# Tasks on Dask: how many, and what they cost

Trivial tasks (`echo N > out/N`, by `/bin/sh`) on a Dask with a scheduler and two workers of one thread each; flowmake
runs on the same machine. `benchmarks/dask` makes this page.

{machine}

## {tasks:,} tasks

{rounds} runs, with the default `capacity` of 1,000 tasks: **{rate:,.0f} tasks a second** in the middle one ({rates}).

Where the processor's time goes, for each task of the middle run:

| part | milliseconds |
|---|---:|
{parts}
## {queued:,} tasks that wait

With `capacity = {queued}`, and commands that do not end: flowmake takes {memory:.0f} MB of memory and, once all are
submitted, {busy:.1%} of a core.
"""
PARTS = ("flowmake", "Dask's scheduler", "Dask's workers", "flowmake's agents", "the commands")


def main() -> None:
    runs = sorted(trivial() for _ in range(ROUNDS))
    rate, costs = runs[ROUNDS // 2]
    memory, busy = waiting()
    parts = "".join(f"| {part} | {1000 * seconds / TASKS:.2f} |\n" for part, seconds in zip(PARTS, costs, strict=True))
    rates = ", ".join(f"{each:,.0f}" for each, _ in runs)
    PAGE.write_text(
        ABOUT.format(
            machine=told(),
            tasks=TASKS,
            rounds=ROUNDS,
            rate=rate,
            rates=rates,
            parts=parts,
            queued=QUEUED,
            memory=memory,
            busy=busy,
        )
    )


def trivial() -> tuple[float, list[float]]:
    """Tasks a second, and the seconds of processor time that went into each of `PARTS`. A fresh Dask for each."""
    with TemporaryDirectory(prefix="flowmake-dask-") as at, Dask(Path(at, "dask")) as dask:
        project(Path(at), dask, TASKS, 1_000, "echo {{ n }} > {{ outputs }}")
        processes = [psutil.Process(each.pid) for each in (dask.scheduler, *dask.workers)]
        before = [own(each) for each in processes]
        began = time.monotonic()
        process = subprocess.Popen([FLOWMAKE, "run", "-q"], cwd=at)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        made = len(list(Path(at, "out").glob("*")))
        if process.returncode or made != TASKS:
            raise RuntimeError(f"`flowmake run` ended with {process.returncode} and {made} outputs")
        scheduler, *workers = (own(each) - past for each, past in zip(processes, before, strict=True))
        agents = [agent for each in processes[1:] for agent in each.children()]
        commands = sum(children(each) for each in agents)
        costs = [usage.ru_utime + usage.ru_stime, scheduler, sum(workers), sum(map(own, agents)), commands]
    sys.stderr.write(f"{TASKS / took:,.0f} tasks/s; {', '.join(f'{1000 * each / TASKS:.2f}' for each in costs)} ms\n")
    return TASKS / took, costs


def waiting() -> tuple[float, float]:
    """Megabytes, and the share of a core, of a coordinator with many tasks under way that do not end."""
    with TemporaryDirectory(prefix="flowmake-dask-") as at, Dask(Path(at, "dask")) as dask:
        project(Path(at), dask, QUEUED, QUEUED, "exec sleep 1000 > {{ outputs }}")
        process = subprocess.Popen([FLOWMAKE, "run", "-q"], cwd=at, stderr=subprocess.DEVNULL)
        try:
            coordinator, scheduler = psutil.Process(process.pid), psutil.Process(dask.scheduler.pid)
            settle(coordinator, scheduler)
            before = own(coordinator)
            time.sleep(WATCHED)
            busy, memory = (own(coordinator) - before) / WATCHED, coordinator.memory_info().rss / 1e6
        finally:
            process.terminate()
            process.wait()
    sys.stderr.write(f"{memory:.0f} MB, {busy:.1%} of a core\n")
    return memory, busy


def settle(*processes: psutil.Process) -> None:
    """Until none of them has been busy for a second: all is submitted."""
    while True:
        before = [own(each) for each in processes]
        time.sleep(1.0)
        if all(own(each) - past < 0.1 for each, past in zip(processes, before, strict=True)) and min(before) > 1:
            return


def project(folder: Path, dask: Dask, tasks: int, capacity: int, run: str) -> None:
    text = FLOW.format(shell=SHELL, address=dask.address, capacity=capacity, tasks=tasks, run=run)
    (folder / "Flowfile").write_text(text)


def own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def children(process: psutil.Process) -> float:
    """Of those that have ended."""
    times = process.cpu_times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
