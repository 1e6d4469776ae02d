"""Files that change, vanish or turn into something else while flowmake works, and a clock that jumps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flowmake.core.errors import StateError
from flowmake.world import hashing
from flowmake.world.files import DiskFiles

COPY = '[tasks.copy]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cat in > out; {more}"\n'


def reasons(project: Any, task: str) -> list[str]:
    found = json.loads(project.run("why", task, "--json").stdout)["tasks"][0]
    return [reason["kind"] for reason in found["reasons"]]


def test_an_input_edited_while_the_task_runs_leaves_it_stale(project: Any) -> None:
    project.write("in", "old")
    project.flowfile(COPY.format(more="echo new > in"))
    done = project.run("run")
    assert done.code == 0
    assert "`in` changed while `copy` ran; it stays stale" in done.stderr
    assert reasons(project, "copy") == ["input_changed"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "vanished": lambda path: path.unlink(),
    "replaced by a folder": lambda path: (path.unlink(), path.mkdir()),
    "replaced by a loop of links": lambda path: (path.unlink(), path.symlink_to(path.name)),
    "replaced by a dangling link": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "replaced by a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "emptied": lambda path: path.write_bytes(b""),
    "made unreadable": lambda path: (path.unlink(), path.symlink_to("/proc/1/mem")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_input_that_turns_into_something_else_during_the_run(project: Any, change: str) -> None:
    """Nothing is believed fresh, nothing crashes or hangs, and once the file is back the task runs again."""
    project.write("in", "old")
    project.flowfile(COPY.format(more="read x < gate"))
    with project.gate() as gate, project.start("run") as running:
        assert b"started" in running.stderr.readline()
        while not project.exists("out") or not project.read("out"):
            assert running.poll() is None
        CHANGES[change](project.root / "in")
        gate.write(b"go\n")
        _, said = running.communicate(timeout=60)
    assert b"Traceback" not in said
    assert b"internal error" not in said
    for args in (("status",), ("why", "copy"), ("status", "--check")):
        done = project.run(*args)
        assert done.code in (0, 2, 3, 4), (args, done)
        assert "internal error" not in done.stderr
    assert project.run("status", "--check").code != 0
    path = project.root / "in"
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    project.write("in", "new")
    project.flowfile(COPY.format(more="true"))
    assert project.run("run", "-q").code == 0
    assert project.read("out") == "new"
    assert project.run("status", "--check").code == 0


@pytest.mark.parametrize("change", ["edited", "shortened", "vanished"])
def test_a_file_that_changes_while_it_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """The digest is never kept for a state of the file that it does not belong to."""
    path = tmp_path / "big"
    path.write_bytes(b"a" * (4 << 20))
    real = os.fstat
    calls = 0

    def meddling(descriptor: int) -> os.stat_result:
        nonlocal calls
        calls += 1
        status = real(descriptor)
        if calls == 1:
            if change == "edited":
                with open(path, "r+b") as file:
                    file.write(b"b")
            elif change == "shortened":
                os.truncate(path, 10)
            else:
                path.unlink()
        return status

    files = DiskFiles(str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(hashing.os, "fstat", meddling)
        with suppress(StateError):
            files.digest("big")
    again = DiskFiles(str(tmp_path), files.cache)
    expected = DiskFiles(str(tmp_path)).digest("big")
    assert again.digest("big") == expected


def test_a_flowfile_edited_during_the_run_counts_from_the_next_on(project: Any) -> None:
    project.write("in", "x")
    project.flowfile(COPY.format(more="read x < gate"))
    with project.gate() as gate, project.start("run") as running:
        assert b"started" in running.stderr.readline()
        project.flowfile(COPY.format(more="echo more >> out"))
        gate.write(b"go\n")
        running.communicate()
    assert running.returncode == 0
    assert reasons(project, "copy") == ["recipe_changed"]
    assert project.run("run", "-q").code == 0
    assert project.read("out") == "xmore\n"


def test_a_flowfile_that_breaks_during_the_run_does_not_break_the_run(project: Any) -> None:
    project.write("in", "x")
    project.flowfile(COPY.format(more="echo broken > Flowfile"))
    assert project.run("run", "-q").code == 0
    assert project.run("run").code == 2


CLOCK = """
import sys, time
shift = [{shifts}]
real = time.time
def jumping():
    return real() + (shift.pop(0) if len(shift) > 1 else shift[0])
time.time = jumping
sys.argv[0] = "flowmake"
from flowmake.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("shifts", ["-86400", "86400 * 400", "0, -3600, 3600, -86400", "-time.time()"])
def test_a_clock_that_jumps_makes_nothing_stale_and_nothing_fresh(project: Any, shifts: str) -> None:
    project.write("in", "x")
    project.flowfile(COPY.format(more="true"))

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        program = CLOCK.format(shifts=shifts)
        command = [sys.executable, "-c", program, *args]
        return subprocess.run(
            command, cwd=project.root, env=project.environ(), capture_output=True, text=True, check=False
        )

    for first, second in ((run, project.run), (project.run, run)):
        assert first("run", "-q").stderr == ""
        for command in (first, second):
            done = command("run")
            assert done.stderr == "nothing to do: the task is fresh\n"
            assert command("status", "--check").stderr == "1 task: 1 fresh\n"
            assert "fresh" in command("why", "copy").stdout
            assert command("history").stderr == ""
        project.write("in", f"y {first}")
        done = second("run")
        assert "1 succeeded" in done.stderr
        assert project.read("out") == f"y {first}"


def test_age_is_judged_by_the_clock_there_is(project: Any) -> None:
    """A clock set back makes nothing too old; once it is right again, age counts as ever."""
    project.flowfile('[tasks.a]\noutputs = ["out"]\nmax_age = "1d"\nrun = "date > out"\n')
    assert project.run("run", "-q").code == 0
    for shift, stale in (("-86400 * 30", False), ("0", False), ("86400 * 2", True)):
        done = subprocess.run(
            [sys.executable, "-c", CLOCK.format(shifts=shift), "status", "--check"],
            cwd=project.root,
            env=project.environ(),
            capture_output=True,
            check=False,
        )
        assert (done.returncode == 3) == stale, (shift, done)


def test_an_internal_error_is_one_line_and_a_report(project: Any) -> None:
    """In the real command: exit code 4, no traceback on the screen, everything for whoever mends it in a file."""
    project.flowfile('[flow]\ndotenv = [".env?"]\n[tasks.a]\nrun = "true"\n')  # not listed at a glance
    program = (
        "import sys; sys.argv[0] = 'flowmake'\n"
        "from flowmake import opening\n"
        "def broken(*args, **more): raise KeyError('never thought of')\n"
        "opening.open_flow = broken\n"
        "from flowmake.__main__ import main\n"
        "sys.exit(main())\n"
    )
    for args in (["run"], ["status"], ["list"], ["clean"], ["graph"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *args],
            cwd=project.root,
            env=project.environ({"TMPDIR": str(project.home)}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (4, ""), args
        first, second = done.stderr.splitlines()
        assert first == "error: internal error: KeyError: 'never thought of'"
        report = second.removeprefix("hint: please report it with the file `").removesuffix("`")
        assert "Traceback (most recent call last):" in Path(report).read_text()
