"""Where a few files have changed, only what they affect is looked at, and all comes out as by the normal path."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import flowmake
from flowmake import RunOptions
from flowmake.delta import Outdated
from flowmake.shortcut import Invocation
from flowmake.world import sections, snapshot
from flowmake.world.patching import Patch
from tests.answers import part_of, run
from tests.conftest import COMMAND, Project, Result
from tests.edits import EDITS, EVERYTHING, FILES, UNLOADABLE, change, remove, unseen, write

ENTRY = """
import sys
from flowmake.__main__ import main
code = main()
print({"click", "flowmake.cli.starting"}.isdisjoint(sys.modules), file=sys.__stdout__)
sys.exit(code)
"""

INVOCATION = Invocation(b"any", str)
BY_PARTS = {
    "content",
    "same size, same time",
    "replaced by renaming",
    "executable",
    "output deleted",
    "output edited",
    "output edited unseen",
    "edited in a tree",
    "new in a tree",
    "removed from a tree",
    "new folder in a tree",
    "discovered header",
    "target of a link",
    "link to another target",
    "command",
}
"""Edits of which it is known what they can affect."""
NAMES = {"copy", "join", "each@one", "pack", "all", "traced", "made"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Everything a snapshot has to watch, built once."""
    root = tmp_path_factory.mktemp("one-change")
    project = Project(root / "project", root)
    for name, text in FILES.items():
        project.write(name, text)
    (project.root / "link").symlink_to("target")
    project.flowfile(EVERYTHING)
    assert project.run("run").code == 0
    return project


@pytest.fixture
def built(template: Project, tmp_path: Path) -> Project:
    return copy(template, tmp_path / "built")


def copy(project: Project, root: Path) -> Project:
    """A project of its own, with a snapshot and a compiled graph."""
    made = Project(root, root.parent)
    shutil.copytree(project.root, root, symlinks=True)
    shutil.rmtree(root / ".flowmake" / "snapshots", ignore_errors=True)  # of the other folder
    settle(made)
    return made


def settle(project: Project, *args: str) -> None:
    """Run until there is a snapshot with a compiled graph, which takes another run where files have changed lately."""
    for _ in range(20):
        assert project.run("run", *args).code == 0
        if graphs(project) and len(kept(project)) == 2:
            return
    raise AssertionError("no snapshot has been written")


def kept(project: Project) -> list[Path]:
    """The snapshot and its compiled graph; not what is kept about the flow alone."""
    folder = project.root / ".flowmake" / "snapshots"
    return sorted(path for path in folder.iterdir() if path.name != snapshot.LISTING) if folder.exists() else []


def graphs(project: Project) -> list[Path]:
    return [path for path in kept(project) if path.suffix == ".graph"]


def again(project: Project, *args: str) -> tuple[Result, bool]:
    """A run by the entry of the real command, and whether it went by what an earlier one had left."""
    done = subprocess.run(
        [COMMAND.with_name("python"), "-c", ENTRY, "run", *args],
        cwd=project.root,
        env=project.environ(),
        capture_output=True,
        check=False,
        text=True,
    )
    shown, by_parts = done.stdout.rstrip("\n").rpartition("\n")[::2]
    return Result(done.returncode, shown, done.stderr), by_parts == "True"


def outcome(project: Project, done: Result) -> dict[str, Any]:
    """All that a run has left, without times, and what the next one says."""
    loads = done.code != 2
    runs = json.loads(project.run("history", "--json").stdout)["runs"][:1] if loads else []
    said = re.sub(r"^\[\d+/\d+\] ", "", timeless(done.stderr.replace(str(project.root), "ROOT")), flags=re.MULTILINE)
    tasks = json.loads(project.run("status", "--json").stdout)["tasks"] if loads else []
    return {
        "code": done.code,
        "said": sorted(said.splitlines()),
        "files": {str(p.relative_to(project.root)): p.read_bytes() for p in project.root.glob("out/*")},
        "verdicts": [(task["task"], task["verdict"], [reason["kind"] for reason in task["reasons"]]) for task in tasks],
        "last run": [(run["status"], run["counts"], run["targets"]) for run in runs],
        "next": timeless(project.run("run").stderr),
    }


def timeless(text: str) -> str:
    return re.sub(r"\d+(\.\d+)? ?m?s\b|\d{8}T\d{6}Z|\d{8}-\d{6}-[0-9a-f]{4}", "TIME", text)


