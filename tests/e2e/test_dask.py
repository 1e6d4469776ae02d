"""Tasks that run on Dask: the same verdicts and files as here; what is wrong with it is said before anything starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

import flowmake
from flowmake.world.clock import SystemClock
from tests.dasks import Dask
from tests.processes import LIMIT, wait_gone
from tests.slurm import Cluster

TABLE = '[executors.dask]\nkind = "dask"\naddress = "{}"\nconnect_timeout = 20\n[defaults]\nexecutor = "dask"\n'


def finished(done: Any) -> dict[str, Any]:
    """The end of each task by its name, of a run with `--events -`."""
    events = map(json.loads, done.stdout.splitlines())
    return {event["task"]: event for event in events if event["event"] == "task_finished"}


def test_it_makes_what_a_local_run_makes_and_knows_it(project: Any, dask: Dask) -> None:
    project.flowfile(
        TABLE.format(dask.address)
        + """
        [tasks.parts]
        foreach = { n = { range = [0, 20] } }
        inputs = ["in"]
        outputs = ["parts/{{ n }}/"]
        run = "cp {{ inputs }} {{ outputs }}copy; echo {{ n }} > {{ outputs }}n"
        [tasks.all]
        needs = ["parts"]
        inputs = ["parts/*/n"]
        outputs = { list = "out/list", tool = "out/tool" }
        run = "cat {{ inputs }} > {{ outputs.list }}; cp in {{ outputs.tool }}; chmod +x {{ outputs.tool }}"
        [tasks.call]
        inputs = ["out/list"]
        outputs = ["out/total"]
        call = "steps:total"
        args = { source = "{{ inputs[0] }}", target = "{{ outputs[0] }}" }
        """
    )
    project.write("in", "some text")
    project.write(
        "steps.py",
        "def total(source, target):\n"
        "    print('adding')\n"
        "    text = open(source).read()\n"
        "    open(target, 'w').write(str(sum(map(int, text.split()))))\n"
        "    return lambda: 'nothing that could be sent'\n",
    )
    there = project.run("run", "--events", "-")
    assert there.code == 0, there.stderr
    made = {name: event["outputs"] for name, event in finished(there).items()}
    assert project.read("out/total") == "190"
    assert project.run("log", "call").stdout == "adding\n"
    assert "nothing to do: all 22 tasks are fresh" in project.run("run").stderr
    here = project.run("run", "-B", "--executor", "local", "--events", "-")
    assert {name: event["outputs"] for name, event in finished(here).items()} == made
    assert [path for path in project.root.rglob("*") if ".flowmake-" in path.name] == []
    assert [path for path in (project.root / ".flowmake/attempts").rglob("*") if path.is_file()] == []


def test_failures_come_back_as_they_were(project: Any, dask: Dask) -> None:
    project.flowfile(
        TABLE.format(dask.address)
        + """
        [tasks.code]
        run = "echo why; exit 7"
        [tasks.signal]
        exec = ["sh", "-c", "kill -KILL $$"]
        [tasks.slow]
        run = "sleep 100"
        timeout = 0.2
        [tasks.raises]
        call = "steps:raises"
        [tasks.unknown]
        exec = ["no-such-program"]
        """
    )
    project.write("steps.py", "def raises():\n    raise ValueError('no good')\n")
    done = project.run("run", "-k", "--events", "-")
    assert done.code == 1
    ends = finished(done)
    assert {name: (event["status"], event["message"]) for name, event in ends.items()} == {
        "code": ("failed", "exit code 7"),
        "signal": ("failed", "killed by SIGKILL"),
        "slow": ("timed_out", "timed out after 0.2 s"),
        "raises": ("failed", "ValueError: no good"),
        "unknown": ("failed", "command `no-such-program` not found in PATH"),
    }
    assert project.run("log", "code").stdout == "why\n"
    assert 'steps.py", line 2, in raises' in project.run("log", "raises").stdout


def test_fail_fast_stops_what_runs_and_what_waits(project: Any, dask: Dask) -> None:
    project.flowfile(
        TABLE.format(dask.address)
        + """
        [tasks.fails]
        run = "cat gate; exit 3"
        [tasks.hangs]
        foreach = { n = [1, 2, 3] }
        run = "echo > gate; exec sleep 1000"
        """
    )
    os.mkfifo(project.root / "gate")
    done = project.run("run", "--fail-fast", "--events", "-")
    assert done.code == 1
    ends = {name: event["status"] for name, event in finished(done).items()}
    assert ends == {"fails": "failed", **{f"hangs@{n}": "interrupted" for n in (1, 2, 3)}}


def test_pools_hold_here_and_there(project: Any, dask: Dask) -> None:
    alone = "mkdir lock; sleep 0.1; rmdir lock"
    project.flowfile(
        "[pools]\ndb = 1\n"
        + TABLE.format(dask.address)
        + f"""
        [tasks.work]
        foreach = {{ n = [1, 2, 3] }}
        pool = "db"
        run = "{alone}"
        [tasks.here]
        pool = "db"
        run = "{alone}"
        executor = "local"
        """
    )
    done = project.run("run", "-j", "4")
    assert done.code == 0, done.stderr


def test_what_workers_count_is_counted_there(project: Any, tmp_path: Path) -> None:
    """One of them has two of what one task needs both of; the other has none, and more threads than can be used."""
    with Dask(tmp_path / "dask", workers=1, threads=4) as own:
        own.add_worker("--resources", "GPU=2").wait_ready()
        project.flowfile(
            TABLE.format(own.address)
            + """
            [tasks.work]
            foreach = { n = [1, 2, 3, 4] }
            run = "mkdir lock; sleep 0.1; rmdir lock"
            resources = { gpu = 2 }
            """
        )
        done = project.run("run")
        assert done.code == 0, done.stderr


def test_a_cluster_is_opened_on_this_machine_and_closed(project: Any) -> None:
    project.flowfile('[tasks.t]\noutputs = ["o"]\nrun = "ps -o pid= -o ppid= > {{ outputs }}; echo $PPID > agent"\n')
    done = project.run("run", "--executor", "dask", "-j", "2", env={"PYTHONWARNINGS": "error"})
    assert (done.code, "error" in done.stderr.lower()) == (0, False), done.stderr
    wait_gone([int(project.read("agent"))])
    left = [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(project.root)]
    assert left == []


def test_ctrl_c_reaches_the_workers_on_this_machine_too(project: Any) -> None:
    """As in a terminal, which sends it to all of the group."""
    project.flowfile("[tasks.t]\nrun = 'grep SigBlk /proc/self/status > mask; echo > gate; exec sleep 1000'\n")
    with project.gate() as gate, project.start("run", "--executor", "dask") as process:
        gate.read(1)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert "Traceback" not in said.decode()
    assert project.read("mask").split() == ["SigBlk:", "0" * 16]


def test_what_waits_for_a_worker_looks_queued(project: Any, tmp_path: Path) -> None:
    with Dask(tmp_path / "dask", workers=0) as own:
        project.flowfile(
            TABLE.format(own.address) + '[tasks.t]\nforeach = { n = [1, 2] }\nrun = "echo > gate; exec sleep 0.1"\n'
        )
        with project.gate() as gate, project.start("run", "--events", str(project.root / "events")) as process:
            own.wait_for_log("Receive client connection: Client-flowmake")
            while "task_queued" not in project.read("events"):
                SystemClock().wait((), 0.02)
            tasks = json.loads(project.run("status", "--json").stdout)["tasks"]
            own.add_worker()
            gate.read(1)
            _, said = process.communicate(timeout=LIMIT)
        assert process.returncode == 0
    assert [(task["task"], task["state"]) for task in tasks] == [("t@1", "queued"), ("t@2", "queued")]
    assert "[0/2] t@1 queued on dask\n" in said.decode()
    events = [json.loads(line) for line in project.read("events").splitlines()]
    for name in ("t@1", "t@2"):
        mine = [event for event in events if event.get("task") == name]
        assert [event["event"] for event in mine] == ["task_judged", "task_queued", "task_started", "task_finished"]
        assert (mine[1]["executor"], mine[3]["host"]) == ("dask", socket.gethostname())


# -- mistakes --------------------------------------------------------------------------------------------------------


def assert_refused(project: Any, message: str, env: dict[str, str] | None = None) -> None:
    done = project.run("run", env=env)
    assert (done.code, done.stderr) == (2, message)
    assert not project.exists("o")


def test_a_wrong_address(project: Any) -> None:
    table = TABLE.format("tcp://127.0.0.1:9").replace("20", "0.5")
    project.flowfile(table + '[tasks.t]\noutputs = ["o"]\nrun = "echo > {{ outputs }}"\n')
    assert_refused(
        project,
        "error: no Dask scheduler answers at `tcp://127.0.0.1:9` within 0.5 s\n"
        "hint: is it running, and is this its address?\n",
    )


def test_no_address_at_all(project: Any) -> None:
    project.flowfile(TABLE.format("nonsense://x") + '[tasks.t]\noutputs = ["o"]\nrun = "echo > {{ outputs }}"\n')
    done = project.run("run")
    assert done.code == 2
    assert done.stderr.startswith("error: `nonsense://x` is no address of a Dask scheduler: ")


@pytest.fixture
def other(tmp_path: Path) -> str:
    """A folder with another version of flowmake, and a setting for PYTHONPATH."""
    shutil.copytree(Path(flowmake.__file__).parent, tmp_path / "other/flowmake")
    init = tmp_path / "other/flowmake/__init__.py"
    init.write_text(init.read_text().replace(f'"{flowmake.__version__}"', '"0.0.1"'))
    return installed(tmp_path / "other", "flowmake", "0.0.1")


def installed(folder: Path, package: str, version: str) -> str:
    """A folder where pip would have installed that version of a package."""
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    return str(folder)


def test_a_worker_with_another_version(project: Any, tmp_path: Path, other: str) -> None:
    with Dask(tmp_path / "dask", workers=0) as own:
        own.add_worker(env={"PYTHONPATH": other}).wait_ready()
        project.flowfile(TABLE.format(own.address) + '[tasks.t]\noutputs = ["o"]\nrun = "echo > {{ outputs }}"\n')
        found = project.run("run")
        assert (found.code, re.sub(r"tcp://[\d.]+:\d+", "WHERE", found.stderr)) == (
            2,
            f"error: the worker at `WHERE` of Dask has flowmake 0.0.1; here is flowmake {flowmake.__version__}\n"
            "hint: install the same versions on all machines\n",
        )


def test_a_worker_with_another_version_that_comes_later(project: Any, tmp_path: Path, other: str) -> None:
    with Dask(tmp_path / "dask", workers=0) as own:
        project.flowfile(TABLE.format(own.address) + '[tasks.t]\noutputs = ["o"]\nrun = "echo > {{ outputs }}"\n')
        with project.start("run") as process:
            own.wait_for_log("Receive client connection: Client-flowmake")
            own.add_worker(env={"PYTHONPATH": other})
            _, said = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert f"a Dask worker cannot run it: flowmake 0.0.1 is installed there, and {flowmake.__version__} here" in (
            said.decode()
        )


def test_a_scheduler_with_another_version(project: Any, tmp_path: Path) -> None:
    site = installed(tmp_path / "site", "distributed", "2020.1.1")
    with Dask(tmp_path / "dask", workers=0, env={"PYTHONPATH": site}) as own:
        project.flowfile(TABLE.format(own.address) + '[tasks.t]\noutputs = ["o"]\nrun = "echo > {{ outputs }}"\n')
        found = project.run("run")
        assert found.code == 2
        assert found.stderr.startswith("error: the scheduler of Dask has distributed 2020.1.1; here is distributed ")


def test_dask_is_not_installed(project: Any, tmp_path: Path) -> None:
    """An import that finds nothing is what a missing package comes to."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text("import sys\nsys.modules['distributed'] = None\n")
    project.flowfile(TABLE.format("tcp://x:1") + '[tasks.t]\noutputs = ["o"]\nrun = "echo > {{ outputs }}"\n')
    assert_refused(
        project,
        "error: executor `dask`: Dask is not installed\nhint: pip install 'flowmake[dask]'\n",
        {"PYTHONPATH": str(tmp_path / "site")},
    )


