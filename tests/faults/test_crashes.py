"""What a crash leaves behind, and what the next run makes of it: no unlocking by hand, no belief in the unproven."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COMMAND
from tests.processes import LIMIT, Meeting, is_alive, kill, wait_gone

FLOW = """\
[tasks.first]
inputs = ["in"]
outputs = ["first"]
run = "echo first >> ran; cp in first"
[tasks.long]
inputs = ["first"]
outputs = ["long"]
run = '''
echo long >> ran
echo half > long
if ! test -e quick; then sleep 999 & echo $$ $! > up; wait; fi
cp first long
'''
[tasks.last]
inputs = ["long"]
outputs = ["last"]
run = "echo last >> ran; cp long last"
"""
RESULT = {"first": "1", "long": "1", "last": "1"}


@pytest.fixture
def long(project: Any) -> Any:
    project.flowfile(FLOW)
    project.write("in", "1")
    return project


def crash(project: Any, number: int, *args: str) -> list[int]:
    """Kill a run whose task is under way with this signal; the processes of that task, which live on."""
    up = Meeting(project.root, "up")
    run = project.start("run", *args)
    pids = [int(pid) for pid in up.wait().split()]
    up.path.unlink()
    run.send_signal(number)
    run.communicate(timeout=LIMIT)
    assert run.returncode == -number
    return pids


def results(project: Any) -> dict[str, str]:
    return {name: project.read(name) for name in RESULT}


def test_after_a_kill_the_next_run_stops_survivors_and_redoes_what_was_unfinished(long: Any) -> None:
    pids = crash(long, signal.SIGKILL)
    assert all(is_alive(pid) for pid in pids)
    assert long.run("status", "--check").code == 3
    assert "interrupted" in long.run("why", "long").stdout
    long.write("quick")
    done = long.run("run")
    assert done.code == 0
    wait_gone(pids)
    assert "warning: stopped 2 processes that an earlier run had left behind\n" in done.stderr
    assert (results(long), long.read("ran").split()) == (RESULT, ["first", "long", "long", "last"])
    latest, dead = json.loads(long.run("history", "--json").stdout)["runs"]
    assert (latest["status"], dead["status"], dead["exit_code"]) == ("succeeded", "interrupted", 137)
    assert "stopped" not in long.run("run").stderr


def test_survivors_are_stopped_even_if_their_task_is_not_wanted(long: Any) -> None:
    pids = crash(long, signal.SIGKILL)
    assert long.run("run", "-q", "first").code == 0
    wait_gone(pids)


def test_a_survivor_that_finishes_meanwhile_is_not_believed(project: Any) -> None:
    """Its output is whole, but nobody saw it succeed."""
    up, go = Meeting(project.root, "up"), Meeting(project.root, "go")
    project.flowfile(
        '[tasks.t]\noutputs = ["out"]\nrun = """\necho run >> ran\nif ! test -e quick; then echo $$ > up; read x < go; '
        'fi\necho whole > out\n"""\n'
    )
    run = project.start("run")
    pid = int(up.wait())
    run.kill()
    run.communicate(timeout=LIMIT)
    go.path.write_text("\n")
    wait_gone([pid])
    assert project.read("out") == "whole\n"
    project.write("quick")
    assert project.run("status", "--check").code == 3
    assert project.run("run", "-q").code == 0
    assert project.read("ran").split() == ["run", "run"]


def test_a_kill_of_the_whole_session_leaves_only_the_tasks(long: Any) -> None:
    """The tasks have sessions of their own; they are found by the run that their environment names."""
    up = Meeting(long.root, "up")
    run = long.start("run")
    pids = [int(pid) for pid in up.wait().split()]
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate(timeout=LIMIT)
    up.path.unlink()
    long.write("quick")
    assert long.run("run", "-q").code == 0
    wait_gone(pids)
    assert results(long) == RESULT


