"""Deleting stays inside the root and with what was declared, whatever was replaced by a link since."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def outside(project: Any) -> Path:
    """A folder beside the root, with a file in it that nobody may touch."""
    folder = Path(project.root).parent / "outside"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    return folder


def elope(project: Any, name: str, outside: Path, kept: tuple[str, ...] = ()) -> None:
    """Replace a folder of the project by a link to the outside, where files of the same names lie."""
    folder = project.root / name
    for path in folder.iterdir():
        (outside / path.name).write_text("not yours")
        path.unlink()
    folder.rmdir()
    folder.symlink_to(outside)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("arguments", [("clean",), ("clean", "make"), ("clean", "-n")])
def test_clean_does_not_follow_a_folder_that_became_a_link(
    project: Any, outside: Path, arguments: tuple[str, ...]
) -> None:
    project.flowfile('[tasks.make]\noutputs = ["out/a", "b"]\nrun = "echo 1 > out/a; echo 1 > b"\n')
    assert project.run("run", "-q").code == 0
    elope(project, "out", outside)
    done = project.run(*arguments)
    assert done.code == 0
    assert done.stdout == "b\n"
    assert "`out/a` is kept, since a link leads it out of the root\n" in done.stderr
    assert contents(outside) == {"a": "not yours", "precious": "mine"}
    assert project.exists("b") == ("-n" in arguments)


@pytest.mark.parametrize("removes", [True, False])
def test_orphans_behind_a_link_are_kept(project: Any, outside: Path, removes: bool) -> None:
    project.flowfile('[tasks.make]\noutputs = ["out/a", "b"]\nrun = "echo 1 > out/a; echo 1 > b"\n')
    assert project.run("run", "-q").code == 0
    (outside / "a").write_text("1\n")
    (project.root / "out/a").unlink()
    (project.root / "out").rmdir()
    (project.root / "out").symlink_to(outside)
    project.flowfile(f'[flow]\nremove_orphans = {str(removes).lower()}\n[tasks.other]\nrun = "true"\n')
    assert project.run("run", "-q").code == 0
    assert project.exists("b") != removes
    assert project.run("clean", "--orphans").code == 0
    assert not project.exists("b")
    assert contents(outside) == {"a": "1\n", "precious": "mine"}


def test_a_failed_attempt_deletes_nothing_behind_a_link(project: Any, outside: Path) -> None:
    project.flowfile('[tasks.make]\noutputs = ["out/a"]\nalways = true\nrun = "echo 1 > out/a; test ! -e fail"\n')
    assert project.run("run", "-q").code == 0
    elope(project, "out", outside)
    project.write("fail")
    done = project.run("run")
    assert done.code == 1
    assert "cannot delete `out/a`: a link leads it out of the root" in done.stderr
    assert contents(outside) == {"a": "1\n", "precious": "mine"}, "the command itself wrote through the link"


def test_a_folder_output_that_is_a_link_loses_nothing(project: Any, outside: Path) -> None:
    project.flowfile('[tasks.make]\noutputs = ["out/"]\nrun = "echo changed > out/precious; false"\n')
    (project.root / "out").symlink_to(outside)
    assert project.run("run").code == 1
    assert contents(outside) == {"precious": "changed\n"}


def test_what_is_emptied_first_is_not_emptied_behind_a_link(project: Any, outside: Path) -> None:
    project.flowfile('[tasks.make]\noutputs = [{ path = "pages/site/", clean = true }]\nrun = "true"\n')
    (outside / "site").mkdir()
    (outside / "site/index").write_text("mine")
    (project.root / "pages").symlink_to(outside)
    done = project.run("run")
    assert done.code == 1
    assert "cannot prepare the outputs: a link leads it out of the root: pages/site/" in done.stderr
    assert contents(outside) == {"precious": "mine", "site/index": "mine"}
    (project.root / "pages").unlink()
    (project.root / "pages").mkdir()
    (project.root / "pages/site").symlink_to(outside)
    assert project.run("run").code == 1
    assert contents(outside) == {"precious": "mine", "site/index": "mine"}


def test_a_staged_folder_does_not_replace_one_behind_a_link(project: Any, outside: Path) -> None:
    project.flowfile(
        '[tasks.make]\noutputs = ["pages/site/"]\natomic = true\nrun = "echo new > {{ outputs[0] }}index"\n'
    )
    (outside / "site").mkdir()
    (outside / "site/index").write_text("mine")
    (project.root / "pages").symlink_to(outside)
    done = project.run("run")
    assert done.code == 1
    assert "cannot take over the outputs: a link leads it out of the root: pages/site/" in done.stderr
    assert contents(outside) == {"precious": "mine", "site/index": "mine"}


def test_a_glob_behind_a_link_leaves_old_matches_alone(project: Any, outside: Path) -> None:
    project.flowfile('[tasks.make]\noutputs = ["out/*.csv"]\nalways = true\nrun = "echo $RANDOM > out/1.csv"\n')
    assert project.run("run", "-q").code == 0
    elope(project, "out", outside)
    (outside / "2.csv").write_text("mine")
    assert project.run("run", "-q").code == 0
    assert contents(outside)["2.csv"] == "mine"
    assert project.run("clean").code == 0
    assert {"1.csv", "2.csv", "precious"} == contents(outside).keys()


def test_a_temporary_output_behind_a_link_stays(project: Any, outside: Path) -> None:
    project.flowfile(
        """
        [tasks.make]
        outputs = [{ path = "out/t", temp = true }]
        run = "echo 1 > out/t"
        [tasks.read]
        inputs = ["out/t"]
        outputs = ["r"]
        run = "cp out/t r"
        """
    )
    (project.root / "out").symlink_to(outside)
    done = project.run("run")
    assert done.code == 0
    assert "cannot remove the temporary `out/t`: a link leads it out of the root" in done.stderr
    assert contents(outside) == {"precious": "mine", "t": "1\n"}


def test_a_link_inside_the_root_is_no_detour(project: Any) -> None:
    project.flowfile('[tasks.make]\noutputs = ["out/a"]\nrun = "echo 1 > out/a"\n')
    (project.root / "real").mkdir()
    (project.root / "out").symlink_to("real")
    assert project.run("run", "-q").code == 0
    assert project.run("clean").stdout == "out/a\n"
    assert not project.exists("real/a")


def test_a_root_reached_by_a_link_is_the_root(project: Any) -> None:
    project.flowfile('[tasks.make]\noutputs = ["out/a"]\nrun = "echo 1 > out/a"\n')
    alias = Path(project.root).parent / "alias"
    alias.symlink_to(project.root)
    assert project.run("-C", str(alias), "run", "-q").code == 0
    assert project.run("-C", str(alias), "clean").stdout == "out/a\n"
    assert not project.exists("out")


def test_an_output_that_is_a_link_goes_without_what_it_points_to(project: Any, outside: Path) -> None:
    project.flowfile('[tasks.make]\noutputs = ["a"]\nrun = "ln -s ../outside/precious a"\n')
    assert project.run("run", "-q").code == 0
    assert project.run("clean").stdout == "a\n"
    assert not os.path.lexists(project.root / "a")
    assert contents(outside) == {"precious": "mine"}


def test_an_output_that_somebody_turned_into_a_folder_is_kept(project: Any) -> None:
    project.flowfile('[tasks.make]\noutputs = ["a"]\nrun = "echo 1 > a"\n')
    assert project.run("run", "-q").code == 0
    (project.root / "a").unlink()
    project.write("a/mine", "work")
    done = project.run("clean")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == "`a` is kept, since it is a folder now\n0 paths removed\n"
    assert project.read("a/mine") == "work"


def test_a_loop_of_links_is_a_failure_in_words(project: Any) -> None:
    project.flowfile('[tasks.make]\noutputs = ["loop/a"]\nrun = "true"\n')
    (project.root / "loop").symlink_to("loop")
    done = project.run("run")
    assert done.code == 1
    assert "cannot prepare the outputs: " in done.stderr
    assert "Traceback" not in done.stderr
    assert project.run("clean").code == 0


def test_a_depfile_that_names_a_folder_does_not_delete_it(project: Any) -> None:
    project.write("src/main.c", "int main;")
    project.flowfile('[tasks.make]\ninputs = ["src/main.c"]\noutputs = ["o"]\ndepfile = "src"\nrun = "touch o"\n')
    done = project.run("run")
    assert done.code == 1
    assert "cannot prepare the outputs: Is a directory: src" in done.stderr
    assert project.read("src/main.c") == "int main;"


@pytest.mark.parametrize("spelling", ["{outside}/made", "../outside/made"])
def test_outputs_outside_the_root_are_made_but_only_removed_as_made(project: Any, outside: Path, spelling: str) -> None:
    path = spelling.format(outside=outside)
    project.flowfile(f'[tasks.make]\noutputs = ["{path}"]\nrun = "echo 1 > {{{{ outputs }}}}"\n')
    assert project.run("run", "-q").code == 0
    (outside / "made").write_text("edited")
    done = project.run("clean")
    assert "is kept, since it lies outside the root and is not as flowmake made it" in done.stderr
    assert contents(outside) == {"made": "edited", "precious": "mine"}
    assert project.run("run", "-q").code == 0
    assert project.run("clean").code == 0
    assert contents(outside) == {"precious": "mine"}


@pytest.mark.parametrize("path", [".", "./", "..", "../", "sub/..", "{root}", "{root}/", "{root}/..", "../project/"])
@pytest.mark.parametrize("clean", ["true", "false"])
def test_the_root_is_no_output_nor_what_holds_it(project: Any, path: str, clean: str) -> None:
    written = path.format(root=project.root)
    project.flowfile(f'[tasks.make]\noutputs = [{{ path = "{written}", clean = {clean} }}]\nrun = "false"\n')
    project.write("mine", "work")
    for command in ("check", "run", "status"):
        done = project.run(command)
        assert done.code == 2, command
        assert "is the root or a folder above it, which no task makes" in done.stderr
    assert project.read("mine") == "work"


@pytest.mark.parametrize("path", [".flowmake", ".flowmake/", ".flowmake/state.db", "x/../.flowmake/runs/*"])
def test_state_is_no_output(project: Any, path: str) -> None:
    project.flowfile(f'[tasks.make]\noutputs = ["{path}"]\nrun = "false"\n')
    done = project.run("run")
    assert done.code == 2
    assert "belongs to flowmake itself" in done.stderr


def test_nothing_is_emptied_outside_the_root(project: Any, outside: Path) -> None:
    project.flowfile('[tasks.make]\noutputs = [{ path = "../outside/", clean = true }]\nrun = "false"\n')
    done = project.run("run")
    assert done.code == 2
    assert "`../outside/` lies outside the root, where nothing is emptied" in done.stderr
    assert contents(outside) == {"precious": "mine"}


@pytest.mark.parametrize("output", ["../outside/", "../outside/*"])
def test_a_failure_deletes_nothing_in_folders_outside(project: Any, outside: Path, output: str) -> None:
    """Others may be writing there at the same moment."""
    project.flowfile(f'[tasks.make]\noutputs = ["{output}"]\nrun = "echo 2 > ../outside/precious; false"\n')
    assert project.run("run").code == 1
    assert contents(outside) == {"precious": "2\n"}


def test_an_included_file_makes_nothing_outside(project: Any, outside: Path) -> None:
    project.write("part.toml", f'[tasks.make]\noutputs = ["{outside}/new"]\nrun = "touch {{{{ outputs }}}}"\n')
    project.flowfile('[flow]\ninclude = ["part.toml"]\n')
    done = project.run("run")
    assert done.code == 2
    assert "lies outside the root, which only the main Flowfile may name" in done.stderr
    assert contents(outside) == {"precious": "mine"}


@pytest.mark.parametrize("output", ["out/{{ v }}", "{{ v }}"])
def test_names_from_a_list_do_not_lead_out_of_the_root(project: Any, outside: Path, output: str) -> None:
    project.write("list", "fine\n../../outside/precious\n../outside/precious\n")
    project.flowfile(
        f"""
        [tasks.make]
        foreach = {{ v = {{ lines = "list" }} }}
        outputs = ["{output}"]
        run = "echo 1 > {{{{ outputs }}}}"
        """
    )
    done = project.run("run")
    assert done.code == 2
    assert "leads out of the root" in done.stderr
    assert contents(outside) == {"precious": "mine"}


def test_a_parameter_of_the_flow_may_name_a_place_outside(project: Any, outside: Path) -> None:
    project.flowfile(
        f"""
        [params]
        out = "{outside}"
        [tasks.make]
        outputs = ["{{{{ params.out }}}}/new"]
        run = "echo 1 > {{{{ outputs }}}}"
        """
    )
    assert project.run("run", "-q").code == 0
    assert contents(outside) == {"precious": "mine", "new": "1\n"}
