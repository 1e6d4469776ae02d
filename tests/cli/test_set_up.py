"""`init`, `check`, `doctor`, `completion`, and what comes before any run."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest


def test_the_starter_flow_runs_as_it_is(project: Any) -> None:
    done = project.run("init")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == "wrote `Flowfile`\nhint: `flowmake run` makes what it describes\n"
    assert project.run("check").stderr == "no problems in 3 tasks\n"
    assert project.run("run", "-q").code == 0
    assert project.read("report.md") == "Hello, Ada\nHello, Grace\n"
    assert project.run("status", "--check").code == 0


def test_init_never_overwrites(project: Any) -> None:
    project.write("Flowfile", "mine")
    done = project.run("init")
    assert (done.code, project.read("Flowfile")) == (2, "mine")
    assert done.stderr == (
        "error: `Flowfile` exists already\nhint: nothing was changed; remove it, or name another with `-f FILE`\n"
    )


def test_init_elsewhere(project: Any) -> None:
    project.write('sub "x"/file')
    assert project.run("init", "-f", 'sub "x"/Flowfile').code == 0
    assert project.run("check", "-C", 'sub "x"').code == 0


def test_init_where_nothing_can_be_written(project: Any) -> None:
    done = project.run("init", "-f", "no/Flowfile")
    assert (done.code, done.stderr) == (4, "error: cannot write `no/Flowfile`: No such file or directory\n")


@pytest.mark.parametrize("command", ["run", "status", "why", "list", "graph", "log", "history", "check", "clean"])
def test_without_a_flowfile(project: Any, command: str) -> None:
    done = project.run(command)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        "error: there is no `Flowfile` here or in any folder above\n"
        "hint: `flowmake init` writes one to start from; `-f FILE` names one elsewhere\n"
    )


def test_check_shows_every_problem_with_its_place(project: Any) -> None:
    project.flowfile('[tasks.a]\nruns = "x"\n\n[tasks.b]\nneed = ["c"]\n')
    project.write("sub/file")
    for folder in (".", "sub"):
        done = project.run("check", cwd=folder)
        assert (done.code, done.stdout) == (2, "")
        assert done.stderr == (
            "Flowfile:2:1: error: unknown field `runs`\n"
            '    2 | runs = "x"\n'
            "      | ^^^^\n"
            "   hint: did you mean `run`?\n"
            "\n"
            "Flowfile:5:1: error: unknown field `need`\n"
            '    5 | need = ["c"]\n'
            "      | ^^^^\n"
            "   hint: did you mean `needs`?\n"
            "\n"
            "2 errors in Flowfile\n"
        )


def test_check_sees_tasks_that_no_target_needs(letters: Any) -> None:
    assert letters.run("check").stderr == "no problems in 5 tasks\n"
    letters.write("Flowfile", letters.read("Flowfile") + '\n[tasks.x]\nrun = "echo {{ params.none }}"\n')
    done = letters.run("check")
    assert done.code == 2
    assert "Flowfile:31:7: error: `params` has no `none`\n" in done.stderr
    assert letters.run("run", "-q").code == 0


def test_doctor_finds_no_problem_here(letters: Any) -> None:
    done = letters.run("doctor", env={"SHELL": "/bin/bash"})
    assert (done.code, done.stderr) == (0, "no problems found\n")
    names = [line.split(":")[0].split()[-1] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert names == [
        "python", "cores", "encoding", "dot", "git", "completion", "flowfile", "shell", "root", "state", "lock",
    ]  # fmt: skip
    assert (
        "note     completion: not set up for bash\n         hint: `flowmake completion --help` tells how\n"
        in done.stdout
    )
    assert "ok       flowfile: " in done.stdout
    assert not letters.exists(".flowmake")


def test_doctor_without_a_flowfile(project: Any) -> None:
    done = project.run("doctor")
    assert done.code == 0
    assert "note     flowfile: there is no `Flowfile` here or in any folder above\n" in done.stdout


def test_doctor_with_a_broken_flow(project: Any) -> None:
    project.flowfile('[flow]\nshell = ["no-such-shell"]\n[tasks.a]\nrun = "x"')
    done = project.run("doctor")
    assert (done.code, done.stderr) == (4, "1 problem found\n")
    assert (
        "PROBLEM  shell: `no-such-shell` is not found\n         hint: install it, or set `[flow] shell`\n"
        in done.stdout
    )
    project.flowfile("[tasks.a]\nruns = 1")
    done = project.run("doctor")
    assert (done.code, done.stderr) == (4, "1 problem found\n")
    assert "PROBLEM  flowfile: 1 error\n         hint: `flowmake check` shows them\n" in done.stdout


def test_doctor_sees_completion(project: Any) -> None:
    (project.home / ".bashrc").write_text('eval "$(flowmake completion bash)"\n')
    done = project.run("doctor", env={"SHELL": "/bin/bash"})
    assert f"ok       completion: set up for bash in {project.home}/.bashrc\n" in done.stdout


def completed(project: Any, line: str) -> list[str]:
    """What bash would offer after `line`, by its real completion machinery."""
    script = f"""
        eval "$(flowmake completion bash)"
        compopt() {{ :; }}
        COMP_LINE={line!r} COMP_POINT={len(line)}
        _flowmake_completion
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script], cwd=project.root, env=project.environ(), capture_output=True, check=True
    )
    assert done.stderr == b""
    return done.stdout.decode().split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("flowmake st", ["status"]),
        ("flowmake run u", ["upper", "upper.txt"]),
        ("flowmake run upper ", ["upper", "part", "all", "lint", "tag:text"]),
        ("flowmake run part@", ["1", "2"]),
        ("flowmake run tag:t", ["text"]),
        ("flowmake run ./al", ["./all.txt"]),
        ("flowmake show l", ["lint", "lineage"][:1]),
        ("flowmake run --fo", ["--force", "--force-task"]),
        ("flowmake completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_bash_completes(letters: Any, line: str, offered: list[str]) -> None:
    assert completed(letters, line) == offered


def test_bash_gets_names_as_a_command_line_needs_them(project: Any) -> None:
    project.flowfile('[tasks.t]\noutputs = ["a b$.txt"]\nrun = "touch {{ outputs }}"')
    assert completed(project, "flowmake run a") == ["a\\", "b\\$.txt"]


def test_completion_is_silent_when_the_flow_is_broken(project: Any) -> None:
    project.flowfile("[tasks.a]\nruns = 1")
    assert completed(project, "flowmake run a") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_scripts(project: Any, shell: str) -> None:
    done = project.run("completion", shell)
    assert (done.code, done.stderr) == (0, "")
    assert f"_FLOWMAKE_COMPLETE={shell}_complete" in done.stdout


def test_fish_is_answered(letters: Any) -> None:
    done = letters.run(env={"_FLOWMAKE_COMPLETE": "fish_complete", "COMP_WORDS": "flowmake run up", "COMP_CWORD": "up"})
    assert done.stdout == "plain,upper\tLetters in capitals\nplain,upper.txt\tmade by upper\n"
