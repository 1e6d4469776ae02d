"""Runs flows of many tasks with an executor that has done everything at once; writes what flowmake itself costs.

Everything is real (the command, the state, the files) but the work.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from machine import told

HERE = Path(__file__).resolve().parent
SIZES = (1_000, 10_000, 100_000, 1_000_000)
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
judging, starting, taking over the outputs, recording. `benchmarks/scale` makes this page.

{machine}

| tasks | run | of which processor | each | tasks/s | memory | run again, nothing to do | state on disk |
|---:|---:|---:|---:|---:|---:|---:|---:|
"""


def main(out: Path, sizes: tuple[int, ...]) -> None:
    rows = [_row(size) for size in sizes]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(ABOUT.format(machine=told()) + "".join(rows))


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
