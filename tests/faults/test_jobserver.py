"""Sharing jobs with a real make, counted by files that exist while a command runs, never by time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowmake.engine.executors.local import LocalExecutor
from flowmake.engine.jobserver import Jobserver
from tests.processes import Bench

JOB = """\
import fcntl, os, sys, time
folder, limit = sys.argv[1], int(os.environ["LIMIT"])
mine = os.path.join(folder, "now", str(os.getpid()))
counts = os.path.join(folder, "counts")

def locked(act):
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return act()

def come():
    open(mine, "w").close()
    with open(counts, "a") as file:
        file.write(f"{len(os.listdir(os.path.join(folder, 'now')))}\\n")

def was_full():
    with open(counts) as file:
        return max(map(int, file)) >= limit

locked(come)
# Until all slots have been in use once, to show that they can be; a little longer, for others to be too many.
for _ in range(1000):
    time.sleep(0.01)
    if locked(was_full):
        break
locked(lambda: os.unlink(mine))
"""
JOBS_PER_MAKE = 8


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """A folder with a Makefile whose target `all` runs eight counted jobs."""
    (tmp_path / "now").mkdir()
    (tmp_path / "job.py").write_text(JOB)
    targets = " ".join(f"t{n}" for n in range(JOBS_PER_MAKE))
    job = f"@{sys.executable} -S -E job.py {tmp_path}"
    (tmp_path / "Makefile").write_text(f".PHONY: all {targets}\nall: {targets}\n{targets}:\n\t{job}\n")
    return tmp_path


def counts(workshop: Path) -> list[int]:
    """At the start of each job: how many were running."""
    return [int(line) for line in (workshop / "counts").read_text().split()]


def run_tasks(bench: Bench, slots: Jobserver, argvs: list[tuple[str, ...]], environ: dict[str, str]) -> set[int | None]:
    """What a scheduler does: start while there are slots, wait for ends and for slots; the exit codes."""
    waiting = list(enumerate(argvs))
    running, codes = 0, set()
    while waiting or running:
        while waiting and slots.acquire():
            number, argv = waiting.pop(0)
            bench.start(f"t{number}", *argv, env=environ)
            running += 1
        bench.clock.wait([*bench.executor.fds(), *slots.fds()], 30)
        for ended in bench.executor.poll():
            running -= 1
            slots.release()
            codes.add(ended.exit_code)
    return codes


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_tasks_and_nested_makes_together_keep_to_the_limit(workshop: Path, jobs: int) -> None:
    with Jobserver("pipe", jobs, str(workshop), {}) as slots:
        bench = Bench(LocalExecutor(slots.pass_fds), workshop)
        environ = {**os.environ, **slots.environ, "LIMIT": str(jobs)}
        job = (sys.executable, "-S", "-E", "job.py", str(workshop))
        argvs = [("make", "--no-print-directory"), job, ("make", "--no-print-directory"), *[job] * 4]
        assert run_tasks(bench, slots, argvs, environ) == {0}
        bench.executor.close()
        said = "".join(bench.log(f"t{number}") for number in range(len(argvs)))
        assert said == "", "make has nothing to complain about"
        assert [slots.acquire() for _ in range(jobs + 1)] == [True] * jobs + [False]
    assert len(counts(workshop)) == 2 * JOBS_PER_MAKE + 5
    assert max(counts(workshop)) == jobs


def test_a_nested_make_uses_the_slots_that_are_free(workshop: Path) -> None:
    with Jobserver("pipe", 4, str(workshop), {}) as slots:
        bench = Bench(LocalExecutor(slots.pass_fds), workshop)
        assert run_tasks(bench, slots, [("make",)], {**os.environ, **slots.environ, "LIMIT": "4"}) == {0}
        bench.executor.close()
    assert max(counts(workshop)) == 4


CLIENT = """\
import os, sys
from pathlib import Path
from flowmake.engine.executors.local import LocalExecutor
from flowmake.engine.jobserver import Jobserver
from tests.faults.test_jobserver import run_tasks
from tests.processes import Bench

folder = Path(sys.argv[1])
with Jobserver("pipe", 16, str(folder), os.environ) as slots:
    print("joined" if slots.joined else slots.notice, flush=True)
    bench = Bench(LocalExecutor(slots.pass_fds), folder)
    job = (sys.executable, "-S", "-E", "job.py", str(folder))
    codes = run_tasks(bench, slots, [job] * 6 + [("make", "-s", "all")], {**os.environ, **slots.environ})
    bench.executor.close()
sys.exit(codes != {0})
"""


def run_make(workshop: Path, prefix: str) -> subprocess.CompletedProcess[str]:
    """A make with three jobs that runs, beside jobs of its own, a client of its jobserver."""
    (workshop / "client.py").write_text(CLIENT)
    client = f"{prefix}@PYTHONPATH={Path(__file__).parents[2]} {sys.executable} client.py {workshop}"
    with (workshop / "Makefile").open("a") as makefile:
        makefile.write(f"outer: all client\nclient:\n\t{client}\n")
    environ = {name: value for name, value in os.environ.items() if "MAKE" not in name and name != "MFLAGS"}
    environ["LIMIT"] = "3"
    argv = ["make", "-j3", "--no-print-directory", "outer"]
    return subprocess.run(argv, cwd=workshop, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_below_make_the_limit_is_that_of_make(workshop: Path) -> None:
    done = run_make(workshop, "+")
    assert (done.returncode, done.stdout, done.stderr) == (0, "joined\n", "")
    assert len(counts(workshop)) == JOBS_PER_MAKE + 6 + JOBS_PER_MAKE
    assert max(counts(workshop)) == 3


def test_make_keeps_its_jobserver_from_plain_recipes(workshop: Path) -> None:
    done = run_make(workshop, "")
    expected = (
        "not sharing make's job slots: make closed its jobserver to this command; put `+` in front of the recipe line"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{expected}\n", "")
