"""Runs trivial jobs on a throw-away Slurm: by a loop of `sbatch`, flowmake and Snakemake; writes what they took.

Everything is real. The two nodes and the controller share this machine.
"""

from __future__ import annotations

import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from machine import told

from tests.slurm import Cluster, running_cluster

PAGE = Path(__file__).resolve().parent.parent / "docs/benchmarks/slurm.md"
BIN = Path(sys.executable).parent
LIMIT = 90
"""Seconds after which a way counts as not finished."""
FEW = 40
"""Jobs up to which a few rounds tell enough; of more, chance has a say in each."""
FLOW = """\
[executors.slurm]
kind = "slurm"
{options}
[tasks.t]
foreach = {{ n = {{ range = [0, {jobs}] }} }}
outputs = ["out/{{{{ n }}}}"]
run = "echo {{{{ n }}}} > {{{{ outputs }}}}"
executor = "slurm"
"""
SNAKEFILE = """\
rule all:
    input: expand("out/{{n}}", n=range({jobs}))
rule t:
    output: "out/{{n}}"
    resources: mem_mb=50, runtime=5
    shell: "echo {{wildcards.n}} > {{output}}"
"""
GENERIC = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sbatch --parsable --output=/dev/null")
PLUGIN = ("--executor", "slurm", "--slurm-status-command", "squeue", "--slurm-no-account")
ABOUT = """\
# Jobs on Slurm: what each way takes

Trivial tasks (`echo N > out/N`), each a job of its own unless said otherwise, on a Slurm with a controller and two
nodes of two cores, all on one machine. The loop calls `sbatch` for each, and then `squeue` until none is left.
`benchmarks/slurm SIZE…` makes these tables: every way in turn, round after round, the times of all; of more than 10
jobs only the loop and flowmake, of more than 40 only with a job for each.
"""
REMARKS = """
How fast Slurm starts jobs varies between runs, for the loop as well, and by more than anything that a job does. Its log
tells why: when a job ends, the next one gets its core either at once, if the node tells of the end in a message of its
own, or at the controller's next turn, of which there is one in a second. Which of the two it is depends on which of
two processes on the node is a few milliseconds faster. So only times of pairs, one after the other, can be compared.
A job of flowmake takes some 15 ms of processor time beside its command, and waits some more for the clock of the file
system, so that its digests can be trusted.
Where even a second matters, `batch` or `alloc` spare the queue.

Snakemake's Slurm plugin asks `sacct` by default, for which a cluster needs an accounting database. Here there is none,
so it was told to ask `squeue`. Since its jobs do not keep `SLURM_CONF`, `srun` is wrapped to have it. Both of
Snakemake's ways were told to look once a second, instead of every ten.
"""


def loop(cluster: Cluster, folder: Path, jobs: int) -> bool:
    (folder / "out").mkdir()
    env = {**os.environ, **cluster.env}
    for n in range(jobs):
        script = f"#!/bin/sh\necho {n} > out/{n}\n"
        argv = ["sbatch", "--parsable", "--output=/dev/null", f"--chdir={folder}"]
        subprocess.run(argv, input=script, text=True, env=env, check=True, capture_output=True)
    while cluster.jobs():
        time.sleep(0.1)
    return True


def flowmake(options: str) -> Callable[[Cluster, Path, int], bool]:
    def run(cluster: Cluster, folder: Path, jobs: int) -> bool:
        (folder / "Flowfile").write_text(FLOW.format(options=options, jobs=jobs))
        return _finishes([str(BIN / "flowmake"), "run", "--progress", "none"], cluster, folder)

    return run


def snakemake(*options: str) -> Callable[[Cluster, Path, int], bool]:
    def run(cluster: Cluster, folder: Path, jobs: int) -> bool:
        (folder / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs))
        argv = [str(BIN / "snakemake"), "--jobs", str(jobs), "--seconds-between-status-checks", "1", *options]
        return _finishes(argv, cluster, folder)

    return run


