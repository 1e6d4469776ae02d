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


MANY = """\
[tasks.part]
foreach = { n = { range = [10, 30] } }
outputs = ["{{ n }}.txt"]
run = "touch {{ outputs }}"
"""


def test_status_folds_what_stands_alike(project: Any) -> None:
    project.flowfile(MANY)
    done = project.run_on_terminal("status", env={"NO_COLOR": "1"})
    assert done.stdout.splitlines() == [
        "task              state  last run  took  why",
        "part@10           stale                  never ran",
        "part@11           stale                  never ran",
        "part@12           stale                  never ran",
        "part@… (17 more)  stale",
        "20 tasks: 20 stale",
    ]
    assert len(project.run("status").stdout.splitlines()) == 1 + 20


def test_status_folds_only_what_stands_alike(project: Any) -> None:
    project.flowfile(MANY)
    assert project.run("run", "-q").code == 0
    for name in ("17.txt", "23.txt"):
        (project.root / name).unlink()
    shown = project.run_on_terminal("status", env={"NO_COLOR": "1"}).stdout.splitlines()
    assert [line.split()[0] for line in shown[1:-1]] == [
        "part@10",
        "part@11",
        "part@12",
        "part@…",
        "part@17",
        "part@23",
    ]


def test_a_narrow_terminal_gets_a_table_that_fits(letters: Any) -> None:
    letters.run("run", "-q")
    done = letters.run_on_terminal("status", env={"NO_COLOR": "1"}, columns=22)
    assert done.stdout.splitlines()[:2] == ["task    state  why", "upper   fresh"]