def both(built: Project, edit: Callable[[Path], object]) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """What comes of an edit with the compiled graph, and without it; and whether the former took the short way."""
    other = copy(built, built.root.with_name("other"))
    for path in graphs(other):
        path.unlink()
    edit(built.root)
    edit(other.root)
    done, by_parts = again(built)
    normally, other_by_parts = again(other)
    assert not other_by_parts
    return outcome(built, done), outcome(other, normally), by_parts


@pytest.mark.parametrize("name", EDITS)
def test_what_comes_of_an_edit_is_what_the_normal_path_makes_of_it(built: Project, name: str) -> None:
    found, expected, by_parts = both(built, EDITS[name][0])
    assert found == expected
    assert by_parts == (name in BY_PARTS)
    assert found["code"] == (2 if name in UNLOADABLE else 0)


def test_several_changes_at_once(built: Project) -> None:
    edits = [write("in", "new"), unseen("main.h", "HEAD"), remove("out/pack"), write("out/made", "mine")]
    found, expected, by_parts = both(built, lambda root: [edit(root) for edit in edits])
    assert found == expected
    assert by_parts


def test_what_ran_is_told_with_all_the_others(built: Project) -> None:
    built.write("in", "new")
    done, by_parts = again(built)
    assert by_parts
    assert done.stderr.startswith("[6/7] copy started\n[7/7] copy ✓ ")
    assert done.stderr.endswith(": 1 succeeded, 6 fresh\n")
    assert built.read("out/copy") == "newhello\n"


def test_the_tasks_that_nothing_concerned_are_fresh_to_who_compares_runs(built: Project) -> None:
    built.write("in", "new")
    _, by_parts = again(built)
    assert by_parts
    told = json.loads(built.run("diff", "--json").stdout)
    assert {task["task"]: task["newer"]["status"] for task in told["tasks"]} == {
        name: "succeeded" if name == "copy" else "fresh" for name in NAMES
    }


def test_a_touched_file_makes_nothing_run_and_the_next_answer_is_at_hand(built: Project) -> None:
    (built.root / "in").touch()
    assert again(built) == (Result(0, "", "nothing to do: all 7 tasks are fresh\n"), True)
    settle(built)
    assert again(built) == (Result(0, "", "nothing to do: all 7 tasks are fresh\n"), True)


def test_a_failure_is_told_and_not_forgotten(project: Project) -> None:
    """The graph stays; the snapshot is gone until everything is fresh again."""
    project.write("in", "good")
    project.flowfile("""
        [tasks.check]
        inputs = ["in"]
        outputs = ["checked"]
        run = "grep good in > checked"
        [tasks.use]
        inputs = ["checked"]
        outputs = ["used"]
        run = "cp checked used"
    """)
    settle(project)
    project.write("in", "bad")
    done, by_parts = again(project)
    assert (done.code, by_parts) == (1, True)
    assert "failed: `check`: exit code 1" in done.stderr
    assert done.stderr.endswith(": 1 failed, 1 skipped\n")
    assert [path.suffix for path in kept(project)] == [".graph"]
    project.write("in", "good again")
    done, by_parts = again(project)
    assert (done.code, by_parts) == (0, False)
    assert project.read("used") == "good again\n"


def test_a_depfile_that_names_other_files_ends_the_compiled_graph(built: Project) -> None:
    built.flowfile(
        EVERYTHING.replace("main.c main.h'", "main.c '$(cat more)").replace('["main.c"]', '["main.c", "more"]')
    )
    built.write("more", "main.h")
    settle(built)
    built.write("more", "main.h other")
    done, by_parts = again(built)
    assert (done.code, by_parts) == (0, True)
    built.write("other", "changed")
    found, by_parts = again(built)
    assert not by_parts
    assert found.stderr.endswith(": 1 succeeded, 6 fresh\n")


def test_a_comment_changes_nothing(built: Project) -> None:
    built.flowfile(EVERYTHING + "# a comment\n")
    assert again(built) == (Result(0, "", "nothing to do: all 7 tasks are fresh\n"), True)


