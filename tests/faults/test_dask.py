"""Dask goes wrong: whatever dies, hangs or comes back, the outputs are those of a run on this machine, made once."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client

from flowmake.core.ports import Site
from flowmake.engine.executors.dask import KIND, Options
from flowmake.world.clock import SystemClock
from tests.dasks import Dask
from tests.processes import LIMIT, Bench, wait_gone

FLOW = """
[executors.dask]
kind = "dask"
connect_timeout = 3
address = "{address}"
[defaults]
executor = "dask"
[tasks.slow]
inputs = ["in"]
outputs = ["slow"]
run = '''
cat {{{{ inputs }}}} > {{{{ outputs }}}}
if mkdir first 2> /dev/null; then echo $$ > gate; exec sleep 1000; fi
echo done >> {{{{ outputs }}}}
'''
[tasks.other]
inputs = ["in"]
outputs = ["dir/"]
run = "cp {{{{ inputs }}}} {{{{ outputs }}}}copy"
[tasks.both]
inputs = ["slow", "dir/"]
outputs = ["both"]
run = "cat slow dir/copy > {{{{ outputs }}}}"
"""
"""The first attempt at `slow` hangs once its output is half written; later ones do not."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Dask]:
    """One that may be mistreated."""
    with Dask(tmp_path / "dask", distributed__scheduler__worker_ttl="3s") as started:
        yield started


def hanging(project: Any, dask: Dask) -> tuple[Any, int]:
    """A run whose task `slow` hangs, and the process that does."""
    project.flowfile(FLOW.format(address=dask.address))
    project.write("in", "some text\n")
    os.mkfifo(project.root / "gate")
    process = project.start("run", "--events", str(project.root / "events"))
    return process, int((project.root / "gate").read_text())


def wait_until(is_so: Any) -> None:
    clock = SystemClock()
    limit = clock.monotonic() + LIMIT
    while not is_so():
        assert clock.monotonic() < limit
        clock.wait((), 0.02)


def assert_clean(project: Any) -> None:
    """As if it had run here, at once; nothing is left over, and nothing to do."""
    assert project.read("both") == "some text\ndone\nsome text\n"
    assert [path.name for path in project.root.rglob("*") if ".flowmake-" in path.name] == []
    assert [path for path in (project.root / ".flowmake/attempts").rglob("*") if path.is_file()] == []
    again = project.run("run")
    assert "nothing to do: all 3 tasks are fresh" in again.stderr
    ended = Counter(
        (event["task"], event["status"])
        for log in (project.root / ".flowmake/runs").glob("*/events.jsonl")
        for event in map(json.loads, log.read_text().splitlines())
        if event["event"] == "task_finished"
    )
    assert [ended[task, "succeeded"] for task in ("slow", "other", "both")] == [1, 1, 1]


def worker_of(dask: Dask, pid: int) -> Any:
    """The worker that a command runs beside."""
    above = {process.pid for process in psutil.Process(pid).parents()}
    (found,) = [worker for worker in dask.workers if worker.pid in above]
    return found


