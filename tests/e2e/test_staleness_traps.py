"""Edits that mislead simpler tools into a wrong "up to date", needless work, or touching what is not theirs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.ran import events, ran, reasons, verdicts


def start(project: Project, flowfile: str, **files: str) -> Project:
    """A project that has been built once."""
    project.flowfile(flowfile)
    for name, text in files.items():
        project.write(name, text)
    ran(project)
    assert ran(project) == []
    return project


# -- leftovers and changed Flowfiles ---------------------------------------------------------------------------

JOIN = """
[tasks.join]
inputs = ["parts/*"]
outputs = ["all"]
run = "cat {{ inputs }} > all"
"""


def test_what_a_dropped_task_left_behind_is_hidden_from_globs(project: Project) -> None:
    one, two = (f"[tasks.{n}]\noutputs = ['parts/{n}']\nrun = 'echo {n} > parts/{n}'\n" for n in ("one", "two"))
    start(project, JOIN + one + two)
    project.flowfile(JOIN + one)
    assert reasons(project, "join")[-1] == {"kind": "input_removed", "path": "parts/two"}
    assert ran(project) == ["join"]
    assert project.read("all") == "one\n"
    project.write("parts/two", "mine now\n")
    assert ran(project) == ["join"]
    assert project.read("all") == "one\nmine now\n"


def test_what_a_dropped_directory_left_behind_is_hidden_from_globs(project: Project) -> None:
    project.write("parts/own", "own\n")
    fill = '[tasks.fill]\noutputs = ["parts/made/"]\nrun = "mkdir -p parts/made && echo made > parts/made/x"\n'
    join = JOIN.replace("parts/*", "parts/**")
    start(project, join + fill)
    assert project.read("all") == "made\nown\n"
    project.flowfile(join)
    assert ran(project) == ["join"]
    assert project.read("all") == "own\n"


def test_an_input_that_is_named_outright_is_no_orphan(project: Project) -> None:
    make = '[tasks.make]\noutputs = ["data"]\nrun = "echo 1 > data"\n'
    use = '[flow]\nremove_orphans = true\n[tasks.use]\ninputs = ["data"]\noutputs = ["out"]\nrun = "cp data out"\n'
    start(project, use + make)
    project.flowfile(use)
    assert ran(project, "-B") == ["use"]
    assert project.read("data") == "1\n"


def test_a_renamed_task_runs_again_and_its_reader_does_not(project: Project) -> None:
    flowfile = """
    [tasks.old]
    outputs = ["mid"]
    run = "echo 1 > mid"
    [tasks.reader]
    inputs = ["mid"]
    outputs = ["out"]
    run = "cp mid out"
    """
    start(project, flowfile)
    project.flowfile(flowfile.replace("tasks.old", "tasks.new"))
    assert ran(project) == ["new"]
    assert ran(project) == []


def test_an_output_moved_from_one_task_to_another_is_made_by_the_new_one(project: Project) -> None:
    def flow(*, a: str, b: str) -> str:
        script = "for f in {{ outputs }}; do echo {{ task.name }} > $f; done"
        return f"[tasks.a]\noutputs = {a}\nrun = '{script}'\n[tasks.b]\noutputs = {b}\nrun = '{script}'\n"

    start(project, flow(a='["x", "y"]', b='["z"]'))
    project.flowfile(flow(a='["y"]', b='["z", "x"]'))
    assert ran(project) == ["a", "b"]
    assert project.read("x") == "b\n"
    assert ran(project) == []


def test_an_added_output_that_the_command_does_not_mention_makes_stale(project: Project) -> None:
    start(project, '[tasks.make]\noutputs = ["a"]\nrun = "sh make.sh"', **{"make.sh": "date > a; date > b"})
    project.flowfile('[tasks.make]\noutputs = ["a", "c"]\nrun = "sh make.sh"')
    assert reasons(project, "make") == [{"kind": "output_missing", "path": "c"}]
    assert ran(project, code=1) == ["make"]


def test_a_depfile_that_is_declared_later_makes_stale_since_nothing_was_learnt_yet(project: Project) -> None:
    flowfile = "[tasks.cc]\ninputs = ['a.c']\noutputs = ['a.o']\nrun = 'echo a.o: a.c a.h > a.d; cat a.c a.h > a.o'\n"
    start(project, flowfile, **{"a.c": "c", "a.h": "h"})
    project.flowfile(flowfile + "depfile = 'a.d'")
    assert ran(project) == ["cc"]
    project.write("a.h", "H")
    assert reasons(project, "cc")[0]["path"] == "a.h"
    assert ran(project) == ["cc"]
    project.write("a.c", "no header any more")
    project.flowfile(flowfile.replace("a.c a.h >", "a.c >") + "depfile = 'a.d'")
    assert ran(project) == ["cc"]
    (project.root / "a.h").unlink()
    assert ran(project) == []


def test_a_header_that_another_task_was_making_while_the_command_read_it_is_not_believed(project: Project) -> None:
    flowfile = """
    [tasks.cc]
    inputs = ["a.c"]
    outputs = ["a.o"]
    depfile = "a.d"
    run = "cat a.c a.h > a.o; echo a.o: a.c a.h > a.d; until [ -e made ]; do sleep 0.01; done"
    [tasks.header]
    inputs = ["a.in"]
    outputs = ["a.h"]
    run = "until [ -e a.d ]; do sleep 0.01; done; cat a.in > a.h; touch made"
    """
    project.flowfile(flowfile)
    for name, text in {"a.c": "c\n", "a.in": "new\n", "a.h": "left from before\n"}.items():
        project.write(name, text)
    assert "warning: `a.h` changed while `cc` ran; it stays stale" in project.run("run").stderr
    assert project.read("a.o") == "c\nleft from before\n"
    assert ran(project) == ["cc"]
    assert project.read("a.o") == "c\nnew\n"
    assert ran(project) == []


def test_a_file_that_the_command_makes_and_its_depfile_names_costs_one_more_run(project: Project) -> None:
    flowfile = """
    [tasks.cc]
    inputs = ["a.c"]
    outputs = ["a.o"]
    depfile = "a.d"
    run = "cp a.c own.h; cat a.c own.h > a.o; echo a.o: a.c own.h > a.d"
    """
    project.flowfile(flowfile)
    project.write("a.c", "c\n")
    assert [ran(project) for _ in range(3)] == [["cc"], ["cc"], []]


def test_a_declared_variable_counts_even_where_it_is_tracked_as_well(project: Project) -> None:
    flowfile = '[tasks.say]\noutputs = ["out"]\ntrack_env = ["X"]\nenv = { X = "1" }\nrun = "echo $X > out"'
    start(project, flowfile)
    project.flowfile(flowfile.replace('"1"', '"2"'))
    assert ran(project) == ["say"]
    assert project.read("out") == "2\n"
    assert ran(project, env={"X": "3"}) == []


# -- fan-outs --------------------------------------------------------------------------------------------------


def test_a_shrinking_foreach_is_noticed_by_who_needs_all(project: Project) -> None:
    flowfile = """
    [tasks.each]
    foreach.city = { lines = "cities" }
    outputs = ["{{ city }}.csv"]
    run = "echo {{ city }} > {{ outputs }}"
    [tasks.all]
    needs = ["each"]
    outputs = ["all"]
    run = 'cat {{ needs.each.outputs }} > all'
    """
    start(project, flowfile, cities="rome\noslo\n")
    project.write("cities", "rome\n")
    assert ran(project) == ["all"]
    assert project.read("all") == "rome\n"
    project.write("cities", "oslo\nrome\n")
    assert ran(project) == ["all"]
    assert project.read("all") == "oslo\nrome\n"


def test_a_fan_out_during_the_run_grows_and_shrinks(project: Project) -> None:
    flowfile = """
    [tasks.split]
    inputs = ["in"]
    outputs = ["parts/*.txt"]
    run = "for w in $(cat in); do echo $w > parts/$w.txt; done"
    [tasks.shout]
    foreach.part = { glob = "parts/{part}.txt" }
    inputs = ["parts/{{ part }}.txt"]
    outputs = ["loud/{{ part }}"]
    run = "tr a-z A-Z < {{ inputs }} > {{ outputs }}"
    [tasks.all]
    needs = ["shout"]
    outputs = ["all"]
    run = "cat {{ needs.shout.outputs }} > all"
    """
    start(project, flowfile, **{"in": "a b c"})
    assert project.read("all") == "A\nB\nC\n"
    project.write("in", "a c d")
    assert ran(project) == ["all", "shout@d", "split"]
    assert project.read("all") == "A\nC\nD\n"
    assert not project.exists("parts/b.txt")
    assert ran(project) == []


def test_names_of_instances_with_odd_characters(project: Project) -> None:
    odd = ["a b", "it's", "x@y,z", "ü", "100%", "-n"]
    flowfile = f"""
    [tasks.each]
    foreach.v = {odd}
    outputs = ["./out/{{{{ v }}}}"]
    run = "printf %s {{{{ v }}}} > {{{{ outputs }}}}"
    """
    start(project, flowfile)
    assert sorted(os.listdir(project.root / "out")) == sorted(odd)
    (project.root / "out" / "it's").unlink()
    (name,) = ran(project)
    assert ran(project, name) == []


# -- lists and late edges --------------------------------------------------------------------------------------


def test_what_a_list_names_is_made_on_demand(project: Project) -> None:
    flowfile = """
    [tasks.choose]
    inputs = ["wish"]
    outputs = ["lists/chosen"]
    run = "cp wish lists/chosen"
    [tasks.make]
    foreach.n = ["a", "b", "c"]
    outputs = ["made/{{ n }}"]
    run = "echo {{ n }} > {{ outputs }}"
    [tasks.pack]
    inputs = [{ lines = "lists/chosen" }]
    outputs = ["packed"]
    run = "cat {{ inputs }} > packed"
    """
    project.flowfile(flowfile)
    project.write("wish", "made/b\n./made/a\n")
    assert ran(project, "pack") == ["choose", "make@a", "make@b", "pack"]
    assert project.read("packed") == "made/b\n./made/a\nb\na\n"
    project.write("wish", f"{project.root}/made/c\n")
    assert ran(project, "pack") == ["choose", "make@c", "pack"]
    project.write("made/c", "edited")
    assert ran(project, "pack") == ["make@c"]


def test_a_listed_path_that_nobody_makes_is_an_error_beforehand(project: Project) -> None:
    project.flowfile('[tasks.pack]\ninputs = [{ lines = "list" }]\noutputs = ["o"]\nrun = "cat {{ inputs }} > o"')
    project.write("list", "there\nmissing\n")
    project.write("there")
    done = project.run("run")
    assert done.code == 2
    assert "`missing`, an input of `pack`, does not exist and no task makes it" in done.stderr


def messages(project: Project, *args: str) -> dict[str, str]:
    return {e["task"]: e["message"] for e in events(project, *args, code=1) if e.get("status") == "failed"}


def test_a_listed_path_that_turns_out_to_be_missing_fails_the_task(project: Project) -> None:
    flowfile = """
    [tasks.choose]
    inputs = ["wish"]
    outputs = ["list"]
    run = "cp wish list"
    [tasks.pack]
    inputs = { files = { lines = "list" } }
    outputs = ["packed"]
    run = "cat {{ inputs.files }} > packed || true"
    [tasks.each]
    foreach = { name = { lines = "list", from = "choose" } }
    inputs = ["{{ name }}"]
    outputs = ["of-{{ name }}"]
    run = "cp {{ inputs }} {{ outputs }} || touch {{ outputs }}"
    """
    project.flowfile(flowfile)
    project.write("wish", "there\nmissing\n")
    project.write("there", "here\n")
    why = "`missing`, an input, does not exist and no task makes it"
    assert messages(project, "-k") == {"each@missing": why, "pack": why}
    assert not project.exists("packed")
    project.write("missing", "now\n")
    assert ran(project, "-k") == ["each@missing", "pack"]
    assert project.read("packed") == "there\nmissing\nhere\nnow\n"


def test_what_a_frozen_task_never_made_is_missed_by_who_reads_it(project: Project) -> None:
    frozen = '[tasks.get]\noutputs = ["raw"]\nfrozen = true\nrun = "touch raw"\n'
    project.flowfile(frozen + '[tasks.use]\ninputs = ["raw"]\noutputs = ["o"]\nrun = "cp raw o || touch o"\n')
    assert messages(project) == {"use": "`raw`, an input that `get` makes, does not exist"}
    project.write("raw", "by hand\n")
    assert ran(project) == ["use"]


def test_a_task_that_was_refused_is_one_that_failed(project: Project) -> None:
    project.flowfile('[tasks.ask]\noutputs = ["o"]\nconfirm = "Sure?"\nrun = "touch o"\n')
    assert messages(project) == {"ask": "not confirmed (`--yes` confirms)"}
    assert (verdicts(project), reasons(project, "ask")) == ({"ask": "stale"}, [{"kind": "last_run_failed"}])
    assert project.run("history", "last").stdout.splitlines()[1].split()[:2] == ["ask", "failed"]
    assert ran(project, "--failed", "--yes") == ["ask"]


def test_what_a_task_that_may_fail_did_not_make_is_not_missed(project: Project) -> None:
    perhaps = '[tasks.get]\noutputs = ["raw"]\nallow_failure = true\nrun = "false"\n'
    project.flowfile(perhaps + '[tasks.use]\ninputs = ["raw"]\noutputs = ["o"]\nrun = "cp raw o || touch o"\n')
    assert ran(project) == ["get", "use"]


# -- directories, globs and whose file it is -------------------------------------------------------------------


def test_a_file_in_the_folder_of_an_output_glob_that_is_not_ours_is_never_removed(project: Project) -> None:
    flowfile = '[tasks.split]\ninputs = ["in"]\noutputs = ["parts/*"]\nrun = "cp in parts/$(cat in)"'
    start(project, flowfile, **{"in": "one", "parts/by-hand": "mine"})
    project.write("in", "two")
    assert ran(project) == ["split"]
    assert sorted(os.listdir(project.root / "parts")) == ["by-hand", "two"]
    project.write("parts/later", "mine, too")
    assert ran(project) == []
    assert ran(project, "-B") == ["split"]
    assert project.run("clean").code == 0
    assert sorted(os.listdir(project.root / "parts")) == ["by-hand", "later"]


def test_an_output_glob_needs_a_match_that_the_task_made(project: Project) -> None:
    project.flowfile('[tasks.split]\noutputs = ["parts/*"]\nrun = "true"')
    project.write("parts/by-hand", "mine")
    (end,) = (event for event in events(project, code=1) if event["event"] == "task_finished")
    assert end["message"] == "exit code 0, but it did not make `parts/*`"


def test_a_directory_where_a_file_was_declared_is_told_apart(project: Project) -> None:
    project.flowfile('[tasks.site]\noutputs = ["site"]\nrun = "mkdir site; touch site/index"')
    (end,) = (event for event in events(project, code=1) if event["event"] == "task_finished")
    assert end["message"] == "it made a directory `site`, declared as a file; write `site/` in `outputs`"


def test_a_file_replaced_by_a_directory_and_back(project: Project) -> None:
    start(project, '[tasks.look]\ninputs = ["in"]\noutputs = ["out"]\nrun = "ls -d in > out"', **{"in": "x"})
    (project.root / "in").unlink()
    project.write("in/inner", "x")
    assert ran(project) == ["look"]
    project.write("in/inner", "y")
    assert ran(project) == ["look"]
    (project.root / "in" / "inner").unlink()
    (project.root / "in").rmdir()
    project.write("in", "x")
    assert ran(project) == ["look"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_input_directory_waits_for_what_other_tasks_make_in_it(project: Project, slash: str) -> None:
    flowfile = f"""
    [tasks.pack]
    inputs = ["src{slash}"]
    outputs = ["packed"]
    run = "cat src/* > packed"
    [tasks.generate]
    inputs = ["seed"]
    outputs = ["src/generated"]
    run = "cp seed src/generated"
    """
    start(project, flowfile, seed="1")
    project.write("seed", "2")
    assert verdicts(project) == {"pack": "waiting", "generate": "stale"}
    assert ran(project) == ["generate", "pack"]
    assert project.read("packed") == "2"


def test_an_excluded_file_is_no_edge(project: Project) -> None:
    flowfile = """
    [tasks.index]
    inputs = ["docs/*", "!docs/index"]
    outputs = ["listing"]
    run = "ls docs > listing"
    [tasks.publish]
    inputs = ["listing"]
    outputs = ["docs/index"]
    run = "cp listing docs/index"
    """
    start(project, flowfile, **{"docs/a": "a"})
    project.write("docs/b", "b")
    assert ran(project) == ["index", "publish"]
    assert ran(project) == []


def test_a_path_below_the_root_is_one_path_however_it_is_written(project: Project) -> None:
    flowfile = """
    [tasks.make]
    inputs = ["in"]
    outputs = ["./sub//../mid"]
    run = "cp in mid"
    [tasks.use]
    inputs = ["{{ flow.root }}/mid"]
    outputs = ["out"]
    run = "cp mid out"
    """
    start(project, flowfile, **{"in": "1"})
    project.write("in", "2")
    assert ran(project) == ["make", "use"]


ODD_NAMES = [
    "a b",
    "it's",
    'quo"te',
    "-leading",
    "[x]",
    "star*",
    "que?stion",
    "dollar$HOME",
    "back\\slash",
    "#hash",
    "{{x}}",
]


def test_odd_names_of_files(project: Project) -> None:
    for name in [*ODD_NAMES, "line\nbreak"]:
        project.write(f"in/{name}", name)
    (project.root / "in" / os.fsdecode(b"\xff\xfe")).write_text("bytes")
    start(project, '[tasks.join]\ninputs = ["in/*"]\noutputs = ["out"]\nrun = "cat {{ inputs }} > out"')
    assert len(project.read("out")) == sum(map(len, [*ODD_NAMES, "line\nbreak", "bytes"]))
    (project.root / "in" / os.fsdecode(b"\xff\xfe")).write_text("other")
    assert ran(project) == ["join"]
    project.write("in/line\nbreak", "other")
    assert ran(project) == ["join"]


def test_odd_names_of_outputs(project: Project) -> None:
    odd = ["a b", "it's", "-leading", "[[]x]", "dollar$HOME", "#hash"]
    paths = ", ".join(f'"""{name}"""' for name in odd)
    start(project, f"[tasks.make]\noutputs = [{paths}]\nrun = 'for f in {{{{ outputs }}}}; do echo 1 > ./\"$f\"; done'")
    (project.root / "[x]").write_text("edited")
    assert reasons(project, "make")[0]["path"] == "[x]"
    assert ran(project) == ["make"]


# -- while a task runs -----------------------------------------------------------------------------------------


def test_an_input_edited_while_the_task_runs_keeps_it_stale(project: Project) -> None:
    project.flowfile('[tasks.slow]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cp in out; echo > began; cat go"')
    project.write("in", "one")
    os.mkfifo(project.root / "began")
    os.mkfifo(project.root / "go")
    process = project.start("run")
    (project.root / "began").read_text()
    project.write("in", "two")
    (project.root / "go").write_text("")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"`in` changed while `slow` ran; it stays stale" in stderr
    assert [(reason["kind"], reason["path"]) for reason in reasons(project, "slow")] == [("input_changed", "in")]
    finish = subprocess.Popen(["sh", "-c", "cat began; echo > go"], cwd=project.root, stdout=subprocess.DEVNULL)
    assert ran(project) == ["slow"]
    assert finish.wait(60) == 0
    assert ran(project) == []
    assert project.read("out") == "two"


def test_a_killed_flowmake_leaves_nothing_that_looks_fresh(project: Project) -> None:
    project.flowfile('[tasks.slow]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cp in out; echo > began; cat go"')
    project.write("in", "one")
    os.mkfifo(project.root / "began")
    os.mkfifo(project.root / "go")
    process = project.start("run")
    (project.root / "began").read_text()
    process.kill()
    process.communicate(timeout=60)
    assert project.read("out") == "one"
    assert {"kind": "interrupted"} in reasons(project, "slow")
    project.flowfile('[tasks.slow]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cp in out"')
    assert ran(project) == ["slow"]


# -- errors before anything starts -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flowfile", "message"),
    [
        ("[tasks.a]\noutputs = ['x']\nrun = 'a'\n[tasks.b]\noutputs = ['./x']\nrun = 'b'", "two tasks make `x`"),
        ("[tasks.a]\ninputs = ['y']\noutputs = ['x']\nrun = 'a'\n[tasks.b]\ninputs = ['x']\noutputs = ['y']\nrun = 'b'",
         "tasks wait for each other: `a` → `b` → `a`"),
        ("[tasks.a]\nneeds = ['a']\nrun = 'a'", "tasks wait for each other: `a` → `a`"),
        ("[tasks.a]\ninputs = ['src/']\noutputs = ['src/x']\nrun = 'a'", "holds its own output `src/x`"),
        ("[tasks.a]\ninputs = ['src/x']\noutputs = ['src/*']\nrun = 'a'", "counts as one of its own outputs"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_before_anything_starts(project: Project, flowfile: str, message: str) -> None:
    project.flowfile(flowfile)
    done = project.run("run")
    assert done.code == 2
    assert message in done.stderr
    assert not project.exists("x")


def test_a_missing_input_matters_for_what_was_asked_only(project: Project) -> None:
    project.flowfile(
        """
        [tasks.good]
        outputs = ["out"]
        run = "date > out"
        [tasks.bad]
        inputs = ["missing"]
        run = "true"
        """
    )
    assert ran(project, "good") == ["good"]
    done = project.run("run", "good", "bad")
    assert done.code == 2
    assert "`missing`, an input of `bad`, does not exist and no task makes it" in done.stderr
    assert Path(project.root / "out").exists()
