"""Hooks, on the real command line: who is called when, with what, and without consequence."""

from __future__ import annotations

import json
from typing import Any

import pytest

HOOKS = """\
[flow]
name = "nightly"
[hooks]
on_success = "cat >> hooked; echo success >> called"
on_failure = "cat >> hooked; echo failure >> called"
on_recovery = "echo recovery >> called"
finally = "echo finally >> called"
[tasks.t]
inputs = ["code"]
run = "exit $(cat code)"
on_success = "echo t-success >> called"
on_failure = "echo t-failure >> called"
"""


@pytest.fixture
def hooked(project: Any) -> Any:
    project.flowfile(HOOKS)
    return project


def run(project: Any, exit_code: int, *args: str) -> list[str]:
    """Run with a task that ends so; which hooks were called."""
    project.write("code", str(exit_code))
    project.write("called")
    assert project.run("run", *args).code == (1 if exit_code else 0)
    return project.read("called").split()  # type: ignore[no-any-return]


def test_who_is_called_when(hooked: Any) -> None:
    assert run(hooked, 0) == ["t-success", "success", "finally"]
    assert run(hooked, 0) == []
    assert run(hooked, 3) == ["t-failure", "failure", "finally"]
    assert run(hooked, 4) == ["t-failure", "failure", "finally"]
    assert run(hooked, 0) == ["t-success", "success", "recovery", "finally"]
    assert run(hooked, 0, "--force") == ["t-success", "success", "finally"]


def test_the_summary_on_stdin(hooked: Any) -> None:
    run(hooked, 3)
    (summary,) = [json.loads(line) for line in hooked.read("hooked").splitlines()]
    assert (summary["v"], summary["flow"], summary["status"], summary["exit_code"]) == (1, "nightly", "failed", 1)
    assert summary["counts"] == {"failed": 1}
    (failed,) = summary["failed"]
    assert (failed["task"], failed["exit_code"], failed["message"]) == ("t", 3, "exit code 3")


@pytest.mark.parametrize(
    ("command", "report"), [("exit 9", "failed with exit code 9"), ("no-such", "failed with exit code 127")]
)
def test_a_failing_hook_is_reported_and_changes_nothing(project: Any, command: str, report: str) -> None:
    project.flowfile(
        f'[hooks]\non_success = "{command}"\nfinally = "touch finally"\n[tasks.t]\noutputs = ["t"]\nrun = "touch t"\n'
    )
    done = project.run("run")
    assert (done.code, project.exists("finally")) == (0, True)
    assert f"error: hook `on_success` {report}\n" in done.stderr
    assert project.run("status", "--check").code == 0


def test_what_a_hook_prints_does_not_get_into_what_was_asked_for(project: Any) -> None:
    project.flowfile('[hooks]\nfinally = "echo noise"\n[tasks.t]\nrun = "true"\n')
    done = project.run("run", "-q", "--events", "-")
    assert all(json.loads(line)["v"] == 1 for line in done.stdout.splitlines())
    assert done.stderr == "noise\n"


def test_a_hook_that_does_not_read_is_no_failure(project: Any) -> None:
    project.flowfile('[hooks]\nfinally = "exec 0<&-; touch called"\n[tasks.t]\nrun = "true"\n')
    done = project.run("run", "-q")
    assert (done.code, done.stderr, project.exists("called")) == (0, "", True)


def test_an_allowed_failure_is_no_failure_of_the_run(project: Any) -> None:
    project.flowfile(
        '[hooks]\non_success = "touch success"\non_failure = "touch failure"\n'
        '[tasks.t]\nrun = "false"\nallow_failure = true\n'
    )
    assert project.run("run").code == 0
    assert (project.exists("success"), project.exists("failure")) == (True, False)


def test_a_failing_hook_is_reported_where_only_failures_are(project: Any) -> None:
    """Under cron, what `on_failure` was to send would be missed otherwise."""
    project.flowfile('[hooks]\non_success = "exit 9"\n[tasks.t]\nrun = "true"\n')
    assert project.run("run", "-q").stderr == "error: hook `on_success` failed with exit code 9\n"


def test_removed_orphans_are_named(project: Any) -> None:
    project.flowfile('[tasks.t]\noutputs = ["a"]\nrun = "touch a"\n')
    project.run("run")
    project.flowfile('[flow]\nremove_orphans = true\n[tasks.t]\noutputs = ["b"]\nrun = "touch b"\n')
    assert "removed what no task makes any more: `a`\n" in project.run("run").stderr
    assert not project.exists("a")
