"""Signals to a run, on the real command line: children gone, what happened recorded, and the next run takes it up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COMMAND
from tests.processes import LIMIT, Meeting, wait_gone, wait_until
from tests.terminals import Terminal

FLOW = """\
[tasks.first]
outputs = ["first"]
run = "echo first >> ran; touch first"
[tasks.long]
inputs = ["first", "beside"]
outputs = ["long"]
run = '''
echo long >> ran
echo half > long
if ! test -e quick; then sleep 999 & echo $$ $! > up; wait; fi
'''
[tasks.beside]
outputs = ["beside"]
run = "echo beside >> ran; touch beside"
[tasks.last]
inputs = ["long"]
outputs = ["last"]
run = "echo last >> ran; touch last"
"""


@pytest.fixture
def long(project: Any) -> Any:
    project.flowfile(FLOW)
    return project


def begin(project: Any, *args: str) -> tuple[subprocess.Popen[bytes], list[int]]:
    """A run whose task is under way, and the processes of that task."""
    up = Meeting(project.root, "up")
    run = project.start("run", "-j2", *args)
    pids = [int(pid) for pid in up.wait().split()]
    up.path.unlink()
    return run, pids


def recorded(project: Any) -> dict[str, str]:
    """The status of each task in the latest run, from its kept events."""
    kept = max((project.root / ".flowmake/runs").glob("*/events.jsonl"))
    events = [json.loads(line) for line in kept.read_text().splitlines()]
    return {event["task"]: event["status"] for event in events if event["event"] == "task_finished"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_run_and_the_next_takes_it_up(long: Any, number: int, code: int) -> None:
    run, pids = begin(long, "beside", "last")
    run.send_signal(number)
    _, stderr = run.communicate(timeout=LIMIT)
    assert run.returncode == code
    wait_gone(pids)
    assert b"interrupted: `long`\n" in stderr
    assert recorded(long) == {
        "first": "succeeded",
        "long": "interrupted",
        "beside": "succeeded",
        "last": "skipped",
    }
    assert (long.exists("long"), long.exists("first")) == (False, True)
    (history, *_) = json.loads(long.run("history", "--json").stdout)["runs"]
    assert (history["status"], history["exit_code"]) == ("interrupted", code)
    assert "interrupted" in long.run("why", "long").stdout
    long.run("run", "-q", "beside")
    long.write("ran")
    long.write("quick")
    assert long.run("run", "-q", "beside", "last").code == 0
    assert long.read("ran") == "long\nlast\n"


def test_a_second_signal_kills_at_once(project: Any) -> None:
    """The command ignores TERM; that it got the first signal it says itself."""
    up, told = Meeting(project.root, "up"), Meeting(project.root, "told")
    project.write(
        "stubborn.sh", f"trap 'echo > {told.path}' TERM\necho $$ > {up.path}\nwhile :; do read x < never; done\n"
    )
    os.mkfifo(project.root / "never")
    project.flowfile('[tasks.t]\nexec = ["bash", "stubborn.sh"]\n')
    run = project.start("run")
    pid = int(up.wait())
    run.send_signal(signal.SIGTERM)
    told.wait()
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=LIMIT)
    assert run.returncode == 143
    wait_gone([pid])
    assert recorded(project) == {"t": "interrupted"}


def test_a_signal_while_waiting_to_repeat(project: Any) -> None:
    project.flowfile('[tasks.t]\nrun = "exit 7"\nretries = { attempts = 1, delay = "1h" }\n')
    run = project.start("run")
    lines = iter(run.stderr.readline, b"")
    next(line for line in lines if b"again in" in line)
    run.send_signal(signal.SIGTERM)
    _, rest = run.communicate(timeout=LIMIT)
    assert run.returncode == 143
    assert b"failed: `t`: exit code 7" in rest
    assert b"exit code 7; the run ended before it could be repeated\n" in rest
    assert recorded(project) == {"t": "failed"}
    assert "last run failed" in project.run("why", "t").stdout


def test_control_c_on_a_terminal(long: Any) -> None:
    up = Meeting(long.root, "up")
    terminal = Terminal(long, COMMAND, "run", "last")
    pids = [int(pid) for pid in up.wait().split()]
    terminal.type("\x03")
    assert terminal.end() == 130
    wait_gone(pids)
    assert "Traceback" not in terminal.shown


def test_control_c_reaches_a_console_task_and_ends_the_run(project: Any) -> None:
    up = Meeting(project.root, "up")
    project.flowfile(f'[tasks.t]\nconsole = true\nrun = "echo $$ > {up.path}; read x"\n')
    terminal = Terminal(project, COMMAND, "run")
    pid = int(up.wait())
    terminal.type("\x03")
    assert terminal.end() == 130
    wait_gone([pid])


def test_a_hangup_that_is_ignored_is_ignored(project: Any) -> None:
    """As under `nohup`."""
    up, go = Meeting(project.root, "up"), Meeting(project.root, "go")
    project.flowfile(f'[tasks.t]\noutputs = ["t"]\nrun = "echo $$ > {up.path}; read x < {go.path}; touch t"\n')
    run = subprocess.Popen(
        ["nohup", COMMAND, "run", "-q"],
        cwd=project.root,
        env=project.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    up.wait()
    run.send_signal(signal.SIGHUP)
    go.path.write_text("\n")
    assert (run.wait(LIMIT), project.exists("t")) == (0, True)


def test_hooks_hear_of_an_interrupted_run(project: Any) -> None:
    up = Meeting(project.root, "up")
    project.flowfile(
        '[hooks]\non_success = "touch success"\nfinally = "cat > told"\n'
        f'[tasks.t]\nrun = "echo $$ > {up.path}; sleep 99"\n'
    )
    run = project.start("run")
    up.wait()
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=LIMIT)
    told = json.loads(project.read("told"))
    assert (run.returncode, told["status"], told["exit_code"]) == (143, "interrupted", 143)
    assert not project.exists("success")


def test_a_signal_while_waiting_for_the_lock(project: Any) -> None:
    up, go = Meeting(project.root, "up"), Meeting(project.root, "go")
    project.flowfile(f'[tasks.t]\nrun = "echo $$ > {up.path}; read x < {go.path}"\n')
    first = project.start("run", "-q")
    up.wait()
    second = project.start("run", "--lock", "wait")
    assert b"waiting for another flowmake" in second.stderr.readline()
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=LIMIT)
    go.path.write_text("\n")
    first.communicate(timeout=LIMIT)
    assert (second.returncode, first.returncode) == (130, 0)


def test_a_call_is_stopped_with_what_it_started(project: Any) -> None:
    up = Meeting(project.root, "up")
    project.write(
        "tool.py",
        "import os, subprocess\n\ndef work(up):\n    child = subprocess.Popen(['sleep', '999'])\n"
        "    open(up, 'w').write(f'{os.getpid()} {child.pid}')\n    child.wait()\n",
    )
    project.flowfile(f'[tasks.t]\ncall = "tool:work"\nargs = {{ up = "{up.path}" }}\n')
    run = project.start("run")
    pids = [int(pid) for pid in up.wait().split()]
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=LIMIT)
    assert run.returncode == 143
    wait_gone(pids)
    assert recorded(project) == {"t": "interrupted"}


def test_stopping_with_many_ready_tasks(project: Any) -> None:
    up = Meeting(project.root, "up")
    project.flowfile(f'[tasks.t]\nforeach = {{ n = {{ range = [0, 3000] }} }}\nrun = "echo $$ > {up.path}; sleep 99"\n')
    run = project.start("run", "-j1", "--events", "events")
    pid = int(up.wait())
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=LIMIT)
    assert run.returncode == 130
    wait_gone([pid])
    events = [json.loads(line) for line in Path(project.root / "events").read_text().splitlines()]
    assert sum(event["event"] == "task_started" for event in events) == 1
    assert events[-1]["counts"] == {"interrupted": 1, "skipped": 2999}


if sys.platform == "linux":

    @pytest.mark.parametrize(("path", "names"), [("in/big", {"big"}), ("in/", {"big", "huge"})])
    def test_a_signal_does_not_wait_for_the_digest_of_a_huge_file(project: Any, path: str, names: set[str]) -> None:
        """Which would take far longer than the test waits, of one file as of several side by side."""
        project.flowfile(f'[tasks.t]\ninputs = ["{path}"]\noutputs = ["out"]\nrun = "touch out"\n')
        for name in names:
            os.truncate(project.write(f"in/{name}"), 8 << 40)
        with project.start("run") as run:
            wait_until(lambda: names <= opened_by(run.pid))
            run.send_signal(signal.SIGTERM)
            run.communicate(timeout=LIMIT)
        assert run.returncode == 128 + signal.SIGTERM
        assert not project.exists("out")

    def opened_by(pid: int) -> set[str]:
        """The names of the files that a process has open."""
        names = set()
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was closed just now
                names.add(os.path.basename(os.readlink(link)))
        return names
