"""What happens to outputs, on the real command line: whole or not at all, and nobody else's files."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.processes import LIMIT, Meeting


def files(folder: Path) -> dict[str, str]:
    """All files below with their text, without state and Flowfile."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".flowmake" not in path.parts and path.name != "Flowfile"
    }


def test_parent_folders_are_made(project: Any) -> None:
    project.flowfile('[tasks.t]\noutputs = ["a/b/c", "d/e/", "f/*.x"]\nrun = "touch a/b/c d/e/g f/1.x"\n')
    assert project.run("run").code == 0
    assert list(files(project.root)) == ["a/b/c", "d/e/g", "f/1.x"]


@pytest.mark.parametrize("atomic", [False, True])
def test_a_parent_that_is_a_file(project: Any, atomic: bool) -> None:
    project.write("file", "mine")
    project.write("old", "old")
    project.flowfile(f'[tasks.t]\noutputs = ["old", "file/x"]\natomic = {str(atomic).lower()}\nrun = "touch ran"\n')
    done = project.run("run")
    assert done.code == 1
    assert f"failed: `t`: cannot prepare the outputs: File exists: {project.root}/file after" in done.stderr
    assert files(project.root) == {"file": "mine", "old": "old"}


def test_clean_folders_begin_empty_others_do_not(project: Any) -> None:
    project.flowfile(
        '[tasks.t]\ninputs = ["n"]\noutputs = [{ path = "site/", clean = true }, "kept/"]\n'
        'run = "touch site/$(cat n) kept/$(cat n)"\n'
    )
    for number in "12":
        project.write("n", number)
        assert project.run("run", "-q").code == 0
    assert list(files(project.root)) == ["kept/1", "kept/2", "n", "site/2"]


# -- failures ------------------------------------------------------------------------------------------------------

FAILING = """\
[tasks.t]
inputs = ["in"]
outputs = ["new", "changed", "same", "folder/"]
run = "echo half | tee new changed undeclared folder/new >/dev/null; exit 1"
"""


@pytest.mark.parametrize("keep", [False, True])
def test_only_what_a_failed_attempt_changed_is_deleted(project: Any, keep: bool) -> None:
    project.flowfile(FAILING + ('on_fail_outputs = "keep"\n' if keep else ""))
    old = {"in": "in", "changed": "old", "same": "old", "folder/same": "old", "mine": "mine"}
    for path, text in old.items():
        project.write(path, text)
    assert project.run("run", "-q").code == 1
    left = {path: text for path, text in old.items() if path != "changed"} | {"undeclared": "half\n"}
    half = {"new": "half\n", "changed": "half\n", "folder/new": "half\n"}
    assert files(project.root) == (left | half if keep else left)
    assert project.run("status", "--check").code == 3


def test_a_missing_output_takes_the_others_with_it(project: Any) -> None:
    project.flowfile('[tasks.t]\noutputs = ["a", "b"]\nrun = "touch a"\n')
    done = project.run("run", "--progress", "none")
    assert done.code == 1
    assert "exit code 0, but it did not make `b`" in done.stderr
    assert not project.exists("a")


def test_a_users_folder_declared_like_a_file_survives(project: Any) -> None:
    project.write("data/mine", "mine")
    project.flowfile('[tasks.t]\noutputs = ["data"]\nrun = "touch data/x; exit 1"\n')
    assert project.run("run").code == 1
    assert project.read("data/mine") == "mine"


# -- atomic --------------------------------------------------------------------------------------------------------


def test_a_reader_never_sees_half_a_file(project: Any) -> None:
    half, go = Meeting(project.root, "half"), Meeting(project.root, "go")
    project.write("out", "old\n")
    project.write("tree/old", "old\n")
    project.flowfile(
        '[tasks.t]\natomic = true\noutputs = { file = "out", tree = "tree/" }\n'
        f'run = "echo new > {{{{ outputs.tree }}}}/new; echo new > {{{{ outputs.file }}}}; echo > {half.path}; '
        f'read x < {go.path}; echo whole >> {{{{ outputs.file }}}}"\n'
    )
    run = project.start("run", "-q")
    half.wait()
    half.path.unlink()
    assert (project.read("out"), [path.name for path in (project.root / "tree").iterdir()]) == ("old\n", ["old"])
    go.path.write_text("\n")
    run.communicate(timeout=LIMIT)
    assert run.returncode == 0
    go.path.unlink()
    assert files(project.root) == {"out": "new\nwhole\n", "tree/new": "new\n"}
    assert project.run("status", "--check").code == 0


