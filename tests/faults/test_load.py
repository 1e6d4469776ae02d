"""Far more of everything than anybody has: long chains, many tasks, many inputs, huge files, much history."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from xxhash import xxh3_128

from flowmake.core.model import Attempt, RunRecord, TaskRecord
from flowmake.world.store import SqliteStore
from tests.conftest import COMMAND

pytestmark = pytest.mark.slow
LIMIT = 900.0
CHAIN = 50_000
MANY = 100_000
UNIT = 1 if sys.platform == "darwin" else 1024


def chain(length: int) -> str:
    tasks = (
        f'[tasks.t{n}]\ninputs = ["f/{n - 1}"]\noutputs = ["f/{n}"]\nexec = ["cp", "f/{n - 1}", "f/{n}"]\n'
        for n in range(1, length + 1)
    )
    return f'[flow]\ndefault = ["t{length}"]\n' + "".join(tasks)


def test_a_chain_fifty_thousand_long(project: Any) -> None:
    """Whatever goes along it does so without recursion, and without taking its length squared."""
    last = f"t{CHAIN}"
    project.flowfile(chain(CHAIN))
    project.write("f/0", "x")
    assert project.run("run", "-n", timeout=LIMIT).code == 0
    done = project.run("run", "-q", timeout=LIMIT)
    assert (done.code, done.stderr) == (0, "")
    assert project.read(f"f/{CHAIN}") == "x"
    assert project.run("run", timeout=LIMIT).stderr == f"nothing to do: all {CHAIN} tasks are fresh\n"
    project.write("f/0", "y")
    for look in (f"why {last}", f"lineage f/{CHAIN}", f"show {last}", "list", "check", "status"):
        done = project.run(*look.split(), timeout=LIMIT)
        assert (done.code, bool(done.stdout)) == (0, look != "check"), (look, done.stderr)
    for form in ("json", "mermaid", "text", "dot"):
        done = project.run("graph", "--format", form, timeout=LIMIT)
        assert done.code == 0, (form, done.stderr)
        assert len(done.stdout) < 1000 * CHAIN
    assert project.run("status", "--check", timeout=LIMIT).code == 3


def test_a_hundred_thousand_tasks_ready_at_once(project: Any) -> None:
    project.flowfile(
        f'[tasks.t]\nforeach = {{ n = {{ range = [0, {MANY}] }} }}\ninputs = ["in"]\noutputs = ["out/{{{{ n }}}}"]\n'
        'exec = ["cp", "in", "out/{{ n }}"]\n'
    )
    project.write("in", "x")
    assert peak_memory(project, "run", "-q") < 1 << 30
    assert len(os.listdir(project.root / "out")) == MANY
    assert project.run("run", timeout=LIMIT).stderr == f"nothing to do: all {MANY} tasks are fresh\n"
    (run,) = json.loads(project.run("history", "--json").stdout)["runs"]
    assert run["counts"] == {"succeeded": MANY}


def layered(count: int) -> str:
    """Tasks of which each is declared on its own, and reads a source and two outputs of the layer before."""
    names = [f"out/{number // 1000}/{number}" for number in range(count)]
    tables = ['[flow]\nshell = ["/bin/sh", "-c"]\n']
    for number, name in enumerate(names):
        read = [
            f"src/{number // 1000}/{number}",
            *(names[other] for other in (number - 171, number - 100) if other >= 0),
        ]
        run = f"cat {' '.join(read)} | cksum > {name}"
        tables.append(f"[tasks.t{number}]\ninputs = {read}\noutputs = ['{name}']\nrun = '{run}'\n")
    return "".join(tables)


def test_a_hundred_thousand_declared_tasks_are_built_in_less_than_600_megabytes(project: Any) -> None:
    """From loading them to writing down what was learnt; and found fresh in less than 100."""
    project.flowfile(layered(MANY))
    for number in range(MANY):
        project.write(f"src/{number // 1000}/{number}", str(number))
    assert peak_memory(project, "run", "-q") < 600_000_000
    assert sum(len(files) for _, _, files in os.walk(project.root / "out")) == MANY
    assert peak_memory(project, "run", "-q") < 100_000_000


def test_a_task_with_a_hundred_thousand_inputs(project: Any) -> None:
    project.flowfile('[tasks.t]\ninputs = ["in/*"]\noutputs = ["out"]\nrun = "ls in | wc -l > out"\n')
    folder = project.root / "in"
    folder.mkdir()
    for number in range(MANY):
        (folder / str(number)).write_text(str(number))
    assert project.run("run", "-q", timeout=LIMIT).code == 0
    assert project.read("out").strip() == str(MANY)
    assert project.run("run").stderr == "nothing to do: the task is fresh\n"
    project.write("in/777", "changed")
    (folder / "888").unlink()
    project.write("in/new")
    (found,) = json.loads(project.run("status", "--json").stdout)["tasks"]
    kinds = {(reason["kind"], reason["path"]) for reason in found["reasons"]}
    assert kinds == {("input_changed", "in/777"), ("input_removed", "in/888"), ("input_added", "in/new")}


def peak_memory(project: Any, *args: str) -> int:
    """Bytes that a command which succeeds had resident. Started by somebody small: its own begin with its parent's."""
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    argv = [sys.executable, "-c", program, COMMAND, *args]
    done = subprocess.run(argv, cwd=project.root, env=project.environ(), stdout=subprocess.PIPE, check=True)
    return int(done.stdout) * UNIT