def _finishes(argv: list[str], cluster: Cluster, folder: Path) -> bool:
    """Does it come to its end in time? Raises `CalledProcessError` if it fails."""
    wrapped = folder / "bin"
    wrapped.mkdir()
    (wrapped / "srun").write_text(f'#!/bin/sh\nSLURM_CONF={cluster.env["SLURM_CONF"]} exec /usr/bin/srun "$@"\n')
    (wrapped / "srun").chmod(0o755)
    env = {**os.environ, **cluster.env, "PATH": f"{wrapped}:{BIN}:{os.environ['PATH']}"}
    try:
        done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode:
        sys.stderr.write(done.stderr)
        done.check_returncode()
    return True


WAYS = {
    "`sbatch` in a loop": loop,
    "flowmake": flowmake(""),
    "flowmake, `batch = 5`": flowmake("batch = 5"),
    "flowmake, `alloc = true`": flowmake("alloc = true"),
    "Snakemake, `cluster-generic` with `sbatch`": snakemake(*GENERIC),
    "Snakemake, its Slurm plugin": snakemake(*PLUGIN),
}


def measure(cluster: Cluster, name: str, jobs: int) -> float:
    """Seconds; more than `LIMIT` where that was not enough. Raises `RuntimeError` where outputs are missing."""
    with TemporaryDirectory(prefix="flowmake-jobs-") as at:
        folder = Path(at)
        began = time.monotonic()
        has_ended = WAYS[name](cluster, folder, jobs)
        took = time.monotonic() - began
        made = len(list((folder / "out").glob("*")))
        cluster.clear()
    if has_ended and made != jobs:
        raise RuntimeError(f"{name}: {made} outputs of {jobs}")
    return took if has_ended else math.inf


def worded(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < math.inf else f"not finished after {LIMIT} s"


def rate(loop: Sequence[float], ours: Sequence[float]) -> str:
    """Of every pair and their median: how fast jobs go through in proportion to the loop."""
    ratios = [other / own for other, own in zip(loop, ours, strict=True)]
    return f"{', '.join(f'{ratio:.2f}' for ratio in ratios)}; median {statistics.median(ratios):.2f}"


def ways(jobs: int) -> list[str]:
    """Those that get so many done in a bearable time."""
    first, *others = WAYS if jobs <= 10 else [name for name in WAYS if not name.startswith("Snakemake")]
    return [first, *others] if jobs <= FEW else [first, others[0]]


def section(cluster: Cluster, jobs: int) -> str:
    took: dict[str, list[float]] = {name: [] for name in ways(jobs)}
    for _ in range(3 if jobs <= FEW else 9):
        for name, times in took.items():
            times.append(measure(cluster, name, jobs))
            print(jobs, name, worded(times[-1]), file=sys.stderr, flush=True)
    rows = [f"| {name} | {', '.join(map(worded, times))} |" for name, times in took.items()]
    first, second, *_ = took.values()
    rates = f"Jobs in a second, flowmake's in proportion to the loop's of the same round: {rate(first, second)}.\n"
    return "\n".join([f"## {jobs} jobs\n", "| way | seconds |", "|---|---|", *rows, "", rates, told(), ""])


def kept() -> dict[int, str]:
    """What the page tells already, by the number of jobs."""
    found = re.findall(r"^## (\d+) jobs\n.*?(?=^## |^How fast)", PAGE.read_text(), re.M | re.S)
    parts = re.split(r"^(?=## \d+ jobs\n)|^(?=How fast)", PAGE.read_text(), flags=re.M)
    return {int(size): part.rstrip() + "\n" for size, part in zip(found, parts[1:], strict=False)}


def main(sizes: list[int]) -> None:
    """Measure these; of other sizes, what was measured before stays."""
    with running_cluster() as cluster:
        sections = kept() | {jobs: section(cluster, jobs) for jobs in sizes}
    told_of = "\n".join(text for _, text in sorted(sections.items()))
    PAGE.write_text(f"{ABOUT}\n{told_of}{REMARKS}")


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [10, 40, 200])