CLUSTERS = {
    'address = "tcp://x:1"\ncluster = { class = "a.B", scale = 1 }': (
        "`address` names a scheduler that runs, `cluster` opens one",
        "leave one of them out",
    ),
    'cluster = { class = "dask_jobqueue.PBSCluster" }': (
        "`cluster` needs a `class`, and in `scale` how many workers there shall be",
        'write `cluster = { class = "dask_jobqueue.PBSCluster", scale = 20, … }`',
    ),
    'cluster = { class = "no_such_module.Cluster", scale = 1 }': (
        "there is no cluster `no_such_module.Cluster`: No module named 'no_such_module'",
        "it is written `module.Class`",
    ),
    'cluster = { class = "distributed.LocalCluster", scale = 1, colour = "red" }': (
        "cannot open a `distributed.LocalCluster`: ",
        "",
    ),
}


@pytest.mark.parametrize("options", CLUSTERS)
def test_a_cluster_that_cannot_be_opened(project: Any, options: str) -> None:
    project.flowfile(f'[executors.dask]\nkind = "dask"\n{options}\n[tasks.t]\nrun = "true"\nexecutor = "dask"\n')
    done = project.run("run")
    message, hint = CLUSTERS[options]
    assert done.code == 2
    assert f"error: {message}" in done.stderr
    assert done.stderr.endswith(f"hint: {hint}\n" if hint else "\n")


