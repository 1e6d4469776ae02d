"""What is different where there is a terminal: colours, tables by rich, a live display, questions."""

from __future__ import annotations

import re
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


COPIES = """\
[flow]
default = ["all"]

[tasks.other]
run = "true"

[tasks.copy]
foreach = { n = { glob = "raw/{n}.txt" } }
inputs = ["raw/{{ n }}.txt"]
outputs = ["out/{{ n }}.txt"]
run = "cp {{ inputs }} {{ outputs }}"

[tasks.all]
inputs = ["out/*.txt"]
run = "cat {{ inputs }}"
"""


def test_diff_folds_what_differs_alike(project: Any) -> None:
    """With a run that is not about them, so that none of them can have become slower."""
    project.flowfile(COPIES)
    for text, targets in (("old", ["all"]), ("old", ["other"]), ("new", ["all"])):
        for number in range(10, 30):
            project.write(f"raw/{number}.txt", f"{text} {number}")
        assert project.run("run", "-q", *targets).code == 0
    done = project.run_on_terminal("diff", env={"NO_COLOR": "1"})
    lines = project.scrub(done.stdout).splitlines()
    new = "succeeded SECONDS new, inputs changed"
    assert [re.sub(r" +", " ", re.sub(r" [(]\w{6} → \w{6}[)]", "", line)) for line in lines[4:]] == [
        "task older newer difference",
        f"all {new}",
        f"copy@10 {new}",
        f"copy@11 {new}",
        f"copy@12 {new}",
        "copy@… (17 more) succeeded new, inputs changed",
        "other succeeded SECONDS not in this run",
        "",
        "all:",
        " input changed: out/10.txt",
        " input changed: out/11.txt",
        " input changed: out/12.txt",
        " and 17 more",
        "",
        "copy@10:",
        " input changed: raw/10.txt",
        "",
        "copy@11:",
        " input changed: raw/11.txt",
        "",
        "copy@12:",
        " input changed: raw/12.txt",
        "",
        "copy@… (17 more): as `flowmake diff --json` tells",
        "22 tasks differ, 0 alike",
    ]
    piped = project.run("diff").stdout.splitlines()
    assert len([line for line in piped if line.startswith("copy@")]) == 2 * 20


def test_a_narrow_terminal_gets_a_table_that_fits(letters: Any) -> None:
    letters.run("run", "-q")
    done = letters.run_on_terminal("status", env={"NO_COLOR": "1"}, columns=22)
    assert done.stdout.splitlines()[:2] == ["task    state  why", "upper   fresh"]
