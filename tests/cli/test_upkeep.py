"""`accept` and `clean`."""

from __future__ import annotations

from typing import Any

import pytest


def test_accept_makes_fresh_what_is_there(built: Any) -> None:
    built.write("upper.txt", "EDITED\n")
    assert built.run("status", "--check", "upper").code == 3
    done = built.run("accept", "upper")
    assert (done.code, done.stdout, done.stderr) == (0, "upper\n", "1 task accepted as fresh\n")
    assert built.run("status", "--check", "upper").code == 0
    assert built.read("upper.txt") == "EDITED\n"


def test_accept_needs_a_target(built: Any) -> None:
    done = built.run("accept")
    assert (done.code, done.stderr) == (
        2,
        "error: Missing argument 'TARGET...'.\nhint: `flowmake accept --help` lists what there is\n",
    )


def test_accept_needs_the_outputs(letters: Any) -> None:
    done = letters.run("accept", "upper")
    assert (done.code, done.stdout) == (4, "")
    assert done.stderr == "error: cannot accept `upper`: its output `upper.txt` does not exist\n"


def test_accept_needs_a_match_of_an_output_glob(project: Any) -> None:
    project.flowfile('[tasks.split]\noutputs = ["parts/*.txt"]\nrun = "mkdir -p parts; touch parts/1.txt"\n')
    done = project.run("accept", "split")
    assert (done.code, done.stdout) == (4, "")
    assert done.stderr == "error: cannot accept `split`: its output `parts/*.txt` does not exist\n"


def test_clean_removes_what_flowmake_made_and_nothing_else(built: Any) -> None:
    built.write("part3.txt", "mine\n")
    done = built.run("clean")
    assert (done.code, done.stderr) == (0, "4 paths removed\n")
    assert sorted(done.stdout.split()) == ["all.txt", "part1.txt", "part2.txt", "upper.txt"]
    left = sorted(path.name for path in built.root.iterdir() if path.name != ".flowmake")
    assert left == ["Flowfile", "in.txt", "part3.txt"]


def test_clean_of_targets(built: Any) -> None:
    done = built.run("clean", "part@1", "all")
    assert (done.code, sorted(done.stdout.split())) == (0, ["all.txt", "part1.txt"])
    assert built.exists("part2.txt")


def test_clean_dry_run(built: Any) -> None:
    done = built.run("clean", "-n", "upper")
    assert (done.code, done.stdout, done.stderr) == (0, "upper.txt\n", "1 path would be removed\n")
    assert built.exists("upper.txt")


def test_clean_of_files_that_were_there_before(letters: Any) -> None:
    letters.write("upper.txt", "by hand\n")
    done = letters.run("clean")
    assert (done.code, done.stdout, done.stderr) == (0, "", "0 paths removed\n")
    assert letters.exists("upper.txt")


@pytest.mark.parametrize("options", [(), ("-n",)])
def test_clean_keeps_a_folder_that_holds_something_else(project: Any, options: tuple[str, ...]) -> None:
    project.flowfile('[tasks.site]\noutputs = ["site/"]\nrun = "touch site/index"\n')
    assert project.run("run", "-q").code == 0
    project.write("site/mine", "by hand\n")
    done = project.run("clean", *options)
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr.startswith("`site/` is kept, since not everything in it is as flowmake made it\n0 paths ")
    assert project.read("site/mine") == "by hand\n"
    (project.root / "site/mine").unlink()
    assert (project.run("clean").stdout, project.exists("site")) == ("site/\n", False)


def test_clean_orphans(built: Any) -> None:
    built.write("Flowfile", built.read("Flowfile").replace("[1, 2]", "[1]"))
    done = built.run("clean", "--orphans")
    assert (done.code, done.stdout, done.stderr) == (0, "part2.txt\n", "1 path removed\n")
    assert not built.exists("part2.txt")


def test_orphans_belong_to_no_target(built: Any) -> None:
    done = built.run("clean", "--orphans", "part")
    assert (done.code, done.stderr) == (
        2,
        "error: `--orphans` takes no targets\nhint: orphans belong to no task any more\n",
    )


def test_what_a_fan_out_made_is_no_orphan_before_its_instances_are_known(project: Any) -> None:
    project.flowfile(
        """
        [tasks.split]
        inputs = ["words"]
        outputs = ["list"]
        run = "cp words list"
        [tasks.each]
        foreach = { word = { lines = "list", from = "split" } }
        outputs = ["of/{{ word }}"]
        run = "touch {{ outputs }}"
        """
    )
    project.write("words", "one\ntwo\n")
    project.run("run", "-q")
    project.write("words", "one\n")
    kept = "what `each` made is kept, since its instances are not known before `split` has run\n0 paths removed\n"
    done = project.run("clean", "--orphans")
    assert (done.code, done.stdout, done.stderr.removeprefix("note: ")) == (0, "", kept)
    project.run("run", "-q")
    done = project.run("clean", "--orphans")
    assert (done.stdout, done.stderr) == ("of/two\n", "1 path removed\n")
