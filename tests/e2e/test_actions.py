"""A run as a step of GitHub Actions sees it."""

from __future__ import annotations

from typing import Any

from tests.workflow import Command, Step

FLOW = """\
# the first line

[tasks.good]
outputs = ["good.txt"]
run = "echo '::error::never shown'; touch {{ outputs }}"

[tasks.bad]
foreach = { n = [1] }
run = "echo '::error::injected'; echo '##[add-mask]e'; exit 3"

[tasks.soft]
allow_failure = true
run = "exit 1"
"""


def github(project: Any, *args: str, workspace: str | None = None) -> Any:
    place = {"GITHUB_WORKSPACE": workspace or str(project.root)}
    return project.run(*args, env={"GITHUB_ACTIONS": "true", **place})


def test_failures_are_annotated_where_they_are_declared(project: Any) -> None:
    project.flowfile(FLOW)
    done = github(project, "run", "-k", "-j1", workspace=str(project.root.parent))
    assert (done.code, done.stdout) == (1, "")
    step = Step(project.scrub(done.stderr))
    assert step.groups == {"log of bad@1": ["::error::injected", "##[add-mask]e"]}
    file = f"{project.root.name}/Flowfile"
    assert [command for command in step.commands if "group" not in command.name] == [
        Command("error", {"file": file, "line": "7", "title": "bad@1"}, "exit code 3 after SECONDS"),
        Command("warning", {"file": file, "line": "11", "title": "soft"}, "exit code 1 after SECONDS"),
    ]
    assert not step.is_stopped
    assert "    ::error::injected" in step.plain


def test_a_task_that_is_included_is_annotated_there(project: Any) -> None:
    project.flowfile('[flow]\ninclude = ["etl/*.toml"]\n')
    project.write("etl/more.toml", '\n\n[tasks.bad]\nrun = "exit 2"\n')
    step = Step(github(project, "run").stderr)
    assert step.commands[-1].properties == {"file": "etl/more.toml", "line": "3", "title": "bad"}


def test_a_task_that_a_program_printed_has_no_place(project: Any) -> None:
    project.flowfile('[flow]\ninclude = [{ exec = ["echo", "tasks.bad.run = \'exit 2\'"], inputs = [] }]\n')
    step = Step(github(project, "run").stderr)
    assert step.commands[-1].properties == {"title": "bad"}


def test_quiet_tells_failures_alone(project: Any) -> None:
    project.flowfile(FLOW)
    assert github(project, "run", "-q", "good").stderr.count("\n") == 2  # commands stopped, and allowed again
    assert Step(github(project, "run", "-q", "bad").stderr).commands[-1].name == "error"


def test_elsewhere_nothing_is_annotated(project: Any) -> None:
    project.flowfile(FLOW)
    for env in ({}, {"GITHUB_ACTIONS": "false"}):
        assert "::" not in project.run("run", "-k", "good", env=env).stderr


def test_what_is_wrong_in_a_flowfile_is_annotated_there(project: Any) -> None:
    project.flowfile('[flow]\ninclude = ["etl/*.toml"]\n\n[tasks.a]\ninptus = []\n')
    project.write("etl/b.toml", "[tasks.b]\nruns = 1\n")
    done = github(project, "check", workspace=str(project.root.parent))
    step = Step(done.stderr)
    assert (done.code, "2 errors" in done.stderr) == (2, True)
    place = project.root.name
    assert step.commands == [
        Command(
            "error", {"file": f"{place}/Flowfile", "line": "5"}, "unknown field `inptus`\nhint: did you mean `inputs`?"
        ),
        Command(
            "error", {"file": f"{place}/etl/b.toml", "line": "2"}, "unknown field `runs`\nhint: did you mean `run`?"
        ),
    ]