def test_logs_are_named_as_from_the_folder_entered(project: Project) -> None:
    project.write("in", "good")
    project.write("below/file", "")
    project.flowfile('[tasks.check]\ninputs = ["in"]\noutputs = ["out"]\nrun = "grep good in > out"')
    settle(project, "-C", "below")
    project.write("in", "bad")
    done, by_parts = again(project, "-C", "below")
    assert (done.code, by_parts) == (1, True)
    for path in graphs(project):
        path.unlink()
    normally, by_parts = again(project, "-C", "below")
    assert not by_parts
    assert timeless(normally.stderr) == timeless(done.stderr)
    assert "    log: " in done.stderr


def test_a_folder_that_cannot_be_entered_any_more_is_told(project: Project) -> None:
    project.write("in", "in")
    project.write("below/file", "")
    project.flowfile('[tasks.copy]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cp in out"')
    settle(project, "-C", "below")
    project.write("in", "new")
    shutil.rmtree(project.root / "below")
    done, by_parts = again(project, "-C", "below")
    assert (done.code, by_parts) == (2, False)
    assert "below" in done.stderr


def test_a_folder_whose_name_is_no_text_goes_the_normal_way(tmp_path: Path) -> None:
    project = Project(tmp_path / os.fsdecode(b"caf\xe9"), tmp_path)
    project.write("in", "in")
    project.flowfile('[tasks.copy]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cp in out"')
    assert project.run("run").code == 0
    project.write("in", "new")
    done, by_parts = again(project)
    assert (done.code, by_parts) == (0, False)
    assert project.read("out") == "new"
    assert graphs(project) == []


# -- one line of the Flowfile ----------------------------------------------------------------------------------


def test_a_changed_command_is_known_from_then_on(built: Project) -> None:
    change("Flowfile", "cat in > out/copy", "tac in > out/copy")(built.root)
    done, by_parts = again(built)
    assert (done.code, by_parts) == (0, True)
    assert done.stderr.endswith(": 1 succeeded, 6 fresh\n")
    settle(built)
    built.write("in", "1\n2\n")
    done, by_parts = again(built)
    assert (done.code, by_parts) == (0, True)
    assert built.read("out/copy") == "2\n1\nhello\n"


def test_a_flowfile_that_is_an_input_counts_as_one(project: Project) -> None:
    project.flowfile("""
        [tasks.one]
        outputs = ["one"]
        run = "echo 1 > one"
        [tasks.count]
        inputs = ["Flowfile"]
        outputs = ["count"]
        run = "grep -c run Flowfile > count"
    """)
    settle(project)
    change("Flowfile", "echo 1 >", "echo 2 >")(project.root)
    done, by_parts = again(project)
    assert (done.code, by_parts) == (0, True)
    assert done.stderr.endswith(": 2 succeeded\n")


DECLARED = {
    "an input": ('inputs = ["in"]', 'inputs = ["in", "other"]'),
    "an output": ('outputs = ["out/made"]', 'outputs = ["out/made", "out/more"]'),
    "another task": ("[tasks.copy]", '[tasks.new]\ninputs = ["in"]\nrun = "true"\n[tasks.copy]'),
    "a task less": ('default = ["copy", "join", ', 'default = ["join", '),
    "a name": ("traced", "tracked"),
    "a fan-out's command": ("cp {{ inputs }} {{ outputs }}", "cat {{ inputs }} > {{ outputs }}"),
    "a variable": ("[params]", '[env]\nA = "1"\n[params]'),
    "a parameter": ('word = "hello"', 'word = "bye"'),
    "the shell": ('shell = ["sh", "-c"]', 'shell = ["sh", "-ec"]'),
    "what is tracked": ('track_env = ["MODE"]', 'track_env = ["MODE", "HOME"]'),
    "a template": ("{{ params.word }}", "{{ params.none }}"),
    "a broken template": ("{{ params.word }}", "{{ params.word"),
    "broken TOML": ("[tasks.copy]", "[tasks.copy"),
}


@pytest.mark.parametrize("name", DECLARED)
def test_whatever_else_is_declared_anew_comes_out_as_by_the_normal_path(built: Project, name: str) -> None:
    found, expected, by_parts = both(built, change("Flowfile", *DECLARED[name]))
    assert found == expected
    assert not by_parts


# -- a compiled graph that is none -----------------------------------------------------------------------------


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


