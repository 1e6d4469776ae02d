"""A cluster that misbehaves. After each fault the files are those of a clean local run, and every task is done once."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.slurm import Cluster, running_cluster

FLOW = """\
[executors.slurm]
kind = "slurm"
latency_wait = 3

[defaults]
executor = "slurm"

[tasks.part]
foreach = { n = [1, 2, 3, 4] }
inputs = ["in"]
outputs = ["parts/{{ n }}"]
run = '''
echo start {{ n }} >> starts
[ {{ n }} != 1 ] || echo ${SLURMD_NODENAME:-here} >> nodes
[ {{ n }} != 1 ] || [ -e go ] || while [ ! -e go ]; do sleep 0.05; done
sed s/x/{{ n }}/ {{ inputs }} > {{ outputs }}
'''

[tasks.whole]
needs = ["part"]
outputs = ["whole/"]
run = "cat parts/* > {{ outputs }}/all"
"""
"""Part 1 takes until the file `go` is there; whoever has started is in `starts`."""


@pytest.fixture
def flow(project: Any, cluster: Cluster) -> Iterator[Any]:
    project.write("Flowfile", FLOW)
    project.write("in", "x\n")
    yield project
    cluster.clear()


def starts(project: Any) -> Counter[str]:
    return Counter(project.read("starts").split()[1::2]) if project.exists("starts") else Counter()


def is_running(project: Any, times: int = 1) -> bool:
    """Has part 1 begun so many times?"""
    return starts(project)["1"] >= times


def runs(project: Any) -> set[Path]:
    return set((project.root / ".flowmake/runs").glob("*/events.jsonl"))


def assert_like_a_clean_run(project: Any, tmp_path: Path, env: Any, before: Collection[Path] = ()) -> None:
    """The same files as a local run elsewhere makes; all fresh; one success of each task in all runs together, but
    for those `before` the inputs changed.
    """
    assert project.run("status", "--check", env=env).code == 0
    again = project.run("run", env=env)
    assert "nothing to do: all 5 tasks are fresh" in again.stderr
    clean = tmp_path / "clean"
    clean.mkdir()
    for name in ("Flowfile", "in", "go"):
        (clean / name).write_text((project.root / name).read_text())
    done = project.run("-C", str(clean), "run", "--executor", "local", env=env)
    done = done if done.code == 0 else project.run("run", "-C", str(clean), "--executor", "local", env=env)
    assert done.code == 0, done.stderr
    for path in ("parts/1", "parts/2", "parts/3", "parts/4", "whole/all"):
        assert project.read(path) == (clean / path).read_text()
    succeeded: Counter[str] = Counter()
    for events in runs(project) - set(before):
        for line in events.read_text().splitlines():
            event = json.loads(line)
            if event["event"] == "task_finished" and event["status"] == "succeeded":
                succeeded[event["task"]] += 1
    assert succeeded == {"part@1": 1, "part@2": 1, "part@3": 1, "part@4": 1, "whole": 1}
    left = [path for path in (project.root / ".flowmake/attempts").rglob("*") if path.is_file()]
    assert left == []


def finish(process: Any, code: int = 0) -> str:
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said.decode()
    return str(said.decode())


def test_the_daemon_of_a_node_is_killed(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    with flow.start("run", env=cluster.env) as process:
        cluster.until(lambda: is_running(flow), "the task to begin")
        for node in cluster.nodes:
            cluster.kill(node)
        flow.write("go")
        cluster.until(lambda: flow.exists("parts/1"), "the task to end without it")
        for node in cluster.nodes:
            cluster.start_node(node)
        finish(process)
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


def test_a_job_is_cancelled_from_outside(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    with flow.start("run", "-k", env=cluster.env) as process:
        others = ("parts/2", "parts/3", "parts/4")
        cluster.until(lambda: all(map(flow.exists, others)) and is_running(flow), "part 1 to be left")
        cluster.ask("scancel", *cluster.jobs())
        said = finish(process, 1)
    # All its processes get the signal at once: a shell may live to see that its command was killed.
    assert re.search("failed: `part@1`: (killed by SIGTERM|exit code 143)", said)
    flow.write("go")
    assert flow.run("run", env=cluster.env).code == 0
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


def test_a_job_is_cancelled_before_it_began(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    cluster.ask("scontrol", "update", "partitionname=main", "state=down")
    with flow.start("run", env=cluster.env) as process:
        cluster.until(lambda: len(cluster.jobs(state="PENDING")) == 4, "the jobs to queue")
        cluster.ask("scancel", *cluster.jobs())
        said = finish(process, 1)
    cluster.ask("scontrol", "update", "partitionname=main", "state=up")
    assert "cancelled in Slurm before it began" in said
    flow.write("go")
    assert flow.run("run", env=cluster.env).code == 0
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


def test_a_node_is_drained(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    with flow.start("run", env=cluster.env) as process:
        cluster.until(lambda: is_running(flow), "the task to begin")
        for node in cluster.nodes:
            cluster.ask("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
        flow.write("go")
        cluster.until(lambda: flow.exists("parts/1"), "what runs to end")
        for node in cluster.nodes:
            cluster.ask("scontrol", "update", f"nodename={node}", "state=resume")
        finish(process)
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


def test_a_submission_is_refused(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    flow.write("go")
    flow.write("Flowfile", FLOW.replace('kind = "slurm"', 'kind = "slurm"\npartition = "nowhere"'))
    done = flow.run("run", env=cluster.env)
    assert done.code == 1
    assert "Slurm refused it: Invalid partition name specified" in done.stderr
    flow.write("Flowfile", FLOW)
    assert flow.run("run", env=cluster.env).code == 0
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


def test_the_controller_goes_away_and_comes_back(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    with flow.start("run", env=cluster.env) as process:
        cluster.until(lambda: is_running(flow), "the task to begin")
        cluster.kill("slurmctld", signal.SIGTERM)
        flow.write("go")
        cluster.until(lambda: flow.exists("parts/1"), "its result to come without the controller")
        cluster.start_controller()
        finish(process)
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


@pytest.mark.parametrize("options", ["", "batch = 4\n", "alloc = true\n"], ids=["jobs", "batch", "alloc"])
def test_flowmake_is_killed_and_its_jobs_are_taken_over(
    flow: Any, cluster: Cluster, tmp_path: Path, options: str
) -> None:
    flow.write("Flowfile", FLOW.replace('kind = "slurm"\n', f'kind = "slurm"\n{options}'))
    with flow.start("run", env=cluster.env) as process:
        cluster.until(lambda: is_running(flow), "the task to begin")
        process.kill()
        process.wait()
    flow.write("go")
    done = flow.run("run", env=cluster.env)
    assert done.code == 0, done.stderr
    assert starts(flow) == {"1": 1, "2": 1, "3": 1, "4": 1}, "nothing was started twice"
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


def test_what_flowmake_left_is_stopped_when_it_is_no_longer_wanted(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    with flow.start("run", env=cluster.env) as process:
        cluster.until(lambda: is_running(flow), "the task to begin")
        process.kill()
        process.wait()
    before = runs(flow)
    flow.write("in", "other x\n")
    flow.write("go")
    done = flow.run("run", env=cluster.env)
    assert done.code == 0, done.stderr
    cluster.until(lambda: not cluster.jobs(), "the old job to go")
    assert flow.read("parts/1") == "other 1\n"
    assert_like_a_clean_run(flow, tmp_path, cluster.env, before)


def test_a_result_that_is_cut_off_counts_as_none(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    box = flow.root / ".flowmake/attempts/slurm"
    with flow.start("run", env=cluster.env) as process:
        cluster.until(lambda: is_running(flow), "the task to begin")
        (fence,) = [path.name for path in (box / "work").iterdir() if b"part@1" in path.read_bytes()]
        blocked = box / "results" / fence
        blocked.mkdir()  # nothing can be renamed onto it: what the node has to tell never arrives
        flow.write("go")
        cluster.until(lambda: is_running(flow, 2), "another attempt")
        finish(process)
    blocked.rmdir()
    assert starts(flow)["1"] == 2
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


@pytest.mark.slow
def test_the_queue_is_full(project: Any, tmp_path: Path) -> None:
    project.write("Flowfile", FLOW)
    project.write("in", "x\n")
    with running_cluster(max_jobs=2, min_job_age=2) as small:
        with project.start("run", env=small.env) as process:
            project.write("go")
            said = finish(process)
        assert "executor `slurm`: Slurm takes no jobs for now, and is asked again: " in said
        assert_like_a_clean_run(project, tmp_path, small.env)


def assert_told_where(project: Any, task: str, host: str) -> None:
    """Of a task of the last run that ran on another machine than this."""
    rows = project.run("history", "last").stdout.splitlines()
    assert rows[0].split()[-1] == "HOST"
    assert [row.split()[-1] for row in rows if row.startswith(f"{task} ")] == [host]
    assert f" on {host}\n" in project.run("show", task).stdout
    assert json.loads(project.run("show", task, "--json").stdout)["tasks"][0]["host"] == host
    assert f"==> {task} on {host} <==\n" in project.run("log").stdout
    assert project.run("report", "-o", "page.html").code == 0
    assert f'"host":"{host}"' in project.read("page.html").replace(" ", "")
    events = [json.loads(line) for path in runs(project) for line in path.read_text().splitlines()]
    assert {event["host"] for event in events if event["event"] == "task_finished" and event["task"] == task} == {host}


def test_a_link_is_cut_and_mended(project: Any, tmp_path: Path) -> None:
    """The orphan goes on, and comes to its end after the attempt that took its place."""
    project.write("Flowfile", FLOW.replace("while [ ! -e go ]", "while [ ! -e go.${SLURMD_NODENAME:-here} ]"))
    project.write("in", "x\n")
    with running_cluster(cuttable=True, slurmd_timeout=2) as cluster:
        with project.start("run", env=cluster.env) as process:
            cluster.until(lambda: is_running(project), "the task to begin")
            first = project.read("nodes").strip()
            (other,) = set(cluster.nodes) - {first}
            cluster.cut(first)
            cluster.until(lambda: is_running(project, 2), "another attempt")
            project.write(f"go.{other}")
            finish(process)
        assert_told_where(project, "part@1", other)
        done = project.read("parts/1")
        project.write(f"go.{first}")
        project.write("go")
        cluster.until(
            lambda: sorted(os.listdir(project.root / "parts")) == ["1", "2", "3", "4"], "the orphan to clean up"
        )
        cluster.mend(first)
        cluster.clear()
        assert project.read("parts/1") == done
        assert_like_a_clean_run(project, tmp_path, cluster.env)


def test_signals_cancel_what_has_not_begun(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    cluster.ask("scontrol", "update", "partitionname=main", "state=down")
    with flow.start("run", env=cluster.env) as process:
        cluster.until(lambda: len(cluster.jobs(state="PENDING")) == 4, "the jobs to queue")
        os.kill(process.pid, signal.SIGTERM)
        finish(process, 143)
    assert cluster.jobs() == []
    cluster.ask("scontrol", "update", "partitionname=main", "state=up")
    flow.write("go")
    assert flow.run("run", env=cluster.env).code == 0
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


def test_signals_cancel_the_jobs(flow: Any, cluster: Cluster, tmp_path: Path) -> None:
    with flow.start("run", env=cluster.env) as process:
        cluster.until(lambda: is_running(flow), "the task to begin")
        os.kill(process.pid, signal.SIGTERM)
        finish(process, 143)
    cluster.until(lambda: not cluster.jobs(), "the jobs to go")
    flow.write("go")
    assert flow.run("run", env=cluster.env).code == 0
    assert_like_a_clean_run(flow, tmp_path, cluster.env)


def records(project: Any) -> dict[str, str]:
    """How each task of the last run ended."""
    run = json.loads(project.run("history", "last", "--json").stdout)["runs"][0]
    return {record["task"]: record["status"] for record in run["tasks"]}


ENDLESS = """
[executors.slurm]
kind = "slurm"
[defaults]
executor = "slurm"
[tasks.endless]
run = "echo > begun; exec sleep 1000"
{timeout}
[tasks.never]
run = "true"
slurm.args = ["--hold"]
"""


def test_failing_fast_cancels_what_runs_and_what_queues(project: Any, cluster: Cluster) -> None:
    wrong = '[tasks.wrong]\nrun = "while [ ! -e begun ]; do sleep 0.05; done; exit 3"\n'
    project.flowfile(ENDLESS.format(timeout="") + wrong)
    done = project.run("run", "--fail-fast", env=cluster.env)
    cluster.until(lambda: not cluster.jobs(), "the jobs to go")
    assert done.code == 1
    assert "failed: `wrong`: exit code 3" in done.stderr
    assert records(project) == {"endless": "interrupted", "wrong": "failed", "never": "interrupted"}


def test_a_timeout_ends_the_job_and_failing_fast_the_others(project: Any, cluster: Cluster) -> None:
    project.flowfile(ENDLESS.format(timeout="timeout = 1"))
    done = project.run("run", "--fail-fast", env=cluster.env)
    cluster.until(lambda: not cluster.jobs(), "the jobs to go")
    assert done.code == 124
    assert records(project) == {"endless": "timed_out", "never": "interrupted"}
