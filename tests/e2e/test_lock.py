"""One writer per root, on the real command line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import COMMAND
from tests.processes import LIMIT, Meeting
from tests.terminals import Terminal


class Busy:
    """A project where a run is under way until `finish`."""

    def __init__(self, project: Any) -> None:
        self.project = project
        up, self._go = Meeting(project.root, "up"), Meeting(project.root, "go")
        project.flowfile(
            '[flow]\ndefault = ["t"]\n[tasks.quick]\noutputs = ["quick"]\nrun = "touch quick"\n'
            f'[tasks.t]\noutputs = ["t"]\nrun = "echo $$ > {up.path}; read x < {self._go.path}; touch t"\n'
        )
        self.run: subprocess.Popen[bytes] = project.start("run", "-q", "t")
        up.wait()

    def finish(self) -> None:
        if self.run.poll() is None:
            self._go.path.write_text("\n")
            self.run.communicate(timeout=LIMIT)
        assert self.run.returncode == 0


@pytest.fixture
def busy(project: Any) -> Iterator[Busy]:
    found = Busy(project)
    yield found
    found.finish()


@pytest.mark.parametrize(
    "args",
    [
        ("run", "quick"),
        ("run", "--lock", "fail", "quick"),
        ("run", "--lock", "wait=0.05", "quick"),
        ("clean",),
        ("accept", "quick"),
    ],
    ids=" ".join,
)
def test_a_busy_root_is_exit_code_75(busy: Busy, args: tuple[str, ...]) -> None:
    done = busy.project.run(*args)
    assert (done.code, done.stdout, busy.project.exists("quick")) == (75, "", False)
    holder = f"error: another flowmake (pid {busy.run.pid}, since "
    assert done.stderr.splitlines()[-2].startswith(holder)
    assert done.stderr.splitlines()[-1] == "hint: `--lock wait` waits for it to end"


def test_skip_leaves_the_work_to_the_other(busy: Busy) -> None:
    done = busy.project.run("run", "--lock", "skip", "quick")
    assert (done.code, done.stdout, done.stderr) == (0, "", "another flowmake is at work here; skipped\n")
    assert busy.project.run("run", "-q", "--lock", "skip", "quick").stderr == ""
    assert not busy.project.exists("quick")


def test_wait_waits(busy: Busy) -> None:
    second = busy.project.start("run", "--lock", "wait", "quick", "t")
    assert second.stderr.readline().startswith(b"waiting for another flowmake (pid ")
    busy.finish()
    _, stderr = second.communicate(timeout=LIMIT)
    assert (second.returncode, busy.project.exists("quick")) == (0, True)
    assert b"1 succeeded, 1 fresh\n" in stderr


def test_on_a_terminal_waiting_is_the_default(busy: Busy) -> None:
    terminal = Terminal(busy.project, COMMAND, "run", "quick")
    terminal.wait_for("waiting for another flowmake")
    busy.finish()
    assert (terminal.end(), busy.project.exists("quick")) == (0, True)


@pytest.mark.parametrize(
    "args", [("status",), ("run", "-n"), ("why", "t"), ("clean", "-n"), ("list",), ("history",)], ids=" ".join
)
def test_looking_needs_no_lock(busy: Busy, args: tuple[str, ...]) -> None:
    assert busy.project.run(*args).code == 0


def test_the_other_root_is_none_of_our_business(busy: Busy) -> None:
    busy.project.flowfile('[tasks.t]\nrun = "true"\n', "other/Flowfile")
    assert busy.project.run("run", cwd="other").code == 0


def test_running_tasks_are_told_as_running(busy: Busy) -> None:
    assert "running" in busy.project.run("status", "t").stdout
