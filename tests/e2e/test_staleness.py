"""What makes a task stale and what does not, on real files with the real command: run, edit, run again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.ran import events, ran, reasons, verdicts

COPY = """
[tasks.copy]
inputs = ["in"]
outputs = ["out"]
run = "cp {{ inputs }} {{ outputs }}"
"""

CHAIN = """
[tasks.first]
inputs = ["in"]
outputs = ["mid"]
run = "head -n 1 in > mid"
[tasks.second]
inputs = ["mid"]
outputs = ["out"]
run = "cp mid out"
"""


def start(project: Project, flowfile: str, **files: str) -> Project:
    """A project that has been built once."""
    project.flowfile(flowfile)
    for name, text in files.items():
        project.write(name.replace("__", "/"), text)
    ran(project)
    assert ran(project) == []
    return project


@pytest.fixture
def copied(project: Project) -> Project:
    return start(project, COPY, **{"in": "one"})


# -- files -----------------------------------------------------------------------------------------------------


def test_an_edited_input_makes_stale(copied: Project) -> None:
    copied.write("in", "two")
    (reason,) = reasons(copied, "copy")
    assert (reason["kind"], reason["path"]) == ("input_changed", "in")
    assert ran(copied) == ["copy"]
    assert copied.read("out") == "two"


def test_a_touched_or_equally_rewritten_file_changes_nothing(copied: Project) -> None:
    os.utime(copied.root / "in", (1, 1))
    os.utime(copied.root / "out", (2, 2))
    assert ran(copied) == []
    copied.write("out", "one")
    (copied.root / "in").unlink()
    copied.write("in", "one")
    assert ran(copied) == []


def test_an_edit_of_the_same_size_with_the_time_put_back_is_seen(copied: Project) -> None:
    before = (copied.root / "in").stat()
    copied.write("in", "TWO")
    os.utime(copied.root / "in", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ran(copied) == ["copy"]


def test_the_executable_bit_counts(copied: Project) -> None:
    (copied.root / "in").chmod(0o755)
    assert ran(copied) == ["copy"]
    (copied.root / "in").chmod(0o744)
    assert ran(copied) == []


def test_a_missing_or_edited_output_is_made_again(copied: Project) -> None:
    (copied.root / "out").unlink()
    assert reasons(copied, "copy") == [{"kind": "output_missing", "path": "out"}]
    assert ran(copied) == ["copy"]
    copied.write("out", "mine")
    assert [reason["kind"] for reason in reasons(copied, "copy")] == ["output_changed"]
    assert ran(copied) == ["copy"]
    assert copied.read("out") == "one"


def test_a_link_counts_as_what_it_points_to(project: Project) -> None:
    project.write("target", "one")
    project.write("same", "one")
    (project.root / "in").symlink_to("target")
    start(project, COPY)
    point_to(project.root / "in", "same")
    assert ran(project) == []
    project.write("same", "two")
    assert ran(project) == ["copy"]


def test_a_dangling_link_counts_as_its_text(project: Project) -> None:
    point_to(project.root / "links" / "one", "nowhere")
    start(project, '[tasks.list]\ninputs = ["links/"]\noutputs = ["out"]\nrun = "ls -l links > out"')
    point_to(project.root / "links" / "one", "elsewhere")
    assert ran(project) == ["list"]


def test_a_loop_of_links_is_no_endless_loop(project: Project) -> None:
    point_to(project.root / "links" / "round", "../links")
    start(project, '[tasks.list]\ninputs = ["links/"]\noutputs = ["out"]\nrun = "ls links > out"')
    project.write("links/new", "")
    assert ran(project) == ["list"]


def point_to(link: Path, target: str) -> None:
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


@pytest.mark.parametrize("edit", ["add", "delete", "rename", "change", "add_folder"])
def test_a_directory_counts_as_a_tree_of_names_and_contents(project: Project, edit: str) -> None:
    flowfile = '[tasks.pack]\ninputs = ["src/"]\noutputs = ["out"]\nrun = "ls -R src > out"'
    start(project, flowfile, src__a="a", src__deep__b="b")
    source = project.root / "src"
    match edit:
        case "add":
            (source / "deep" / "c").write_text("c")
        case "delete":
            (source / "deep" / "b").unlink()
        case "rename":
            (source / "deep" / "b").rename(source / "deep" / "z")
        case "change":
            (source / "deep" / "b").write_text("B")
        case "add_folder":
            (source / "empty").mkdir()
    assert ran(project) == ["pack"]


def test_the_set_of_matches_of_a_glob_counts(project: Project) -> None:
    flowfile = '[tasks.join]\ninputs = ["in/*.txt", "!in/tmp*"]\noutputs = ["out"]\nrun = "cat {{ inputs }} > out"'
    start(project, flowfile, **{"in__a.txt": "a", "in__b.txt": "b"})
    project.write("in/c.txt", "c")
    assert {"kind": "input_added", "path": "in/c.txt"} in reasons(project, "join")
    assert ran(project) == ["join"]
    (project.root / "in" / "a.txt").unlink()
    assert ran(project) == ["join"]
    assert project.read("out") == "bc"
    project.write("in/tmp1.txt", "x")
    project.write("in/other.csv", "x")
    assert ran(project) == []


# -- what flows from task to task ------------------------------------------------------------------------------


def test_unchanged_results_cut_the_rest_off_early(project: Project) -> None:
    start(project, CHAIN, **{"in": "head\nbody"})
    project.write("in", "head\nother body")
    assert verdicts(project) == {"first": "stale", "second": "waiting"}
    assert ran(project) == ["first"]
    project.write("in", "new head\nbody")
    assert ran(project) == ["first", "second"]


def test_an_empty_output_stands_for_what_its_task_was_made_of(project: Project) -> None:
    flowfile = """
    [tasks.check]
    inputs = ["in"]
    outputs = ["checked"]
    run = "touch checked"
    [tasks.stamp]
    inputs = ["checked"]
    outputs = ["stamped"]
    run = "touch stamped"
    [tasks.use]
    inputs = ["stamped"]
    outputs = ["out"]
    run = "date > out"
    """
    start(project, flowfile, **{"in": "one"})
    project.write("in", "two")
    assert ran(project) == ["check", "stamp", "use"]
    assert ran(project, "--force-task", "check") == ["check"]
    project.flowfile(flowfile.replace("touch checked", "touch ./checked"))
    assert ran(project) == ["check", "stamp", "use"]


def test_a_check_without_outputs_reruns_when_what_it_reads_changes(project: Project) -> None:
    start(project, '[tasks.test]\ninputs = ["in"]\nrun = "grep -q . in"', **{"in": "one"})
    project.write("in", "two")
    assert ran(project) == ["test"]
    assert ran(project) == []


def test_with_neither_inputs_nor_outputs_a_task_always_runs(project: Project) -> None:
    project.flowfile('[tasks.hello]\nrun = "echo hello"')
    assert ran(project) == ["hello"]
    assert ran(project) == ["hello"]
    assert {"kind": "always"} in reasons(project, "hello")


def test_nothing_flows_from_a_task_without_outputs(project: Project) -> None:
    start(
        project,
        """
        [tasks.test]
        inputs = ["in"]
        run = "true"
        [tasks.make]
        needs = ["test"]
        outputs = ["out"]
        run = "date > out"
        """,
        **{"in": "one"},
    )
    project.write("in", "two")
    assert verdicts(project) == {"test": "stale", "make": "fresh"}
    assert ran(project) == ["test"]


def test_after_never_makes_stale(project: Project) -> None:
    start(
        project,
        """
        [tasks.warm-up]
        inputs = ["in"]
        outputs = ["warm"]
        run = "cp in warm"
        [tasks.make]
        after = ["warm-up"]
        outputs = ["out"]
        run = "date > out"
        """,
        **{"in": "one"},
    )
    project.write("in", "two")
    assert verdicts(project) == {"warm-up": "stale", "make": "fresh"}
    assert ran(project) == ["warm-up"]


def test_needs_makes_the_outputs_of_a_whole_group_count(project: Project) -> None:
    flowfile = """
    [tasks.fetch]
    foreach.city = ["rome", "oslo"]
    inputs = ["{{ city }}.in"]
    outputs = ["{{ city }}.csv"]
    run = "cp {{ inputs }} {{ outputs }}"
    [tasks.lint]
    inputs = ["style"]
    run = "true"
    [tasks.all]
    needs = ["fetch", "lint"]
    [tasks.report]
    needs = ["all"]
    outputs = ["report"]
    run = 'cat {{ needs["all"].outputs }} > report'
    """
    start(project, flowfile, **{"rome.in": "r", "oslo.in": "o", "style": "1"})
    project.write("oslo.in", "O")
    assert ran(project) == ["fetch@oslo", "report"]
    assert project.read("report") == "rO"
    project.write("style", "2")
    assert ran(project) == ["lint"]


# -- recipes and environment -----------------------------------------------------------------------------------


def test_a_changed_command_is_told_with_old_and_new_text(copied: Project) -> None:
    copied.flowfile(COPY.replace("cp ", "cp -p "))
    (reason,) = reasons(copied, "copy")
    assert reason["kind"] == "recipe_changed"
    assert (reason["old"].splitlines()[0], reason["new"].splitlines()[0]) == ("cp in out", "cp -p in out")
    assert ran(copied) == ["copy"]


def test_what_is_part_of_the_recipe(project: Project) -> None:
    """One task for each field, all built without it; those whose field matters run once it is there."""
    ignored = ["description = 'x'", "tags = ['x']", "retries = 3", "timeout = '1h'", "priority = 5", "pool = 'p'"]
    ignored += ["resources = { cpu = 1 }", "on_fail_outputs = 'keep'", "after = ['cwd']", "allow_failure = true"]
    matters = ["cwd = '.'", "shell = ['sh', '-c']", "wrapper = ['env']", "env = { X = '1' }", "track_env = ['HOME']"]
    tasks = {field: field.split()[0] for field in [*ignored, *matters]}
    plain = "[pools]\np = 1\n"
    text = "[tasks.{name}]\noutputs = ['{name}.out']\nrun = 'echo > {name}.out'\n"
    start(project, plain + "".join(text.format(name=name) for name in tasks.values()))
    project.flowfile(plain + "".join(f"{text.format(name=name)}{field}\n" for field, name in tasks.items()))
    assert ran(project) == sorted(tasks[field] for field in matters)


def test_only_declared_and_tracked_variables_count(project: Project) -> None:
    flowfile = """
    [env]
    SHARED = "1"
    [tasks.say]
    outputs = ["said"]
    track_env = ["WHO"]
    env = { OWN = "1" }
    run = "echo $SHARED $OWN ${WHO-nobody} > said"
    """
    start(project, flowfile)
    assert ran(project, env={"OTHER": "x"}) == []
    assert ran(project, env={"WHO": "me"}) == ["say"]
    assert project.read("said") == "1 1 me\n"
    assert ran(project, env={"WHO": ""}) == ["say"]
    assert ran(project) == ["say"]
    project.flowfile(flowfile.replace('SHARED = "1"', 'SHARED = "2"'))
    assert reasons(project, "say") == [{"kind": "env_changed", "name": "SHARED"}]
    project.flowfile(flowfile.replace('OWN = "1"', 'OWN = "2"'))
    assert reasons(project, "say") == [{"kind": "env_changed", "name": "OWN"}]


def test_dotenv_counts_only_where_tracked(project: Project) -> None:
    project.write(".env", "TOKEN=a\n")
    start(
        project,
        """
        [flow]
        dotenv = [".env"]
        [tasks.deaf]
        outputs = ["deaf"]
        run = "echo $TOKEN > deaf"
        [tasks.tracking]
        outputs = ["tracking"]
        track_env = ["TOKEN"]
        run = "echo $TOKEN > tracking"
        """,
    )
    project.write(".env", "TOKEN=b\n")
    assert ran(project) == ["tracking"]
    assert project.read("tracking") == "b\n"


def test_a_parameter_concerns_just_the_tasks_whose_recipe_it_changes(project: Project) -> None:
    start(
        project,
        """
        [params]
        year = 2026
        [tasks.yearly]
        outputs = ["yearly"]
        run = "echo {{ params.year }} > yearly"
        [tasks.other]
        outputs = ["other"]
        run = "date > other"
        """,
    )
    assert ran(project, "--set", "year=2027") == ["yearly"]
    assert ran(project, env={"FLOWMAKE_PARAM_YEAR": "2027"}) == []
    assert ran(project) == ["yearly"]


def test_an_include_concerns_just_the_tasks_it_changes(project: Project) -> None:
    project.write("more.toml", '[tasks.more]\noutputs = ["more"]\nrun = "echo 1 > more"')
    start(project, '[flow]\ninclude = ["more.toml"]\n[tasks.main]\noutputs = ["main"]\nrun = "date > main"')
    project.write("more.toml", '# a comment\n[tasks.more]\noutputs = ["more"]\nrun = "echo 1 > more"')
    assert ran(project) == []
    project.write("more.toml", '[tasks.more]\noutputs = ["more"]\nrun = "echo 2 > more"')
    assert ran(project) == ["more"]


def test_the_module_of_a_call_counts(project: Project) -> None:
    project.write("steps/__init__.py")
    project.write("steps/say.py", "def word(text):\n    open('out', 'w').write(text)\n")
    start(project, '[tasks.say]\noutputs = ["out"]\ncall = "steps.say:word"\nargs = { text = "hi" }')
    project.write("steps/say.py", "def word(text):\n    open('out', 'w').write(text + '!')\n")
    assert ran(project) == ["say"]
    assert project.read("out") == "hi!"


# -- narrowing -------------------------------------------------------------------------------------------------


def test_rerun_on_narrows_what_counts(project: Project) -> None:
    start(project, COPY + 'rerun_on = ["outputs"]', **{"in": "one"})
    project.write("in", "two")
    project.flowfile(COPY.replace("cp ", "cp -p ") + 'rerun_on = ["outputs"]')
    assert ran(project) == []
    (project.root / "out").unlink()
    assert ran(project) == ["copy"]


def test_frozen_never_reruns_unless_forced(copied: Project) -> None:
    copied.flowfile(COPY + "frozen = true")
    copied.write("in", "two")
    (copied.root / "out").unlink()
    assert ran(copied) == []
    assert ran(copied, "--force-task", "copy") == ["copy"]


def test_readers_see_an_edited_output_of_a_frozen_task(project: Project) -> None:
    start(project, CHAIN.replace("[tasks.first]", "[tasks.first]\nfrozen = true"), **{"in": "x", "mid": "by hand"})
    project.write("mid", "edited")
    assert ran(project) == ["second"]
    assert project.read("out") == "edited"


def test_max_age(project: Project) -> None:
    project.flowfile(COPY + 'max_age = "1h"')
    project.write("in", "one")
    assert ran(project) == ["copy"]
    assert ran(project) == []
    project.flowfile(COPY + 'max_age = "0s"')
    assert [reason["kind"] for reason in reasons(project, "copy")] == ["too_old"]
    assert ran(project) == ["copy"]


def test_always_runs_and_still_cuts_off(project: Project) -> None:
    project.flowfile(CHAIN.replace("[tasks.first]", "[tasks.first]\nalways = true"))
    project.write("in", "x\n")
    assert ran(project) == ["first", "second"]
    assert ran(project) == ["first"]


def test_accept_records_what_is_there(copied: Project) -> None:
    copied.write("in", "two")
    copied.write("out", "by hand")
    assert copied.run("accept", "copy").code == 0
    assert ran(copied) == []
    copied.write("in", "three")
    assert ran(copied) == ["copy"]


def test_forcing_runs_what_is_named_and_cuts_off_what_follows(project: Project) -> None:
    start(project, CHAIN, **{"in": "x\n"})
    assert ran(project, "-B") == ["first", "second"]
    (judged,) = (e for e in events(project, "--force-task", "first") if e["event"] == "task_judged")
    assert judged["reasons"] == [{"kind": "forced"}]


# -- failures --------------------------------------------------------------------------------------------------


def test_a_failure_is_remembered_until_it_is_mended(project: Project) -> None:
    flowfile = CHAIN.replace("head -n 1 in > mid", "grep good in > mid")
    start(project, flowfile, **{"in": "good"})
    project.write("in", "bad")
    assert ran(project, code=1) == ["first"]
    assert not project.exists("mid")
    project.write("in", "good")
    assert {"kind": "last_run_failed"} in reasons(project, "first")
    assert ran(project) == ["first"]
    assert ran(project) == []


def test_a_failure_that_is_allowed_lets_readers_run_and_its_mending_reruns_them(project: Project) -> None:
    flowfile = """
    [tasks.maybe]
    inputs = ["in"]
    outputs = ["mid"]
    allow_failure = true
    run = "grep good in > mid"
    [tasks.reader]
    inputs = ["mid"]
    outputs = ["out"]
    run = "cat mid > out || echo none > out"
    """
    project.flowfile(flowfile)
    project.write("in", "bad")
    assert ran(project) == ["maybe", "reader"]
    assert project.read("out") == "none\n"
    assert ran(project) == ["maybe"]
    project.write("in", "good")
    assert ran(project) == ["maybe", "reader"]
    assert project.read("out") == "good\n"
    assert ran(project) == []