def test_mistakes_in_the_table_get_a_caret(project: Any) -> None:
    project.write("Flowfile", '[executors.dask]\nkind = "dask"\nadress = "tcp://x:1"\n[tasks.t]\nrun = "true"\n')
    done = project.run("check")
    assert (done.code, done.stderr) == (
        2,
        "Flowfile:3:1: error: unknown field `adress`\n"
        '    3 | adress = "tcp://x:1"\n      | ^^^^^^\n   hint: did you mean `address`?\n\n1 error in Flowfile\n',
    )


# -- batch systems ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "line"), [("PBS", "#PBS -q long"), ("LSF", "#BSUB -q long"), ("SGE", "#$ -q long")])
def test_the_job_of_a_batch_system_starts_our_python(name: str, line: str) -> None:
    import dask_jobqueue

    kind = getattr(dask_jobqueue, f"{name}Cluster")
    with kind(
        cores=4, memory="16GB", queue="long", walltime="01:00", scheduler_options={"dashboard_address": ":0"}
    ) as cluster:
        script = cluster.job_script()
    assert line in script.splitlines()
    assert f"{sys.executable} -m distributed.cli.dask_worker tcp://" in script


def test_workers_are_jobs_of_a_batch_system(project: Any, cluster: Cluster) -> None:
    project.flowfile(
        """
        [executors.jobs]
        kind = "dask"

        [executors.jobs.cluster]
        class = "dask_jobqueue.SLURMCluster"
        scale = 1
        cores = 2
        memory = "1GB"
        interface = "lo"
        job_directives_skip = ["--mem"]
        scheduler_options = { dashboard_address = ":0" }

        [tasks.there]
        foreach = { n = [1, 2] }
        outputs = ["job{{ n }}"]
        run = "echo $SLURM_JOB_NAME > {{ outputs }}"
        executor = "jobs"
        """
    )
    done = project.run("run", env=cluster.env)
    assert done.code == 0, done.stderr
    assert [project.read("job1"), project.read("job2")] == ["dask-worker\n"] * 2
