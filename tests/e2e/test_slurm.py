"""Tasks as Slurm jobs, on a real one: what a job is asked for, what shares one, what a person sees meanwhile."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.slurm import Cluster

COUNT = """
[tasks.t]
foreach = { n = { range = [0, 6] } }
outputs = ["out/{{ n }}"]
run = "echo $SLURM_JOB_ID $SLURMD_NODENAME > {{ outputs }}"
executor = "slurm"
"""


@pytest.fixture(autouse=True)
def no_jobs_left(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.until(lambda: not cluster.jobs(), "the last jobs to go")


def written(project: Any) -> list[list[str]]:
    return [path.read_text().split() for path in sorted((project.root / "out").iterdir())]


def test_a_job_asks_for_what_the_task_needs(project: Any, cluster: Cluster) -> None:
    project.flowfile(
        """
        [executors.big]
        kind = "slurm"
        partition = "main"
        args = ["--nice=7"]
        [tasks.t]
        run = "scontrol show job -o $SLURM_JOB_ID"
        resources = { cpu = 2, mem = "100M", time = "90s" }
        executor = "big"
        """
    )
    assert project.run("run", env=cluster.env).code == 0
    said = project.run("log", "t", env=cluster.env).stdout
    assert re.search(r" JobName=flowmake/[0-9a-f]{8}/[\w-]+/t ", said)
    for asked in ("Partition=main", "CPUs/Task=2", "MinMemoryNode=100M", "TimeLimit=00:02:00", "Nice=7", "Requeue=0"):
        assert asked in said


def test_what_a_task_says_for_itself_wins(project: Any, cluster: Cluster) -> None:
    project.flowfile(
        """
        [executors.big]
        kind = "slurm"
        partition = "nowhere"
        args = ["--nice=7", "--comment=x"]
        [defaults]
        executor = "big"
        run = "scontrol show job -o $SLURM_JOB_ID"
        [tasks.own]
        slurm = { partition = "main", args = ["--nice=9"] }
        [tasks.other]
        slurm.account = "physics"
        """
    )
    done = project.run("run", "-k", env=cluster.env)
    assert done.code == 1
    assert "Slurm refused it: Invalid partition name specified" in done.stderr
    said = project.run("log", "own", env=cluster.env).stdout
    assert " Partition=main " in said
    assert " Nice=9 " in said


def test_tasks_that_ask_for_different_things_share_no_job(project: Any, cluster: Cluster) -> None:
    project.flowfile(
        f"""
        [executors.slurm]
        kind = "slurm"
        batch = 10
        {COUNT}
        [tasks.u]
        outputs = ["out/u"]
        run = "echo $SLURM_JOB_ID - > {{{{ outputs }}}}"
        executor = "slurm"
        slurm = {{ args = ["--nice=9"] }}
        """
    )
    assert project.run("run", env=cluster.env).code == 0
    assert len({job for job, _ in written(project)}) == 2


def test_an_allocation_hears_nothing_of_what_single_tasks_ask_for(project: Any, cluster: Cluster) -> None:
    own = COUNT + 'slurm.args = ["--nice=9"]\n'
    project.flowfile(f'[executors.slurm]\nkind = "slurm"\nalloc = true\n{own}')
    done = project.run("run", env=cluster.env)
    assert done.code == 0
    said = "executor `slurm`: what `t@0` says under `slurm` is for jobs of their own, not for `alloc`"
    assert done.stderr.count(said) == 1


@pytest.mark.parametrize(("options", "jobs"), [("", 6), ("batch = 3", 2), ("batch = 4", 2), ("alloc = true", 1)])
def test_how_many_jobs_there_are(project: Any, cluster: Cluster, options: str, jobs: int) -> None:
    project.flowfile(f'[executors.slurm]\nkind = "slurm"\n{options}\n{COUNT}')
    done = project.run("run", env=cluster.env)
    assert done.code == 0, done.stderr
    assert len({job for job, _ in written(project)}) == jobs


def test_a_large_batch_is_one_job(project: Any, cluster: Cluster) -> None:
    count = COUNT.replace("[0, 6]", "[0, 60]")
    project.flowfile(f'[executors.slurm]\nkind = "slurm"\nbatch = 100\n{count}')
    done = project.run("run", env=cluster.env)
    assert done.code == 0, done.stderr
    assert len({job for job, _ in written(project)}) == 1
    assert len(written(project)) == 60


def test_an_allocation_uses_all_its_nodes(project: Any, cluster: Cluster) -> None:
    both = "[ $(sort -u nodes | wc -l) = 2 ]"
    meet = f"echo $SLURMD_NODENAME >> nodes; for i in $(seq 500); do {both} && exit 0; sleep 0.02; done; exit 1"
    project.flowfile(
        f"""
        [executors.slurm]
        kind = "slurm"
        alloc = {{ nodes = 2, cpus = 1 }}
        [tasks.t]
        foreach = {{ n = [1, 2] }}
        run = "{meet}"
        executor = "slurm"
        """
    )
    done = project.run("run", env=cluster.env)
    assert done.code == 0, done.stderr


def test_what_is_cheap_stays_here(project: Any, cluster: Cluster) -> None:
    project.flowfile(
        COUNT
        + """
        [tasks.sum]
        needs = ["t"]
        outputs = ["sum"]
        run = "echo ${SLURM_JOB_ID:-here} > {{ outputs }}"
        executor = "local"
        """
    )
    assert project.run("run", "--executor", "slurm", env=cluster.env).code == 0
    assert project.read("sum") == "here\n"
    assert all(len(words) == 2 for words in written(project))


def test_what_waits_in_the_queue_looks_queued(project: Any, cluster: Cluster) -> None:
    """Until its command begins; only from then on is it timed."""
    project.flowfile(f'[executors.slurm]\nkind = "slurm"\n{COUNT}')
    state = ("status", "--json")
    cluster.ask("scontrol", "update", "partitionname=main", "state=down")
    with project.start("run", "--progress", "plain", "--events", "events", env=cluster.env) as process:
        cluster.until(lambda: len(cluster.jobs(state="PENDING")) == 6, "the jobs to queue")
        states = [task["state"] for task in json.loads(project.run(*state, env=cluster.env).stdout)["tasks"]]
        released = datetime.now(UTC)
        cluster.ask("scontrol", "update", "partitionname=main", "state=up")
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert states == ["queued"] * 6
    lines = said.decode().splitlines()
    assert [line for line in lines if "queued" in line] == [f"[0/6] t@{n} queued on slurm" for n in range(6)]
    assert sum(" started" in line for line in lines) == 6
    events = [json.loads(line) for line in project.read("events").splitlines()]
    for n in range(6):
        mine = [event for event in events if event.get("task") == f"t@{n}"]
        assert [event["event"] for event in mine] == ["task_judged", "task_queued", "task_started", "task_finished"]
        _, queued, started, finished = (datetime.fromisoformat(event["time"]) for event in mine)
        assert queued < released <= started <= finished
        assert released + timedelta(seconds=mine[-1]["seconds"]) <= finished
    for record in json.loads(project.run("history", "last", "--json").stdout)["runs"][0]["tasks"]:
        assert datetime.fromisoformat(record["started"]) >= released


def test_what_runs_long_is_seen_to_have_begun(project: Any, cluster: Cluster) -> None:
    project.flowfile('[tasks.t]\nrun = "read line < gate"\nexecutor = "slurm"\n')
    state = ("status", "--json")
    with project.gate() as gate, project.start("run", env=cluster.env) as process:
        cluster.until(
            lambda: json.loads(project.run(*state, env=cluster.env).stdout)["tasks"][0]["state"] == "running",
            "the task to look running",
        )
        gate.write(b"go\n")
        _, said = process.communicate(timeout=30)
    lines = said.decode().splitlines()
    assert lines[:2] == ["[0/1] t queued on slurm", "[0/1] t started"]
    assert lines[2].startswith("[1/1] t ✓")


def test_a_log_is_followed_while_the_job_runs(project: Any, cluster: Cluster) -> None:
    project.flowfile('[tasks.t]\nrun = "echo first; read line < gate; echo $line"\nexecutor = "slurm"\n')
    with project.gate() as gate, project.start("run", env=cluster.env) as process:
        cluster.until(lambda: list(project.root.glob(".flowmake/runs/*/logs/*")), "the log")
        with project.start("log", "-f", "t", env=cluster.env) as follower:
            assert follower.stdout.readline() == b"first\n"
            gate.write(b"second\n")
            assert follower.stdout.readline() == b"second\n"
            assert follower.wait(30) == 0
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_where_there_is_no_slurm(project: Any, tmp_path: Path) -> None:
    project.flowfile(COUNT)
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "bash").symlink_to(str(shutil.which("bash")))
    done = project.run("run", env={"PATH": str(bare)})
    assert (done.code, done.stderr) == (
        2,
        "error: executor `slurm`: `sbatch`, `squeue`, `scancel`, `scontrol` not found\n"
        "hint: is this a machine that submits jobs?\n",
    )
