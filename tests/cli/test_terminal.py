"""What is different where there is a terminal: colours, tables by rich, a live display, questions."""

from __future__ import annotations

from typing import Any

ESCAPE = "\x1b"


def test_tables_have_colours(letters: Any) -> None:
    done = letters.run_on_terminal("status")
    assert done.code == 0
    assert ESCAPE in done.stdout
    assert "never ran" in done.stdout
    assert done.stdout.endswith("4 tasks: 4 stale\n")


def test_no_color_is_heeded(letters: Any) -> None:
    for command in ("status", "why", "list"):
        done = letters.run_on_terminal(command, env={"NO_COLOR": "1"})
        assert done.code == 0
        assert "all" in done.stdout
        assert f"{ESCAPE}[3" not in done.stdout


def test_nothing_moves_on_a_dumb_terminal(letters: Any) -> None:
    done = letters.run_on_terminal("run", "-j1", env={"TERM": "dumb"})
    assert letters.scrub(done.stdout).splitlines()[:2] == [
        "[0/4] upper started: Letters in capitals",
        "[1/4] upper ✓ SECONDS",
    ]
    assert ESCAPE not in done.stdout


def test_a_run_leaves_its_closing_line_on_the_terminal(letters: Any) -> None:
    done = letters.run_on_terminal("run")
    assert done.code == 0
    assert letters.scrub(done.stdout).splitlines()[-1].endswith("4 succeeded")
    assert letters.exists("all.txt")


CONFIRM = '[tasks.publish]\noutputs = ["done"]\nconfirm = "Publish?"\nrun = "touch done"\n'


def test_a_question_is_asked_and_answered(project: Any) -> None:
    project.flowfile(CONFIRM)
    done = project.run_on_terminal("run", typed="y\n")
    assert "publish: Publish? [y/N]: " in done.stdout
    assert (done.code, project.exists("done")) == (0, True)


def test_a_question_is_asked_and_refused(project: Any) -> None:
    project.flowfile(CONFIRM)
    done = project.run_on_terminal("run", typed="n\n")
    assert (done.code, project.exists("done")) == (1, False)


def test_without_a_terminal_nobody_is_asked(project: Any) -> None:
    project.flowfile(CONFIRM)
    assert project.run("run", stdin="y\n").code == 1
    assert not project.exists("done")
    assert project.run("run", "--yes").code == 0
    assert project.exists("done")
