"""What a run does, on the real command line: order, surroundings of commands, options that choose what runs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COMMAND
from tests.terminals import Terminal

CHAIN = """\
[tasks.a]
inputs = ["in"]
outputs = ["a"]
run = "cp in a; echo a >> ran"
[tasks.b]
inputs = ["a"]
outputs = ["b"]
run = "cp a b; echo b >> ran"
[tasks.c]
inputs = ["b"]
outputs = ["c"]
run = "cp b c; echo c >> ran"
"""


@pytest.fixture
def chain(project: Any) -> Any:
    project.flowfile(CHAIN)
    project.write("in", "1")
    return project


def ran(project: Any) -> str:
    """What the commands wrote down since the last call."""
    path = project.root / "ran"
    text = "".join(path.read_text().split()) if path.exists() else ""
    path.write_text("")
    return text


def listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Everything below with size, time of change and inode, the folders themselves too."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        found[str(path.relative_to(folder))] = (status.st_size, status.st_ctime_ns, status.st_ino)
    return found


# -- what runs -----------------------------------------------------------------------------------------------------


def test_only_what_is_stale_runs_and_cut_off_is_early(chain: Any) -> None:
    assert chain.run("run").code == 0
    assert ran(chain) == "abc"
    assert chain.run("run").code == 0
    assert ran(chain) == ""
    chain.write("b", "edited")
    assert chain.run("run").code == 0
    assert ran(chain) == "b"
    assert chain.read("c") == "1"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--force"], "abc"),
        (["--force", "b"], "ab"),
        (["--force-task", "b"], "b"),
        (["--force-task", "a", "--force-task", "c"], "ac"),
        (["--force-task", "c", "b"], ""),
        (["--only", "c"], ""),
        (["--only", "--force", "c"], "c"),
        (["--failed"], ""),
    ],
)
def test_what_is_forced(chain: Any, args: list[str], expected: str) -> None:
    chain.run("run", "-q")
    ran(chain)
    done = chain.run("run", "-q", *args)
    assert (done.code, done.stderr, ran(chain)) == (0, "", expected)


def test_only_leaves_stale_upstreams_alone(chain: Any) -> None:
    chain.run("run", "-q")
    ran(chain)
    chain.write("in", "2")
    chain.write("b", "mine")
    assert chain.run("run", "-q", "--only", "c").code == 0
    assert (ran(chain), chain.read("c"), chain.read("b")) == ("c", "mine", "mine")


def test_failed_takes_what_did_not_succeed_last_time(project: Any) -> None:
    project.flowfile(
        '[tasks.good]\nrun = "echo g >> ran"\n[tasks.bad]\nrun = "echo b >> ran; test -e ok"\n'
        '[tasks.split]\noutputs = ["list"]\nrun = "seq 3 > list"\n'
        '[tasks.part]\nforeach = { n = { lines = "list" } }\nrun = "echo {{ n }} >> ran; test {{ n }} != 2 -o -e ok"\n'
    )
    assert project.run("run", "-q", "-k", "-j1").code == 1
    assert sorted(ran(project)) == ["1", "2", "3", "b", "g"]
    project.write("ok")
    assert project.run("run", "-q", "--failed").code == 0
    assert sorted(ran(project)) == ["2", "b"]
    assert project.run("run", "--failed").stderr.startswith("nothing to do")


def test_failed_of_a_fan_out_whose_source_is_stale(project: Any) -> None:
    project.flowfile(
        '[tasks.split]\ninputs = ["n"]\noutputs = ["list"]\nrun = "seq $(cat n) > list"\n'
        '[tasks.part]\nforeach = { n = { lines = "list" } }\nrun = "echo {{ n }} >> ran; test -e ok"\n'
    )
    project.write("n", "1")
    assert project.run("run", "-q").code == 1
    project.write("n", "2")
    project.write("ok")
    ran(project)
    assert project.run("run", "-q", "--failed").code == 0
    assert sorted(ran(project)) == ["1", "2"]


def test_tasks_run_at_the_same_time(project: Any) -> None:
    """Each waits for the other, so one at a time would never end."""
    for name in ("ab", "ba"):
        os.mkfifo(project.root / name)
    project.flowfile('[tasks.a]\nrun = "echo > ab; read x < ba"\n[tasks.b]\nrun = "read x < ab; echo > ba"\n')
    assert project.run("run", "-j2").code == 0


def test_one_at_a_time_in_a_pool(project: Any) -> None:
    project.flowfile(
        '[pools]\ndb = 1\n[tasks.t]\nforeach = { n = [1, 2, 3, 4] }\npool = "db"\n'
        'run = "mkdir busy; echo {{ n }}; rmdir busy"\n'
    )
    assert project.run("run", "-j4").code == 0


# -- the surroundings of a command ---------------------------------------------------------------------------------


def test_the_surroundings_of_a_command(project: Any) -> None:
    (project.root / "sub").mkdir()
    project.flowfile(
        '[env]\nA = "flow"\n[tasks.t]\ncwd = "sub"\nenv = { B = "task" }\n'
        'run = "pwd; echo $A $B $C $FLOWMAKE_TASK $FLOWMAKE_ROOT; readlink /proc/self/fd/0; ps -o sid= -p $$; echo $$; '
        'echo oops >&2"\n'
    )
    assert project.run("run", "-q", env={"C": "mine"}).code == 0
    lines = project.run("log", "t").stdout.splitlines()
    assert lines[:3] == [f"{project.root}/sub", f"flow task mine t {project.root}", "/dev/null"]
    assert lines[3].strip() == lines[4]
    assert lines[5] == "oops"


def test_the_run_id_is_that_of_the_history(project: Any) -> None:
    project.flowfile('[tasks.t]\nrun = "echo $FLOWMAKE_RUN_ID > id"\n')
    project.run("run", "-q")
    (run,) = json.loads(project.run("history", "--json").stdout)["runs"]
    assert run["run"] == project.read("id").strip()
    assert (project.root / ".flowmake/runs" / run["run"] / "events.jsonl").exists()


def test_a_function_is_called_in_the_process_pool(project: Any) -> None:
    project.write("tool.py", "def add(a, b, to):\n    print('adding')\n    open(to, 'w').write(str(a + b))\n")
    project.flowfile(
        '[tasks.sum]\noutputs = ["sum"]\ncall = "tool:add"\nargs = { a = 1, b = 2, to = "{{ outputs[0] }}" }\n'
    )
    assert project.run("run", "-q").code == 0
    assert (project.read("sum"), project.run("log", "sum").stdout) == ("3", "adding\n")
    assert project.run("status", "--check").code == 0


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ('exec = ["no-such-program"]', "command `no-such-program` not found in PATH"),
        ('exec = ["./plain"]', "command `./plain` is not executable"),
        ('exec = ["/"]', "command `/` is a directory"),
        ('cwd = "nowhere"\nrun = "x"', "working directory `ROOT/nowhere` does not exist"),
        ('run = "no-such-program"', "exit code 127"),
        ('call = "nothing:f"', "cannot import `nothing` from `ROOT`: ModuleNotFoundError: No module named 'nothing'"),
    ],
)
def test_a_command_that_cannot_start(project: Any, task: str, message: str) -> None:
    project.write("plain")
    project.flowfile(f"[tasks.t]\n{task}\n")
    done = project.run("run", "--progress", "none")
    assert done.code == 1
    assert project.scrub(done.stderr).splitlines()[0] == f"failed: `t`: {message} after SECONDS"


@pytest.mark.parametrize(
    ("flow", "args", "message"),
    [
        ('executor = "moon"', [], "there is no executor `moon`"),
        ("", ["--executor", "moon"], "there is no executor `moon`"),
        ("", ["--executor", "call"], "there is no executor `call`"),
    ],
)
def test_an_unknown_executor(project: Any, flow: str, args: list[str], message: str) -> None:
    project.flowfile(f'[tasks.t]\nrun = "touch ran"\n{flow}\n')
    done = project.run("run", *args)
    assert (done.code, project.exists("ran")) == (2, False)
    assert f"error: {message}\n" in done.stderr
    assert "hint: known: `local`, `dask`, `slurm`\n" in done.stderr


def test_a_log_that_cannot_be_written_fails_the_task(project: Any) -> None:
    """The folder for logs vanishes under the run, and something else is in its place."""
    project.flowfile(
        '[tasks.a]\nrun = "rm -r .flowmake/runs/*/logs; touch .flowmake/runs/$FLOWMAKE_RUN_ID/logs"\n'
        '[tasks.b]\nafter = ["a"]\nrun = "touch ran"\n'
    )
    done = project.run("run", "b")
    assert done.code == 1
    assert "failed: `b`: cannot write the log `" in done.stderr
    assert "/logs/b.log`: Not a directory" in done.stderr
    assert not project.exists("ran")


def test_a_nested_run_has_its_own_root_and_run(project: Any) -> None:
    project.flowfile('[tasks.inner]\nrun = "echo $FLOWMAKE_ROOT $FLOWMAKE_TASK > told"\n', "inner/Flowfile")
    project.flowfile('[tasks.outer]\nrun = "cd inner && flowmake run"\n')
    assert project.run("run", "-j2").code == 0
    assert project.read("inner/told") == f"{project.root}/inner inner\n"


def test_under_make_without_its_job_slots_a_run_says_so(project: Any) -> None:
    project.write("Makefile", "all:\n\t@flowmake run -j2\n")
    project.flowfile('[tasks.t]\nrun = "true"\n')
    done = subprocess.run(
        ["make", "-j2"], cwd=project.root, env=project.environ(), capture_output=True, text=True, check=True
    )
    assert "warning: not sharing make's job slots: make closed its jobserver to this command" in done.stderr


COUNT = "touch run.$$; set -- run.*; echo $# >> counts; rm run.$$"


def most_at_once(project: Any) -> int:
    return max(int(line) for line in project.read("counts").split())


def test_under_make_its_job_slots_are_the_limit(project: Any) -> None:
    project.write("Makefile", "all:\n\t+@flowmake run -q -j8\n")
    project.flowfile(f'[tasks.t]\nforeach = {{ n = {{ range = [0, 12] }} }}\nrun = "{COUNT}"\n')
    subprocess.run(["make", "-j2"], cwd=project.root, env=project.environ(), check=True)
    assert most_at_once(project) <= 2


def test_makes_below_share_our_job_slots(project: Any) -> None:
    rule = COUNT.replace("$$", "$(NAME)$@").replace("$#", "$$#")
    project.write("Makefile", f"all: 1 2 3 4 5 6\n1 2 3 4 5 6:\n\t@{rule}\n")
    project.flowfile('[tasks.t]\nforeach = { n = ["a", "b", "c"] }\nrun = "make NAME={{ n }}"\n')
    assert project.run("run", "-q", "-j2").code == 0
    assert most_at_once(project) <= 2


# -- the terminal --------------------------------------------------------------------------------------------------


def test_console_tasks_have_the_terminal_one_at_a_time(project: Any) -> None:
    project.flowfile(
        "[tasks.t]\nforeach = { n = [1, 2] }\nconsole = true\n"
        'run = "mkdir busy; test -t 0 -a -t 1 -a -t 2; read x; echo got $x; rmdir busy"\n'
    )
    done = project.run_on_terminal("run", "-j2", typed="one\ntwo\n")
    assert done.code == 0
    assert "got one\n" in done.stdout
    assert "got two\n" in done.stdout


@pytest.mark.parametrize(
    ("answer", "args", "code"), [("y\n", [], 0), ("n\n", [], 1), ("\x04", [], 1), ("", ["--yes"], 0)]
)
def test_confirmation_on_a_terminal(project: Any, answer: str, args: list[str], code: int) -> None:
    project.flowfile('[tasks.drop]\nconfirm = "Drop it?"\nrun = "touch dropped"\n')
    done = project.run_on_terminal("run", *args, typed=answer)
    assert (done.code, project.exists("dropped")) == (code, code == 0)
    assert ("drop: Drop it? [y/N]" in done.stdout) is (not args)
    assert ("failed: `drop`: not confirmed" in done.stdout.replace("\x1b[0m", "").replace("\x1b[1;31m", "")) is (
        code == 1
    )


def test_control_c_at_the_question_ends_the_run(project: Any) -> None:
    project.flowfile('[tasks.drop]\nconfirm = "Drop it?"\nrun = "touch dropped"\n')
    terminal = Terminal(project, COMMAND, "run")
    terminal.wait_for("[y/N]")
    terminal.interrupt()
    assert (terminal.end(), project.exists("dropped")) == (130, False)


@pytest.mark.parametrize(("args", "code"), [([], 1), (["-k"], 1), (["--yes"], 0)])
def test_confirmation_without_a_terminal(project: Any, args: list[str], code: int) -> None:
    project.flowfile('[tasks.drop]\nconfirm = "Drop it?"\nrun = "touch dropped"\n[tasks.other]\nrun = "touch other"\n')
    done = project.run("run", "drop", "other", *args, stdin="y\n")
    assert (done.code, project.exists("dropped")) == (code, code == 0)
    assert project.exists("other") is (args != [])


def test_wild_output_never_reaches_the_terminal_raw(project: Any) -> None:
    project.write("wild", b"\x1b[2Jclear \xff\xfe \x07bell\x9b31m\n")
    project.flowfile('[tasks.t]\nrun = "cat wild; exit 1"\n')
    done = project.run_on_terminal("run", "-v", "--progress", "plain")
    assert "clear" in done.stdout
    assert not any(bad in done.stdout for bad in ("\x1b[2J", "\x07", "\x9b", "\xff"))
    done = project.run("run", "-v")
    assert not any(character < " " and character != "\n" for character in done.stderr)
    log = max((project.root / ".flowmake").glob("runs/*/logs/t.log"))
    assert log.read_bytes() == (project.root / "wild").read_bytes()


# -- quiet, events, looking only -----------------------------------------------------------------------------------


def test_quiet_says_nothing_of_success(chain: Any) -> None:
    for _ in range(2):
        done = chain.run("run", "-q")
        assert (done.code, done.stdout, done.stderr) == (0, "", "")


def test_events_follow_every_task(project: Any) -> None:
    project.flowfile(
        '[tasks.bad]\nrun = "exit 7"\nretries = 1\n[tasks.then]\nneeds = ["bad"]\nrun = "x"\n'
        '[tasks.killed]\nrun = "kill -9 $$"\n'
    )
    done = project.run("run", "-q", "-k", "-j1", "--events", "-", "bad", "then", "killed")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(event["v"] == 1 for event in events)
    assert len({event["run"] for event in events}) == 1
    ends = {event["task"]: event for event in events if event["event"] == "task_finished"}
    assert {name: (end["status"], end["exit_code"], end["signal"]) for name, end in ends.items()} == {
        "bad": ("failed", 7, None),
        "then": ("skipped", None, None),
        "killed": ("failed", None, 9),
    }
    assert [(e["attempt"], e["pid"] > 0) for e in events if e["event"] == "task_started" and e["task"] == "bad"] == [
        (1, True),
        (2, True),
    ]
    assert (events[-1]["event"], events[-1]["exit_code"]) == ("run_finished", 1)
    kept = (project.root / f".flowmake/runs/{events[0]['run']}/events.jsonl").read_text()
    assert [json.loads(line) for line in kept.splitlines()] == events


LOOKING = [
    ("run", "-n"),
    ("run", "-nv", "c"),
    ("status",),
    ("status", "--json"),
    ("why", "c"),
    ("list",),
    ("show", "c"),
    ("graph", "--format", "text"),
    ("graph", "--format", "json"),
    ("history",),
    ("check",),
    ("clean", "-n"),
    ("clean", "--orphans", "-n"),
]


@pytest.mark.parametrize("args", LOOKING, ids=" ".join)
@pytest.mark.parametrize("is_built", [True, False], ids=["built", "untouched"])
def test_commands_that_only_look_write_nothing(chain: Any, args: tuple[str, ...], is_built: bool) -> None:
    chain.write("gen.sh", 'echo "[tasks.generated]"; echo "run = \'true\'"')
    chain.flowfile('[flow]\ndefault = ["c"]\ninclude = [{ exec = ["sh", "gen.sh"], inputs = ["gen.sh"] }]\n' + CHAIN)
    if is_built:
        chain.run("run", "-q")
        chain.write("in", "2")
        chain.write("gen.sh", 'echo "[tasks.other]"; echo "run = \'true\'"')
    before = listing(chain.root)
    done = chain.run(*args)
    assert done.code == 0, done.stderr
    assert listing(chain.root) == before


@pytest.mark.parametrize("args", [("log", "c"), ("lineage", "c")], ids=" ".join)
def test_looking_back_writes_nothing(chain: Any, args: tuple[str, ...]) -> None:
    chain.run("run", "-q")
    before = listing(chain.root)
    assert chain.run(*args).code == 0
    assert listing(chain.root) == before


def test_a_run_with_nothing_to_do_leaves_no_run_behind(chain: Any) -> None:
    chain.run("run", "-q")
    before = sorted((chain.root / ".flowmake/runs").iterdir())
    chain.run("run")
    assert sorted((chain.root / ".flowmake/runs").iterdir()) == before


def test_state_can_be_elsewhere(chain: Any) -> None:
    elsewhere = {"FLOWMAKE_STATE_DIR": str(chain.home / "state")}
    assert chain.run("run", "-q", env=elsewhere).code == 0
    assert not chain.exists(".flowmake")
    assert chain.run("run", env=elsewhere).stderr == "nothing to do: all 3 tasks are fresh\n"
    (folder,) = (chain.home / "state").iterdir()
    assert folder.name.startswith("project-")


def test_an_include_program_runs_again_only_when_its_inputs_change(project: Any) -> None:
    project.write("gen.sh", 'echo x >> count; echo "[tasks.generated]"; echo "run = \'true\'"')
    project.flowfile('[flow]\ninclude = [{ exec = ["sh", "gen.sh"], inputs = ["gen.sh"] }]\n')
    project.run("run", "-q")
    project.run("run", "-q")
    project.run("status")
    assert project.read("count") == "x\n"
    project.write("gen.sh", project.read("gen.sh") + "\n")
    project.run("run", "-q")
    assert project.read("count") == "x\nx\n"


def test_the_log_of_a_task_that_printed_nothing_is_empty_even_if_its_file_went_to_another(project: Any) -> None:
    project.flowfile(
        """
        [flow]
        default = ["d"]
        [tasks.a]
        run = "true"
        [tasks.b]
        after = ["a"]
        run = "true"
        [tasks.c]
        after = ["b"]
        run = "echo c"
        [tasks.d]
        after = ["c"]
        run = "false"
        """
    )
    assert project.run("run", "-q", "-j", "1").code == 1
    logs = {path.name for path in (project.root / ".flowmake").glob("runs/*/logs/*")}
    assert {"c.log", "d.log"} <= logs
    assert [project.run("log", task).stdout for task in "abcd"] == ["", "", "c\n", ""]
    assert project.run("log").stdout == "==> a <==\n\n==> b <==\n\n==> c <==\nc\n\n==> d <==\n"
    assert project.run("log", "-f", "a").code == 0
