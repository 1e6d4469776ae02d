"""Two Flowfiles in one folder: each keeps its own books, and one at a time works there."""

from __future__ import annotations

from tests.conftest import Project

ONE = '[tasks.one]\noutputs = ["one.txt"]\nrun = "echo 1 > one.txt"\n'
OTHER = '[flow]\nremove_orphans = true\n[tasks.other]\noutputs = ["other.txt"]\nrun = "echo 2 > other.txt"\n'


def test_what_one_flowfile_makes_is_no_orphan_of_the_other(project: Project) -> None:
    project.flowfile(ONE)
    project.write("Other", OTHER)
    assert project.run("run").code == 0
    assert project.run("run", "-f", "Other").code == 0
    assert project.run("clean", "--orphans", "-f", "Other").code == 0
    assert project.exists("one.txt")
    assert project.exists("other.txt")
    assert "nothing to do: the task is fresh" in project.run("run").stderr
    assert "nothing to do: the task is fresh" in project.run("run", "-f", "Other").stderr


def test_each_has_its_own_history(project: Project) -> None:
    project.flowfile(ONE)
    project.write("Other", OTHER)
    project.run("run")
    project.run("run", "-f", "Other")
    assert "one" in project.run("history").stdout
    assert "other" not in project.run("history").stdout
    assert "other" in project.run("history", "-f", "Other").stdout
