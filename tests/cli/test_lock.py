"""Two flowmakes in one root: who waits, who fails, who only looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def busy(project: Any) -> Iterator[Any]:
    """A project in which a run is under way, until the test is over."""
    project.flowfile('[tasks.slow]\noutputs = ["slow"]\nrun = "echo begun; read line < gate; touch slow"\n')
    with project.gate() as gate, project.start("run", "--progress", "plain") as running:
        assert running.stderr.readline() == b"[0/1] slow started\n"
        yield project
        gate.write(b"\n")
        assert running.wait(30) == 0


@pytest.mark.parametrize("args", [(), ("--lock", "fail"), ("--lock", "wait=0.1")])
def test_a_second_run_finds_the_lock_busy(busy: Any, args: tuple[str, ...]) -> None:
    done = busy.run("run", *args)
    assert (done.code, done.stdout) == (75, "")
    assert "error: " in done.stderr


def test_a_second_run_may_be_skipped(busy: Any) -> None:
    done = busy.run("run", "--lock", "skip")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr.endswith("another flowmake is at work here; skipped\n")
    assert busy.run("run", "-q", "--lock", "skip") == (0, "", "")


def test_looking_needs_no_lock(busy: Any) -> None:
    done = busy.run("status")
    assert (done.code, done.stderr) == (0, "1 task: 1 running\n")
    assert done.stdout.splitlines()[1].split()[:2] == ["slow", "running"]
    assert done.stdout.rstrip("\n").endswith(" -")
    with busy.start("log", "slow", "-f") as following:
        assert following.stdout.readline() == b"begun\n"
    assert busy.run("log", "slow").stdout == "begun\n"
    assert busy.run("history").stdout.splitlines()[1].split()[4:5] == ["running"]
    assert "note     lock: held: a flowmake is at work in this root\n" in busy.run("doctor").stdout