def test_what_a_killed_attempt_staged_is_gone_after_the_next(project: Any) -> None:
    half = Meeting(project.root, "half")
    project.write("out", "old\n")
    project.flowfile(
        f'[tasks.t]\natomic = true\noutputs = ["out", "tree/"]\nrun = "echo half > {{{{ outputs[0] }}}}; '
        f'touch {{{{ outputs[1] }}}}/half; test -e quick || {{ echo > {half.path}; exec sleep 99; }}"\n'
    )
    run = project.start("run", "-q")
    half.wait()
    half.path.unlink()
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=LIMIT)
    assert project.read("out") == "old\n"
    assert ".flowmake-staged.out" in os.listdir(project.root)
    project.write("quick")
    assert project.run("run", "-q").code == 0
    assert files(project.root) == {"out": "half\n", "quick": "", "tree/half": ""}


def test_globs_do_not_see_what_is_staged(project: Any) -> None:
    project.write("data/.flowmake-staged.x.csv", "half")
    project.write("data/y.csv", "whole")
    project.flowfile('[tasks.t]\ninputs = ["data/*", "data/**"]\nrun = "echo {{ inputs }}"\n')
    assert project.run("run").code == 0
    assert project.run("log", "t").stdout == "data/y.csv\n"


# -- orphans and clean ---------------------------------------------------------------------------------------------

TWO = '[tasks.a]\noutputs = ["out/a"]\nrun = "touch out/a"\n[tasks.b]\noutputs = ["out/b"]\nrun = "touch out/b"\n'
ONE = TWO.partition("[tasks.b]")[0]
NAMED = "orphans: `out/b` is a file that no task makes any more\nhint: `flowmake clean --orphans` removes them\n"


def test_orphans_are_named_once_and_removed_on_request(project: Any) -> None:
    project.flowfile(TWO)
    project.run("run", "-q")
    project.flowfile(ONE)
    assert NAMED in project.run("run").stderr
    assert "orphans" not in project.run("run").stderr
    assert project.exists("out/b")
    assert project.run("clean", "--orphans", "-n").stdout == "out/b\n"
    assert project.exists("out/b")
    assert project.run("clean", "--orphans").stdout == "out/b\n"
    assert list(files(project.root)) == ["out/a"]
    assert project.run("clean", "--orphans").stderr == "0 paths removed\n"


def test_orphans_are_removed_by_a_successful_run_where_the_flow_says_so(project: Any) -> None:
    project.flowfile(TWO)
    project.run("run", "-q")
    project.flowfile("[flow]\nremove_orphans = true\n" + ONE + '[tasks.bad]\nrun = "exit $(cat code)"\n')
    project.write("code", "1")
    assert project.run("run", "-q").code == 1
    assert project.exists("out/b")
    project.write("code", "0")
    assert project.run("run", "-q").code == 0
    assert list(files(project.root)) == ["code", "out/a"]


def test_an_orphan_that_was_edited_is_the_users(project: Any) -> None:
    project.flowfile(TWO)
    project.run("run", "-q")
    project.write("out/b", "mine now")
    project.flowfile("[flow]\nremove_orphans = true\n" + ONE)
    assert "orphans" not in project.run("run", "--force").stderr
    assert project.run("clean", "--orphans").stdout == ""
    assert project.read("out/b") == "mine now"


def test_clean_removes_what_was_made_with_folders_that_held_nothing_else(project: Any) -> None:
    project.flowfile(TWO + '[tasks.c]\noutputs = ["with/mine/"]\nrun = "touch with/mine/x"\n')
    project.run("run", "-q")
    project.write("with/hand", "mine")
    assert project.run("clean", "-n").stderr == "3 paths would be removed\n"
    assert len(files(project.root)) == 4
    assert project.run("clean").stderr == "3 paths removed\n"
    assert files(project.root) == {"with/hand": "mine"}
    assert not project.exists("out")
    assert project.run("run", "-q").code == 0
    assert len(files(project.root)) == 4


def test_clean_removes_a_link_and_not_what_it_points_to(project: Any) -> None:
    project.write("data", "mine")
    project.flowfile('[tasks.t]\noutputs = ["link"]\nrun = "ln -s data link"\n')
    project.run("run", "-q")
    project.run("clean")
    assert files(project.root) == {"data": "mine"}
    assert not os.path.lexists(project.root / "link")


def test_temporary_outputs_go_when_read_and_come_back_when_needed(project: Any) -> None:
    project.flowfile(
        '[tasks.big]\ninputs = ["in"]\noutputs = [{ path = "big", temp = true }]\nrun = "echo b >> ran; cp in big"\n'
        '[tasks.x]\ninputs = ["big"]\noutputs = ["x"]\nrun = "echo x >> ran; cp big x"\n'
        '[tasks.y]\ninputs = ["big"]\noutputs = ["y"]\nrun = "echo y >> ran; cp big y"\n'
    )
    project.write("in", "1")
    assert project.run("run", "-q", "-j1").code == 0
    assert (project.exists("big"), project.read("ran").split()) == (False, ["b", "x", "y"])
    assert project.run("status", "--check").code == 0
    project.write("ran")
    (project.root / "x").unlink()
    (project.root / "y").unlink()
    assert project.run("run", "-q", "-j2").code == 0
    assert (project.exists("big"), sorted(project.read("ran").split())) == (False, ["b", "x", "y"])