def test_fifty_gigabytes_are_hashed_within_little_memory(project: Any) -> None:
    """All of it a hole, so that it takes no room; the digest is that of so many zeros."""
    size = 50 << 30
    project.flowfile('[tasks.t]\ninputs = ["big"]\nrun = "true"\n')
    project.write("big")
    os.truncate(project.root / "big", size)
    assert peak_memory(project, "run", "-q") < 200 << 20
    zeros, hasher = bytes(1 << 24), xxh3_128()
    for _ in range(size >> 24):
        hasher.update(zeros)
    os.truncate(project.root / "big", size + 1)
    (found,) = json.loads(project.run("status", "--json").stdout)["tasks"]
    assert found["reasons"][0]["old"] == hasher.hexdigest()


def fill_history(root: Path, runs: int, tasks: int) -> None:
    """So many runs as a flow of so many tasks leaves them, in each of which a tenth of the tasks ran."""
    store = SqliteStore(str(root / ".flowmake/state.db"))
    for number in range(runs):
        run = f"20260101-{number:06d}-0000"
        store.begin_run(RunRecord(run, 1000.0 + number))
        for task in (f"t{n}" for n in range(number % 10, tasks, 10)):
            attempt = Attempt(task, "succeeded", run, 1000.0 + number, 0.1)
            store.end_task(attempt, TaskRecord(run, task, "succeeded", 1, 1000.0 + number, 0.1), None)
        store.end_run(RunRecord(run, 1000.0 + number, 1001.0 + number, "succeeded", 0, size=4096))
        store.flush()
    store.close()


def test_a_thousand_runs_of_history_are_kept_and_the_older_ones_go(project: Any) -> None:
    """A run, for which one more has to go, reads less than a tenth of what is recorded of them."""
    project.flowfile('[tasks.t]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cp in out"\n')
    (project.root / ".flowmake").mkdir()
    fill_history(project.root, 1_200, 1_000)
    project.write("in", "1")
    assert project.run("run", "-q").code == 0
    runs = json.loads(project.run("history", "--json", "-n", "0").stdout)["runs"]
    assert 1_000 <= len(runs) <= 1_010  # ten of the oldest hold the latest attempt of some task
    database, trace = project.root / ".flowmake/state.db", project.home / "trace"
    project.write("in", "2")
    strace = ["strace", "-f", "-o", str(trace), "-e", "trace=pread64", "-P", str(database)]
    subprocess.run([*strace, COMMAND, "run", "-q"], cwd=project.root, env=project.environ(), check=True)
    read = [int(line.rpartition("= ")[2]) for line in trace.read_text().splitlines() if "pread64(" in line]
    assert 0 < sum(read) < database.stat().st_size / 10
    assert len(json.loads(project.run("history", "--json", "-n", "0").stdout)["runs"]) == len(runs)