@pytest.mark.parametrize(
    "harm",
    [cut, flipped, lambda data: b"", lambda data: b"garbage", lambda data: data + b"more"],
    ids=["cut", "flipped", "empty", "garbage", "longer"],
)
def test_harmed_it_costs_time_only(built: Project, harm: Callable[[bytes], bytes]) -> None:
    (graph,) = graphs(built)
    graph.write_bytes(harm(graph.read_bytes()))
    built.write("in", "new")
    done, by_parts = again(built)
    assert (done.code, by_parts) == (0, False)
    assert done.stderr.endswith(": 1 succeeded, 6 fresh\n")
    assert sections.MAGIC in graph.read_bytes()


def test_that_of_another_project_is_none(built: Project, project: Project) -> None:
    project.write("in", "in")
    project.flowfile('[tasks.copy]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cp in out"')
    settle(project)
    (graph,), (other,) = graphs(built), graphs(project)
    shutil.copy(other, graph)
    built.write("in", "new")
    done, by_parts = again(built)
    assert (done.code, by_parts) == (0, False)
    assert done.stderr.endswith(": 1 succeeded, 6 fresh\n")


@pytest.mark.parametrize(
    ("section", "data"),
    [
        ("question", msgspec.msgpack.encode({"targets": [], "tasks": 1, "asked": msgspec.msgpack.encode({})})),
        ("question", msgspec.msgpack.encode({"targets": []})),
        ("question", b""),
        ("flow", msgspec.msgpack.encode([])),
        ("entry", b"?" * 10_000),
        ("makers", b""),
        ("names", None),
        ("groups", None),
    ],
)
def test_that_of_another_flowmake_is_none(built: Project, section: str, data: bytes | None) -> None:
    """Whole, with the right seal, and yet not such as this one writes."""
    (graph,) = graphs(built)
    (path,) = (path for path in kept(built) if path != graph)
    key = snapshot.key_of(["run"], str(built.root), built.environ(), flowmake.__version__)
    found = snapshot.find(str(path), key, {}, 0.0)
    assert found is not None
    told = sections.read(str(graph), found.seal, flowmake.__version__)
    assert told is not None
    other = {**told, section: data} if data is not None else {name: told[name] for name in told if name != section}
    Patch({}, set(), set()).write(found, sections.write(str(graph), other.items(), flowmake.__version__))
    built.write("in", "new")
    done, by_parts = again(built)
    assert (done.code, by_parts) == (0, False)
    assert done.stderr.endswith(": 1 succeeded, 6 fresh\n")


# -- records that are not those of the snapshot ----------------------------------------------------------------


def test_records_damaged_inside_are_told_and_everything_runs(built: Project) -> None:
    state = built.root / ".flowmake" / "state.db"
    data = state.read_bytes()
    state.write_bytes(data[:4096] + b"?" * (len(data) - 4096))
    built.write("in", "new")
    done, by_parts = again(built)
    assert (done.code, by_parts) == (0, False)
    assert f"warning: the state file `{state}` was damaged" in done.stderr
    assert done.stderr.endswith(": 7 succeeded\n")


def test_the_records_of_what_is_affected_are_all_that_is_asked_for(project: Project) -> None:
    """By a live display, say, that tells how long it may take."""
    project.write("in", "in")
    project.write("other", "other")
    task = '[tasks.{0}]\ninputs = ["{1}"]\noutputs = ["{0}.out"]\nrun = "cp {1} {0}.out"\n'
    project.flowfile(task.format("copy", "in") + task.format("next", "copy.out") + task.format("beside", "other"))
    run_until_kept(project)
    project.write("in", "new")
    part = part_of(project.root, INVOCATION)
    assert part is not None
    with closing(part.store) as store:
        assert list(store.traces()) == ["copy", "next"]
        assert store.traces()["beside"].task == "beside"


def test_who_runs_something_after_the_comparison_makes_it_worthless(project: Project) -> None:
    project.write("in", "in")
    project.flowfile('[tasks.copy]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cp in out"')
    run_until_kept(project)
    project.write("in", "one")
    late = part_of(project.root, INVOCATION)
    assert late is not None
    project.write("in", "two")
    assert run(project.root, INVOCATION, (), RunOptions())[1]
    with pytest.raises(Outdated):
        late.run(invocation=Invocation(INVOCATION.key, INVOCATION.message, kept=late.kept))
    assert project.read("out") == "two"


def run_until_kept(project: Project) -> None:
    for _ in range(20):
        run(project.root, INVOCATION, (), RunOptions())
        if graphs(project) and len(kept(project)) == 2:
            return
    raise AssertionError("no snapshot has been written")
