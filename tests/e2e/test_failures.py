"""What becomes of failures, on the real command line: exit codes, retries, timeouts, what goes on and what is said."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.processes import Meeting, is_alive, wait_gone


def flow(project: Any, **tasks: str) -> None:
    """A Flowfile of these tasks, the body of each as TOML lines."""
    project.flowfile("".join(f"[tasks.{name}]\n{body}\n" for name, body in tasks.items()))


@pytest.mark.parametrize(
    ("tasks", "args", "code"),
    [
        ({"a": 'run = "true"'}, [], 0),
        ({"a": 'run = "exit 5"'}, [], 1),
        ({"a": 'run = "exit 5"\nallow_failure = true'}, [], 0),
        ({"a": 'run = "sleep 99"\ntimeout = 0.1'}, [], 124),
        ({"a": 'run = "sleep 99"\ntimeout = 0.1', "b": 'run = "false"'}, ["-k"], 1),
        ({"a": 'run = "sleep 99"\ntimeout = 0.1', "b": 'run = "sleep 99"\ntimeout = 0.1'}, ["-k"], 124),
        ({"a": 'run = "sleep 99"\ntimeout = 0.1', "b": 'run = "sleep 99"'}, ["--fail-fast", "-j2"], 124),
        ({"a": 'run = "sleep 99"\ntimeout = 0.1\nallow_failure = true'}, [], 0),
        ({"a": 'run = "sleep 99"'}, ["--deadline", "0.2"], 124),
        ({"a": 'run = "sleep 99"'}, ["--deadline", "0.2", "-k"], 124),
        ({"a": 'run = "exit 1"\nretries = { attempts = 1, delay = 99 }'}, ["--deadline", "0.2"], 1),
        ({"a": 'run = "true"'}, ["--deadline", "1h"], 0),
        ({"a": 'run = "true"'}, ["b"], 2),
        ({"a": 'rum = "true"'}, [], 2),
        ({"a": 'run = "true"\ninputs = ["missing"]'}, [], 2),
        ({"a": 'run = "true"\npool = "no"'}, [], 2),
        ({"a": 'run = "kill -9 $$"'}, [], 1),
        ({"a": 'run = "exit 124"'}, [], 1),
    ],
)
def test_exit_codes(project: Any, tasks: dict[str, str], args: list[str], code: int) -> None:
    flow(project, **tasks)
    assert project.run("run", *args).code == code


def test_a_pool_without_places_is_an_error_before_anything_starts(project: Any) -> None:
    project.flowfile('[pools]\ndb = 0\n[tasks.t]\npool = "db"\nrun = "touch ran"\n')
    done = project.run("run")
    assert (done.code, project.exists("ran")) == (2, False)
    assert "error: `pools.db` must be at least 1, not 0\n" in done.stderr


def test_what_is_stale_is_exit_code_3_for_those_who_ask(project: Any) -> None:
    flow(project, a='outputs = ["a"]\nrun = "touch a"')
    assert project.run("status", "--check").code == 3
    assert project.run("status").code == 0
    project.run("run")
    assert project.run("status", "--check").code == 0


def test_a_missing_input_stops_only_the_targets_that_need_it(project: Any) -> None:
    flow(project, a='inputs = ["missing"]\nrun = "x"', b='run = "touch b"')
    assert project.run("run").code == 2
    assert not project.exists("b")
    assert project.run("run", "b").code == 0


FAILING = {
    "bad": 'outputs = ["bad"]\nrun = "echo why not; exit 3"',
    "needs-bad": 'inputs = ["bad"]\nrun = "touch needs-bad"',
    "after-bad": 'after = ["bad"]\nrun = "touch after-bad"',
    "other": 'after = ["bad"]\nrun = "touch other"',
}


@pytest.mark.parametrize(("args", "made"), [([], []), (["-k"], ["after-bad", "other"]), (["--fail-fast"], [])])
def test_what_goes_on_after_a_failure(project: Any, args: list[str], made: list[str]) -> None:
    flow(project, **FAILING)
    assert project.run("run", "-j1", *args).code == 1
    assert [name for name in ("needs-bad", "after-bad", "other") if project.exists(name)] == made


def test_the_closing_lines_name_every_failure(project: Any) -> None:
    flow(
        project,
        bad='run = "seq 100; exit 3"',
        shot='run = "kill -SEGV $$"',
        slow='run = "sleep 99"\ntimeout = "100ms"',
        lazy='outputs = ["x/y"]\nrun = "true"',
    )
    done = project.run("run", "-k", "-j1", "--progress", "none")
    assert done.code == 1
    lines = project.scrub(done.stderr).splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "failed: `bad`: exit code 3 after SECONDS",
        "failed: `shot`: killed by SIGSEGV after SECONDS",
        "failed: `slow`: timed out after SECONDS",
        "failed: `lazy`: exit code 0, but it did not make `x/y` after SECONDS",
        "failed in SECONDS: 3 failed, 1 timed out",
    ]
    assert lines[1:12] == [*(f"    {n}" for n in range(91, 101)), "    log: .flowmake/runs/RUN/logs/bad.log"]


def test_running_tasks_may_finish_after_a_failure(project: Any) -> None:
    """`slow` is let go by the hook of the failing task, and so when its failure is known."""
    go = Meeting(project.root, "go")
    flow(
        project,
        slow=f'outputs = ["slow"]\nrun = "read x < {go.path}; touch slow"\npriority = 1',
        bad=f'run = "exit 1"\non_failure = "echo > {go.path}"',
        never='needs = ["slow"]\nrun = "touch never"',
    )
    assert project.run("run", "-j2").code == 1
    assert (project.exists("slow"), project.exists("never")) == (True, False)


def test_fail_fast_stops_the_others(project: Any) -> None:
    up = Meeting(project.root, "up")
    flow(
        project,
        slow=f'outputs = ["slow"]\nrun = "touch slow; echo > {up.path}; sleep 99"\npriority = 1',
        bad=f'run = "read x < {up.path}; exit 1"',
    )
    done = project.run("run", "-j2", "--fail-fast")
    assert done.code == 1
    assert "interrupted: `slow`\n" in done.stderr
    assert not project.exists("slow")


# -- retries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retries", "command", "attempts", "code"),
    [
        ("2", "exit 1", 3, 1),
        ("2", "test $(wc -l < tries) = 2", 2, 0),
        ('{ attempts = 2, delay = 0.01, backoff = 2.0, jitter = true, on = ["exit:75"] }', "exit 75", 3, 1),
        ('{ attempts = 2, on = ["exit:75"] }', "exit 74", 1, 1),
        ('{ attempts = 2, on = ["exit:75"] }', "sleep 99", 1, 124),
        ('{ attempts = 2, on = ["timeout"] }', "sleep 99", 3, 124),
        ('{ attempts = 1, on = ["signal:SIGSEGV"] }', "kill -SEGV $$", 2, 1),
        ("1", "sleep 99", 2, 124),
        ("1", "true", 2, 1),
    ],
)
def test_retries(project: Any, retries: str, command: str, attempts: int, code: int) -> None:
    """The last case exits with 0 and makes no output."""
    outputs = 'outputs = ["out"]\n' if command == "true" else ""
    flow(project, t=f'{outputs}retries = {retries}\ntimeout = "200ms"\nrun = "echo >> tries; {command}"')
    assert project.run("run").code == code
    assert len(project.read("tries").splitlines()) == attempts


def test_all_attempts_are_in_one_log(project: Any) -> None:
    flow(project, t='retries = 2\nrun = "echo attempt; false"')
    project.run("run")
    assert project.run("log", "t").stdout == "attempt\n" * 3


# -- timeouts ------------------------------------------------------------------------------------------------------

STUBBORN = """\
trap '' TERM
bash -c 'trap "" TERM; echo $$ > grandchild; echo > up; while :; do sleep 1; done' &
read x < up
echo $$ > child
while :; do sleep 1; done
"""


def test_a_timeout_ends_the_whole_group_even_if_it_ignores_term(project: Any) -> None:
    os.mkfifo(project.root / "up")
    project.write("stubborn.sh", STUBBORN)
    project.write(
        "drive.py",
        "import flowmake\nfrom flowmake import RunOptions\n"
        "import sys\n"
        "end = flowmake.load('.').run([], RunOptions(grace=0.1))\nsys.exit(end.exit_code)\n",
    )
    flow(project, t='timeout = "2s"\nexec = ["bash", "stubborn.sh"]')
    done = subprocess.run([sys.executable, "drive.py"], cwd=project.root, env=project.environ(), check=False)
    assert done.returncode == 124
    pids = [int(project.read(name)) for name in ("child", "grandchild")]
    wait_gone(pids)
    assert not any(is_alive(pid) for pid in pids)


# -- learning on the way -------------------------------------------------------------------------------------------


def test_a_fan_out_that_makes_no_sense_fails_alone_with_keep_going(project: Any) -> None:
    flow(
        project,
        split='outputs = ["list"]\nrun = "echo x > list"',
        part='foreach = { n = { lines = "list" } }\noutputs = ["part-{{ n }}"]\nrun = "touch {{ outputs }}"',
        clash='outputs = ["part-x"]\nrun = "touch part-x"',
        join='inputs = ["part-*"]\nrun = "touch joined"',
        other='run = "touch other"',
    )
    done = project.run("run", "-k", "join", "other", "clash")
    assert done.code == 1
    assert "failed: `part`: two tasks make `part-x`: `clash` and `part@x`\n" in done.stderr
    assert (project.exists("other"), project.exists("joined")) == (True, False)


def test_a_task_that_needs_more_than_there_is(project: Any) -> None:
    project.flowfile(
        '[resources]\nmem = "1G"\n[tasks.big]\nrun = "touch big"\nresources = { mem = "2G" }\n'
        '[tasks.ok]\nrun = "touch ok"\n'
    )
    done = project.run("run", "-k")
    assert (done.code, project.exists("big"), project.exists("ok")) == (1, False, True)
    assert "failed: `big`: task `big` needs 2147483648 of `mem`, but `[resources]` has only 1073741824" in done.stderr
