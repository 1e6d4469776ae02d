"""Temporary outputs on real files: removed after the last reader, not missed, remade only for who must run."""

from __future__ import annotations

import pytest

from tests.conftest import Project
from tests.ran import ran, verdicts

FLOW = """
[tasks.make]
inputs = ["in"]
outputs = [{{ path = "{made}", temp = true }}, "log"]
run = "mkdir -p tmp; cp in tmp/a; cp in tmp/b; echo log > log"
[tasks.one]
inputs = ["{read}", "x1"]
outputs = ["one"]
run = "cat {{{{ inputs }}}} tmp/a > one"
[tasks.two]
inputs = ["{read}", "x2"]
outputs = ["two"]
run = "cat {{{{ inputs }}}} tmp/a > two"
[tasks.reads-log]
inputs = ["log"]
outputs = ["three"]
run = "cp log three"
"""
KINDS = [("tmp/a", "tmp/a"), ("tmp/", "tmp/a"), ("tmp/", "tmp/*"), ("tmp/*", "tmp/*"), ("tmp/*", "tmp/a")]
"""What is made, and how it is read."""


def build(project: Project, made: str, read: str) -> None:
    project.flowfile(FLOW.format(made=made, read=read))
    for name in ("in", "x1", "x2"):
        project.write(name, name)
    assert ran(project) == ["make", "one", "reads-log", "two"]


@pytest.mark.parametrize(("made", "read"), KINDS)
def test_gone_once_read_and_remade_only_for_who_must_run(project: Project, made: str, read: str) -> None:
    build(project, made, read)
    assert not project.exists("tmp/a")
    assert set(verdicts(project).values()) == {"fresh"}
    assert ran(project) == []
    project.write("x2", "edited")
    assert ran(project) == ["make", "two"]
    assert not project.exists("tmp/a")
    assert ran(project) == []
    project.write("in", "edited")
    assert ran(project) == ["make", "one", "two"]
    assert project.read("one").startswith("edited")


@pytest.mark.parametrize(("made", "read"), KINDS)
def test_kept_until_both_have_read_it_even_in_different_runs(project: Project, made: str, read: str) -> None:
    build(project, made, read)
    project.write("in", "edited")
    assert ran(project, "one") == ["make", "one"]
    assert project.exists("tmp/a")
    assert ran(project, "two") == ["two"]
    assert not project.exists("tmp/a")
    assert ran(project) == []


def test_a_forced_reader_has_it_remade_and_other_readers_stay(project: Project) -> None:
    build(project, "tmp/a", "tmp/a")
    assert ran(project, "--force-task", "one") == ["make", "one"]
    assert ran(project, "--force-task", "make") == ["make"]
    assert not project.exists("tmp/a")


def test_a_reader_of_another_output_does_not_have_it_remade(project: Project) -> None:
    build(project, "tmp/a", "tmp/a")
    (project.root / "three").unlink()
    assert ran(project) == ["reads-log"]


def test_an_edited_temporary_file_is_remade(project: Project) -> None:
    build(project, "tmp/a", "tmp/a")
    project.write("tmp/a", "someone else's")
    assert ran(project) == ["make"]
    assert not project.exists("tmp/a")


def test_an_empty_temporary_file_stands_for_what_made_it(project: Project) -> None:
    flowfile = """
    [tasks.check]
    inputs = ["in"]
    outputs = [{ path = "checked", temp = true }]
    run = "touch checked"
    [tasks.use]
    inputs = ["checked"]
    outputs = ["out"]
    run = "date > out"
    """
    project.flowfile(flowfile)
    project.write("in", "one")
    assert ran(project) == ["check", "use"]
    assert not project.exists("checked")
    assert ran(project) == []
    project.write("in", "two")
    assert ran(project) == ["check", "use"]


def test_what_is_read_through_needs(project: Project) -> None:
    flowfile = """
    [tasks.make]
    foreach.n = ["1", "2"]
    outputs = [{ path = "part{{ n }}", temp = true }]
    run = "echo {{ n }} > {{ outputs }}"
    [tasks.parts]
    needs = ["make"]
    [tasks.join]
    needs = ["parts"]
    inputs = ["style"]
    outputs = ["all"]
    run = "cat {{ needs.parts.outputs }} > all"
    """
    project.flowfile(flowfile)
    project.write("style")
    assert ran(project) == ["join", "make@1", "make@2"]
    assert not project.exists("part1")
    assert ran(project) == []
    project.write("style", "new")
    assert ran(project) == ["join", "make@1", "make@2"]
    assert project.read("all") == "1\n2\n"
    assert not project.exists("part2")


@pytest.mark.parametrize("outputs", ['{ path = "parts/*.txt", temp = true }', '{ path = "parts/", temp = true }'])
def test_a_fan_out_ranges_over_removed_files_as_if_they_were_there(project: Project, outputs: str) -> None:
    project.flowfile(
        f"""
        [tasks.split]
        inputs = ["in"]
        outputs = [{outputs}]
        run = "mkdir -p parts; for w in $(cat in); do echo $w > parts/$w.txt; done"
        [tasks.up]
        foreach = {{ p = {{ glob = "parts/{{p}}.txt", from = "split" }} }}
        inputs = ["parts/{{{{ p }}}}.txt"]
        outputs = ["up/{{{{ p }}}}"]
        run = "tr a-z A-Z < {{{{ inputs }}}} > {{{{ outputs }}}}"
        [tasks.all]
        inputs = ["up/*"]
        outputs = ["all"]
        run = "cat {{{{ inputs }}}} > all"
        """
    )
    project.write("in", "a b\n")
    assert ran(project) == ["all", "split", "up@a", "up@b"]
    assert not project.exists("parts/a.txt")
    assert ran(project) == []
    assert (verdicts(project)["up@a"], project.run("clean", "--orphans").stdout) == ("fresh", "")
    (project.root / "up" / "b").unlink()
    assert "up@b" in ran(project)
    assert project.read("all") == "A\nB\n"
    project.write("in", "b c\n")
    assert {"all", "split", "up@c"} <= set(ran(project))
    assert (project.read("all"), ran(project)) == ("B\nC\n", [])


def test_a_list_is_kept_since_only_it_knows_what_there_is(project: Project) -> None:
    project.flowfile(
        """
        [tasks.find]
        inputs = ["in"]
        outputs = [{ path = "made/*", temp = true }]
        run = "cp in made/list; echo '[1]' > made/json; echo > made/other"
        [tasks.pack]
        inputs = [{ lines = "made/list" }, "made/other"]
        outputs = ["packed"]
        run = "cat {{ inputs }} > packed"
        [tasks.each]
        foreach = { name = { lines = "made/list", from = "find" }, n = { json = "made/json", from = "find" } }
        outputs = ["of-{{ name }}-{{ n }}"]
        run = "touch {{ outputs }}"
        """
    )
    project.write("in", "in\n")
    assert ran(project) == ["each@in,1", "find", "pack"]
    assert [project.exists(f"made/{name}") for name in ("list", "json", "other")] == [True, True, False]
    assert ran(project) == []