def test_several_crashes_in_a_row(long: Any) -> None:
    pids = [pid for _ in range(3) for pid in crash(long, signal.SIGKILL)]
    long.write("quick")
    assert long.run("run", "-q").code == 0
    wait_gone(pids)
    assert (results(long), long.read("ran").split()) == (RESULT, ["first", "long", "long", "long", "long", "last"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_child_that_is_killed_is_a_failed_task(long: Any, number: int) -> None:
    up = Meeting(long.root, "up")
    run = long.start("run")
    leader, child = (int(pid) for pid in up.wait().split())
    kill_with(leader, number)
    _, stderr = run.communicate(timeout=LIMIT)
    assert run.returncode == 1
    assert f"failed: `long`: killed by {signal.Signals(number).name} after".encode() in stderr
    wait_gone([child])
    assert (long.exists("long"), long.exists("last")) == (False, False)
    up.path.unlink()
    long.write("quick")
    assert long.run("run", "-q").code == 0
    assert results(long) == RESULT


def kill_with(pid: int, number: int) -> None:
    os.kill(pid, number)


def test_a_killed_worker_of_the_process_pool_is_a_failed_task(project: Any) -> None:
    project.write(
        "tool.py",
        "import os\n\ndef work(out):\n    open('ran', 'a').write('x')\n    if not os.path.exists('quick'):\n"
        "        os.kill(os.getpid(), 9)\n    open(out, 'w')\n",
    )
    project.flowfile(
        '[tasks.t]\nforeach = { n = [1, 2, 3] }\noutputs = ["out{{ n }}"]\ncall = "tool:work"\n'
        'args = { out = "out{{ n }}" }\n'
    )
    done = project.run("run", "-k", "-j1")
    assert done.code == 1
    assert done.stderr.count("killed by SIGKILL after") == 6
    assert project.read("ran") == "xxx"
    project.write("quick")
    assert project.run("run", "-q").code == 0
    assert project.read("ran") == "xxxxxx"


def test_a_killed_run_leaves_no_worker_of_the_pool_at_work(project: Any) -> None:
    up = Meeting(project.root, "up")
    project.write(
        "tool.py",
        "import os, time\n\ndef work(up):\n    if os.path.exists('quick'):\n        return\n"
        "    open(up, 'w').write(str(os.getpid()))\n    time.sleep(999)\n",
    )
    project.flowfile(f'[tasks.t]\ncall = "tool:work"\nargs = {{ up = "{up.path}" }}\n')
    run = project.start("run")
    pid = int(up.wait())
    run.kill()
    run.communicate(timeout=LIMIT)
    project.write("quick")
    assert project.run("run", "-q").code == 0
    wait_gone([pid])


def test_what_a_task_leaves_in_the_background_holds_up_nothing(project: Any) -> None:
    """It keeps the log open and lives on, as with make."""
    project.flowfile(
        '[tasks.t]\noutputs = ["pid"]\nrun = "echo early; sleep 999 & echo $! > pid"\n'
        '[tasks.d]\noutputs = ["daemon"]\nrun = "setsid sh -c \'echo $$ > daemon; exec sleep 999\' & '
        'while ! test -s daemon; do sleep 0.01; done"\n'
    )
    done = project.run("run")
    pids = [int(project.read(name)) for name in ("pid", "daemon")]
    try:
        assert done.code == 0
        assert all(is_alive(pid) for pid in pids)
        assert project.run("log", "t").stdout == "early\n"
        assert project.run("run").stderr.startswith("nothing to do")
    finally:
        for pid in pids:
            kill(pid)


def test_what_a_failed_task_leaves_in_the_background_is_killed(project: Any) -> None:
    project.flowfile('[tasks.t]\nrun = "sleep 999 & echo $! > pid; exit 1"\n')
    assert project.run("run").code == 1
    wait_gone([int(project.read("pid"))])


def test_two_runs_at_once_come_to_one_result(long: Any) -> None:
    long.write("quick")
    first, second = (long.start("run", "-q", "--lock", "wait") for _ in range(2))
    for run in (first, second):
        run.communicate(timeout=LIMIT)
        assert run.returncode == 0
    assert (results(long), long.read("ran").split()) == (RESULT, ["first", "long", "last"])


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_a_damaged_state_file_makes_everything_stale_and_is_kept(long: Any, cut: int) -> None:
    long.write("quick")
    long.run("run", "-q")
    state = long.root / ".flowmake/state.db"
    state.write_bytes(b"not a database, surely"[:cut] + b"\xff" * cut)
    assert long.run("status", "--check").code == 3
    assert long.run("run").code == 0
    assert long.read("ran").split() == ["first", "long", "last"] * 2


def test_what_a_power_cut_left_of_a_kept_include_is_not_read(project: Any) -> None:
    """Cut after the first task it would be sound TOML, and the second task would silently be missing."""
    more = "[tasks.a]\nrun = 'true'\n# \r\n"
    project.write("more.toml", more + "[tasks.b]\nrun = 'true'\n")
    project.flowfile('[flow]\ninclude = [{ exec = ["sh", "more.sh"], inputs = ["more.toml"] }]\n')
    project.write("more.sh", "echo x >> printed; cat more.toml\n")
    for _ in range(2):
        assert project.run("run", "-q").code == 0
    assert project.read("printed") == "x\n"
    (kept,) = (project.root / ".flowmake/includes").iterdir()
    data = kept.read_bytes()
    for number, size in enumerate((0, 1, len(data) - len("[tasks.b]\nrun = 'true'\n"), len(data) - 1)):
        kept.write_bytes(data[:size])
        assert "2 tasks" in project.run("check").stderr + project.run("run", "-n").stderr
        assert project.run("run", "-q").code == 0
        assert kept.read_bytes() == data
        assert project.read("printed").count("x") > number + 1


# -- disks ---------------------------------------------------------------------------------------------------------

if sys.platform == "linux":

    def on_small_disk(project: Any, folder: Path, script: str, size: str = "2m") -> str:
        """What a shell script says with `folder` on a file system of its own; `$FLOWMAKE` is the command."""
        folder.mkdir(exist_ok=True)
        prelude = f"mount -t tmpfs -o size={size} tmpfs {folder} && cd {project.root}\n"
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", prelude + script],
            cwd=project.root,
            env=project.environ({"FLOWMAKE": str(COMMAND)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    BIG = '[tasks.big]\noutputs = ["disk/big"]\nrun = "head -c 100M /dev/zero > disk/big"\n'

    def test_a_full_disk_for_outputs_is_a_failed_task(project: Any) -> None:
        project.flowfile(BIG)
        said = on_small_disk(project, project.root / "disk", "$FLOWMAKE run; echo code $?; ls disk; echo end")
        assert "failed: `big`: exit code 1 after" in said
        assert "No space left on device" in said
        assert said.endswith("code 1\nend\n")
        assert project.run("status", "--check").code == 3

    @pytest.mark.parametrize(
        ("recipe", "after"),
        [("", "code 0"), ("x" * 5000, "code 3")],
        ids=["at the end", "at once"],
    )
    def test_a_full_disk_for_state_is_exit_code_4_and_nothing_false_is_recorded(
        project: Any, recipe: str, after: str
    ) -> None:
        """The task itself fills the disk that its success should be recorded on.

        In the last block of the journal there may be room for a short recipe still: then the success is known later.
        """
        project.flowfile(
            '[tasks.a]\noutputs = ["a"]\nrun = "touch a"\n[tasks.fill]\nneeds = ["a"]\noutputs = ["full"]\n'
            'run = "cat /dev/zero > $FLOWMAKE_STATE_DIR/full || true; touch full'
            f' # {recipe}"\n'
        )
        disk = project.root / "disk"
        said = on_small_disk(
            project,
            disk,
            f"""export FLOWMAKE_STATE_DIR={disk}
            $FLOWMAKE run -q; echo code $?
            rm disk/full
            $FLOWMAKE status --check >/dev/null 2>&1; echo code $?
            sed -i 's/cat .dev.zero[^;]*;//' Flowfile
            $FLOWMAKE run -q; echo code $?
            $FLOWMAKE status --check >/dev/null 2>&1; echo code $?""",
        )
        first, *rest = said.splitlines()
        assert first.startswith(f"error: cannot use the state file `{disk}/project-")
        assert first.endswith("state.db`: the disk is full")
        assert rest == ["code 4", after, "code 0", "code 0"]

    def test_a_disk_full_from_the_start_starts_nothing(project: Any) -> None:
        project.flowfile('[tasks.t]\nrun = "touch ran"\n')
        disk = project.root / "disk"
        said = on_small_disk(
            project,
            disk,
            f"export FLOWMAKE_STATE_DIR={disk}; cat /dev/zero > disk/full 2>/dev/null; $FLOWMAKE run; echo code $?",
        )
        assert said.startswith(f"error: cannot write to the state folder `{disk}/project-")
        assert "No space left on device" in said
        assert said.endswith("code 4\n")
        assert not project.exists("ran")

    READ_ONLY = "mount --bind . . && cd . && cd $PWD && mount -o remount,ro,bind $PWD\n"

    def test_a_read_only_root(project: Any) -> None:
        """Looking works, running says what to do, and does it with the state elsewhere."""
        project.flowfile('[tasks.t]\nrun = "echo fine"\n')
        said = on_small_disk(
            project,
            project.home / "disk",
            READ_ONLY
            + f"""cd {project.root}
            touch x
            $FLOWMAKE status --check >/dev/null 2>&1; echo code $?
            $FLOWMAKE run -n
            $FLOWMAKE run; echo code $?
            FLOWMAKE_STATE_DIR={project.home}/disk $FLOWMAKE run -q; echo code $?""",
        )
        assert said.splitlines() == [
            "touch: cannot touch 'x': Read-only file system",
            "code 3",
            "t",
            "  always runs",
            "  never ran",
            "1 of 1 task would run",
            f"error: cannot write to the state folder `{project.root}/.flowmake`: Read-only file system",
            "hint: set FLOWMAKE_STATE_DIR to a folder that can be written to",
            "code 4",
            "code 0",
        ]

    def test_a_built_root_that_became_read_only_can_be_looked_at(long: Any) -> None:
        long.write("quick")
        long.run("run", "-q")
        said = on_small_disk(
            long,
            long.home / "disk",
            READ_ONLY
            + f"""cd {long.root}
            for c in status 'why last' list 'graph --format text' history 'log first' 'lineage last' 'run -n' \\
                'clean -n'; do
                $FLOWMAKE $c >/dev/null || echo $c: $?
            done 2>/dev/null
            $FLOWMAKE run --force; echo code $?""",
        )
        place = f"{long.root}/.flowmake/lock"
        assert said.splitlines() == [
            f"error: cannot lock `{place}`: Read-only file system",
            "hint: set FLOWMAKE_STATE_DIR to a folder that can be written to",
            "code 4",
        ]


PARTS = """\
[tasks.split]
inputs = ["n"]
outputs = ["parts/*.txt"]
run = '''
for i in $(seq $(cat n)); do echo $i > parts/p$i.txt; done
if ! test -e quick; then sleep 999 & echo $$ $! > up; wait; fi
'''
[tasks.join]
inputs = ["parts/*.txt"]
outputs = ["joined"]
run = "cat {{ inputs }} > joined"
"""


def test_what_a_killed_attempt_left_under_a_glob_is_no_result_of_the_next(project: Any) -> None:
    """The second attempt makes fewer parts; what only the killed one made must not be read. Foreign files stay."""
    project.flowfile(PARTS)
    project.write("n", "3")
    project.write("parts/mine.txt", "mine\n")
    crash(project, signal.SIGKILL)
    assert project.exists("parts/p3.txt")
    project.write("n", "2")
    project.write("quick")
    assert project.run("run").code == 0
    assert project.read("joined") == "mine\n1\n2\n"
    assert not project.exists("parts/p3.txt")


def test_what_a_killed_attempt_has_staged_is_no_input(project: Any) -> None:
    """The task is dropped after that, so that nobody will ever remove what it has staged in a folder of others."""
    reader = '[tasks.reader]\ninputs = ["folder/"]\nrun = "ls -A folder"\n'
    project.flowfile(reader)
    project.write("folder/mine")
    assert project.run("run").code == 0
    staging = '[tasks.t]\noutputs = ["folder/t"]\natomic = true\nrun = "echo > {{ outputs }}; kill -9 $PPID"\n'
    project.flowfile(reader + staging)
    assert project.run("run", "t").code == -signal.SIGKILL
    assert project.exists("folder/.flowmake-staged.t")
    project.flowfile(reader)
    done = project.run("run")
    assert (done.code, done.stderr) == (0, "nothing to do: the task is fresh\n")