def test_a_worker_is_killed(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        worker_of(own, pid).signal(signal.SIGKILL)
        assert process.wait(LIMIT) == 0
    wait_gone([pid])
    assert_clean(project)


def test_its_agent_is_killed(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        psutil.Process(pid).parent().kill()
        assert process.wait(LIMIT) == 0
    os.kill(pid, signal.SIGKILL)  # it hangs on; nobody looks at what it writes
    assert_clean(project)


def test_a_frozen_worker_comes_back_too_late(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        worker = worker_of(own, pid)
        agent = psutil.Process(pid).parent()
        worker.signal(signal.SIGSTOP)
        agent.suspend()
        assert process.wait(LIMIT) == 0
    assert project.read("slow") == "some text\ndone\n"
    assert psutil.pid_exists(pid)
    agent.resume()
    worker.signal(signal.SIGCONT)
    wait_gone([pid])
    wait_until(lambda: not list(project.root.glob(".flowmake-fenced.*")))
    assert_clean(project)


def test_flowmake_is_killed_and_runs_again(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        process.kill()
    wait_gone([pid])
    again = project.run("run")
    assert again.code == 0, again.stderr
    wait_until(lambda: not list(project.root.glob(".flowmake-fenced.*")))
    assert_clean(project)


def test_the_scheduler_is_killed(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        own.scheduler.signal(signal.SIGKILL)
        _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert f"the Dask scheduler at `{own.address}` has gone" in said.decode()
    wait_gone([pid])
    own.restart_scheduler()
    own.add_worker().wait_ready()
    again = project.run("run")
    assert again.code == 0, again.stderr
    assert_clean(project)


def test_another_scheduler_takes_its_place(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        own.restart_scheduler()
        own.add_worker()
        assert process.wait(LIMIT) == 0
    wait_gone([pid])
    assert_clean(project)


def test_somebody_cancels_a_task(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        with Client(own.address, set_as_default=False) as client:
            wait_until(lambda: len(at_work(client)) == 1)  # those that have ended are told of a moment later
            client.cancel([distributed_future(client, *at_work(client))], force=True)
        _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "somebody has cancelled it" in said.decode()
    wait_gone([pid])
    again = project.run("run")
    assert again.code == 0, again.stderr
    wait_until(lambda: not list(project.root.glob(".flowmake-fenced.*")))
    assert_clean(project)


def at_work(client: Client) -> list[Any]:
    return [key for keys in client.processing().values() for key in keys]


def distributed_future(client: Client, key: Any) -> Any:
    from distributed import Future

    return Future(key, client)


def test_somebody_restarts_all_workers(project: Any, tmp_path: Path) -> None:
    with Dask(tmp_path / "dask", workers=1) as own:
        process, pid = hanging(project, own)
        with process:
            with Client(own.address, set_as_default=False) as client:
                client.restart(wait_for_workers=False)
            own.add_worker()
            assert process.wait(LIMIT) == 0
        wait_gone([pid])
        assert_clean(project)


def test_the_run_is_interrupted(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        process.terminate()
        process.communicate(timeout=LIMIT)
    assert process.returncode == 143
    wait_gone([pid])
    assert not project.exists("slow")
    assert project.run("run").code == 0
    assert_clean(project)


def test_the_run_is_interrupted_while_a_worker_hangs(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        worker_of(own, pid).signal(signal.SIGSTOP)
        process.terminate()
        process.terminate()
        process.communicate(timeout=LIMIT)
    assert process.returncode == 143
    wait_gone([pid])  # its claim is gone, which the agent sees


def test_the_run_is_interrupted_while_the_scheduler_hangs(project: Any, own: Dask) -> None:
    process, pid = hanging(project, own)
    with process:
        own.scheduler.signal(signal.SIGSTOP)
        process.terminate()
        process.terminate()
        _, said = process.communicate(timeout=2 * LIMIT)
    assert process.returncode == 143
    assert f"executor `dask`: the Dask scheduler at `{own.address}` does not answer" in said.decode()
    wait_gone([pid])  # its claim is gone, which the agent sees


def test_a_scheduler_that_hangs_is_told_of_and_waited_for(project: Any, tmp_path: Path) -> None:
    with Dask(tmp_path / "dask") as own:
        process, pid = hanging(project, own)
        with process:
            own.scheduler.signal(signal.SIGSTOP)
            said = read_until(process, "does not answer")
            assert f"executor `dask`: the Dask scheduler at `{own.address}` does not answer" in said
            own.scheduler.signal(signal.SIGCONT)
            os.kill(pid, signal.SIGKILL)
            assert process.wait(LIMIT) == 1
        assert project.run("run").code == 0
        assert_clean(project)


def test_nobody_is_there_to_run_it(project: Any, tmp_path: Path) -> None:
    with Dask(tmp_path / "dask", workers=0) as own:
        project.flowfile(FLOW.format(address=own.address))
        project.write("in", "some text\n")
        (project.root / "first").mkdir()
        with project.start("run") as process:
            said = read_until(process, "no workers")
            assert "executor `dask`: the Dask scheduler has no workers; " in said
            assert " and 1 more will wait until one comes\n" in said
            own.add_worker()
            _, rest = process.communicate(timeout=LIMIT)
        assert (process.returncode, "no workers" in rest.decode()) == (0, False)
        assert_clean(project)


def test_nobody_has_enough_of_what_a_task_needs(project: Any, tmp_path: Path) -> None:
    with Dask(tmp_path / "dask", workers=0) as own:
        own.add_worker("--resources", "GPU=1").wait_ready()
        flow = FLOW.replace("[tasks.both]", "resources = {{ gpu = 2 }}\n[tasks.both]")
        project.flowfile(flow.format(address=own.address))
        project.write("in", "some text\n")
        (project.root / "first").mkdir()
        with project.start("run") as process:
            said = read_until(process, "will wait")
            assert (
                "executor `dask`: `other` needs `GPU=2`, and will wait for a worker that has it: of 1 worker, "
                "the most that one has is 1\n"
            ) in said
            own.add_worker("--resources", "GPU=2")
            process.communicate(timeout=LIMIT)
        assert process.returncode == 0
        assert_clean(project)


def test_dask_is_told_not_to_wait_for_workers(project: Any, tmp_path: Path) -> None:
    with Dask(tmp_path / "dask", workers=0, distributed__scheduler__no_workers_timeout="1s") as own:
        project.flowfile(FLOW.format(address=own.address))
        project.write("in", "some text\n")
        done = project.run("run")
    assert done.code == 1
    assert "Dask has waited in vain for a worker" in done.stderr


def read_until(process: Any, text: str) -> str:
    """What it has written to stderr, up to the line with that."""
    said = ""
    for line in process.stderr:
        said += line.decode()
        if text in said:
            return said
    raise AssertionError(said)


def test_arguments_that_cannot_be_sent(tmp_path: Path, dask: Dask) -> None:
    site = Site("dask", str(tmp_path), str(tmp_path / "dask"), 2, dict(os.environ))
    bench = Bench(KIND.open(Options(address=dask.address), site), tmp_path)
    try:
        ended = bench.run("a", call="mod:f", args={"x": lambda: 0})
        assert ended.error.startswith("the arguments of `mod:f` cannot be sent: ")
        assert bench.run("b", "true").exit_code == 0
    finally:
        bench.executor.close()
