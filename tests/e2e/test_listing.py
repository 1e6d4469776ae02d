"""The shorter ways to the table of tasks: it is the same by all of them, and none is taken when it does not lead there.

A run has kept the table; or the Flowfile is right at a glance; or the flow has to be opened. With options, the command
line is parsed besides.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import COMMAND, Project, Result
from tests.unit.core.test_flowfile_errors import CASES, pairs, sections

ENTRY = """
import sys
from flowmake.__main__ import main
code = main()
print(*sorted({"click", "msgspec", "tomli"} & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""
FLOW = """
[flow]
include = ["more/*.toml"]
[params]
word = "hello"
[tasks.build]
description = "Makes what there is to make"
tags = ["daily", "all"]
inputs = ["in"]
outputs = ["out"]
run = "grep good in > out"
[tasks.everywhere]
description = "日本 and e\\u0301"
needs = ["build"]
"""


@pytest.fixture
def kept(project: Project) -> Project:
    """A project of which a run has kept the table."""
    project.write("in", "good")
    project.write("below/file", "")
    project.write("more/one.toml", '[tasks.included]\nrun = "true"')
    project.flowfile(FLOW)
    return keep(project)


def keep(project: Project) -> Project:
    """Run until there is a table: that takes another run where the Flowfile has changed only just."""
    for _ in range(20):
        assert project.run("run", "-q").code == 0
        if listing(project).exists():
            return project
    raise AssertionError("no table was kept")


def listing(project: Project) -> Path:
    return project.root / ".flowmake" / "snapshots" / "listing"


KEPT, AT_A_GLANCE, OPENED, EXPLAINED = "", "tomli", "msgspec tomli", "click msgspec tomli"
"""The ways, by what they need."""


def listed(project: Project, cwd: str = ".", env: Mapping[str, str] | None = None) -> tuple[Result, str]:
    """How `flowmake list` ended, and what it needed."""
    done = subprocess.run(
        [COMMAND.with_name("python"), "-c", ENTRY, "list"],
        cwd=project.root / cwd,
        env=project.environ(env),
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    *said, needed = done.stderr.splitlines(keepends=True)
    return Result(done.returncode, done.stdout, "".join(said)), needed.rstrip()


def parsed(project: Project, cwd: str = ".", env: Mapping[str, str] | None = None) -> Result:
    """The same with the command line parsed, and the flow opened."""
    return project.run("list", "-C", ".", cwd=cwd, env=env)


def same(project: Project, cwd: str = ".", env: Mapping[str, str] | None = None) -> str:
    """What it needed, where it must be the same by both ways."""
    result, needed = listed(project, cwd, env)
    assert result == parsed(project, cwd, env)
    return needed


def test_it_is_the_table_that_is_made_without_it(kept: Project) -> None:
    assert same(kept) == KEPT
    table, _ = listed(kept)
    listing(kept).unlink()
    assert listed(kept) == (table, OPENED)
    assert "build" in table.stdout
    assert "日本" in table.stdout


def test_it_is_at_hand_from_a_folder_below(kept: Project) -> None:
    assert same(kept, "below") == KEPT


def test_neither_runs_nor_failures_take_it_away(kept: Project) -> None:
    kept.write("in", "bad")
    assert kept.run("run", "-q").code == 1
    assert same(kept) == KEPT


def test_a_run_that_fails_keeps_one_too(kept: Project) -> None:
    listing(kept).unlink()
    kept.write("in", "bad")
    assert kept.run("run", "-q", "--force").code == 1
    assert same(kept) == KEPT


@pytest.mark.parametrize(
    "edit",
    [
        lambda root: (root / "Flowfile").write_text("[tasks.other]\nrun = 'true'"),
        lambda root: (root / "Flowfile").write_text("[tasks.broken"),
        lambda root: (root / "Flowfile").unlink(),
        lambda root: (root / "more/one.toml").write_text("[tasks.renamed]\nrun = 'true'"),
        lambda root: (root / "more/one.toml").unlink(),
        lambda root: (root / "more/two.toml").write_text("[tasks.second]\nrun = 'true'"),
        lambda root: (root / ".flowmake/snapshots/listing").write_bytes(b"garbage"),
        lambda root: (root / ".flowmake/state.db").unlink(),
    ],
    ids=["edited", "broken", "gone", "include edited", "include gone", "include new", "damaged", "no records"],
)
def test_whatever_may_change_it_has_it_made_anew(kept: Project, edit: Callable[[Path], object]) -> None:
    edit(kept.root)
    assert same(kept) != KEPT


def test_variables_that_may_change_it_count(kept: Project) -> None:
    assert same(kept, env={"FLOWMAKE_PARAM_WORD": "bye"}) == OPENED
    assert same(kept, env={"FLOWMAKE_STATE_DIR": "elsewhere"}) == OPENED
    assert same(kept, env={"OTHER": "1"}) == KEPT


def test_options_ask_for_more(kept: Project) -> None:
    assert '"tasks"' in kept.run("list", "--json").stdout
    assert "everywhere" not in kept.run("list", "--tag", "daily").stdout


@pytest.mark.parametrize(
    "declared",
    [
        'description = "{{ params.word }}"\nrun = "true"',
        'foreach.n = ["1", "2"]\noutputs = ["{{ n }}"]\nrun = "touch {{ n }}"',
    ],
    ids=["template", "foreach"],
)
def test_a_table_that_takes_a_graph_is_always_made(project: Project, declared: str) -> None:
    project.flowfile(f'[params]\nword = "hello"\n[tasks.one]\n{declared}')
    assert project.run("run", "-q").code == 0
    assert not listing(project).exists()
    assert same(project) == OPENED


def test_parameters_that_were_given_are_not_those_of_the_next_one(kept: Project) -> None:
    listing(kept).unlink()
    assert kept.run("run", "-q", "--set", "word=bye").code == 0
    assert not listing(kept).exists()


# -- before any run --------------------------------------------------------------------------------------------

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*/Flowfile"))
PLAIN = """
[tasks.build]
description = "Makes köln"
tags = ["daily", "all"]
inputs = ["in"]
outputs = ["out"]
run = "grep {{ params.word }} in > out"
[params]
word = "good"
"""


def test_a_plain_flowfile_is_read_at_a_glance(project: Project) -> None:
    project.flowfile(PLAIN)
    project.write("below/file")
    assert same(project) == AT_A_GLANCE
    assert same(project, "below") == AT_A_GLANCE
    assert same(project, env={"FLOWMAKE_STATE_DIR": "elsewhere"}) == AT_A_GLANCE
    assert sorted(path.name for path in project.root.iterdir()) == ["Flowfile", "below"]


@pytest.mark.parametrize("env", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"FORCE_COLOR": "1"}, {"COLUMNS": "20"}])
def test_streams_make_no_difference(project: Project, env: Mapping[str, str]) -> None:
    project.flowfile(PLAIN)
    assert same(project, env=env) == AT_A_GLANCE


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_whatever_is_wrong_is_explained_in_the_same_words(project: Project, path: Path) -> None:
    case = sections(path.read_text())
    environ = pairs(case.pop("environ", ""))
    for name in case.keys() - {"errors", "set"}:
        if not name.startswith("<"):
            project.write(name, case[name])
    from_elsewhere = "set" in case or any(name.startswith("<") for name in case)
    assert same(project, env=environ) == EXPLAINED or from_elsewhere


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_are_listed_the_same(project: Project, path: Path) -> None:
    shutil.copytree(path.parent, project.root, dirs_exist_ok=True)
    assert same(project) in (AT_A_GLANCE, OPENED)
    assert parsed(project).stdout


@pytest.mark.parametrize(
    ("flow", "needed"),
    [
        ("", AT_A_GLANCE),
        ("[flow]\ninclude = ['more/*.toml']\n[tasks.a]\nrun = 'true'", OPENED),
        ("[flow]\ninclude = [{ exec = ['cat', 'more/one.toml'], inputs = ['more/one.toml'] }]", OPENED),
        ("[flow]\ndotenv = ['.env']\n[tasks.a]\nrun = 'true'", OPENED),
        ("[flow]\ndotenv = ['.no']\n[tasks.a]\nrun = 'true'", EXPLAINED),
        ("[flow]\nrequires = '>=0.1'\n[tasks.a]\nrun = 'true'", OPENED),
        ("[flow]\nrequires = '>=99'\n[tasks.a]\nrun = 'true'", EXPLAINED),
        ("[params]\nn = 7\n[tasks.a]\ndescription = '{{ params.n }} of them'\nrun = 'true'", OPENED),
        ("[params]\nn = 7\n[tasks.a]\ndescription = '{{ params.m }} of them'\nrun = 'true'", EXPLAINED),
        ("[tasks.a]\nforeach = { n = ['1', '2'] }\nrun = 'echo {{ n }}'\n[tasks.b]", OPENED),
        ("[tasks.a]\nforeach = { n = { lines = 'none' } }\nrun = 'echo {{ n }}'", EXPLAINED),
        ("[tasks.a]\nneeds = ['nobody']", AT_A_GLANCE),
        ("[tasks.a]\nrun = ''", EXPLAINED),
    ],
)
def test_what_else_may_stand_in_a_flowfile(project: Project, flow: str, needed: str) -> None:
    project.write("more/one.toml", "[tasks.one]\nrun = 'true'")
    project.write(".env", "A=long-enough")
    project.flowfile(flow)
    assert same(project) == needed


def test_a_large_flowfile_is_not_read_twice(project: Project) -> None:
    project.flowfile("".join(f"[tasks.task-{number}]\nrun = 'true'\n" for number in range(5000)))
    assert same(project) == OPENED


@pytest.mark.parametrize("word", ["bad", "--bad"])
def test_parameters_from_outside_have_the_flow_opened(project: Project, word: str) -> None:
    project.flowfile(PLAIN)
    assert same(project, env={"FLOWMAKE_PARAM_WORD": word}) == OPENED


def test_one_that_does_not_fit_is_explained(project: Project) -> None:
    project.flowfile(PLAIN.replace('"good"', "1"))
    assert same(project, env={"FLOWMAKE_PARAM_WORD": "many"}) == EXPLAINED


@pytest.mark.parametrize("data", [b"\xff", b"\xef\xbb\xbf[tasks.a]", b"[tasks.a]\r\nrun = 'true'\r\n", b"[tasks.a\0]"])
def test_unusual_bytes(project: Project, data: bytes) -> None:
    project.write("Flowfile", data)
    same(project)


def test_where_there_is_no_flowfile(project: Project) -> None:
    assert same(project) == EXPLAINED
    (project.root / "Flowfile").mkdir()
    assert same(project) == EXPLAINED


def test_what_is_the_matter_with_the_records_is_told(project: Project) -> None:
    project.flowfile("[tasks.a]\nforeach = { n = ['1', '2'] }\nrun = 'echo {{ n }}'")
    project.write(".flowmake/state.db", b"garbage" * 1000)
    assert same(project) == EXPLAINED
    assert "warning: " in listed(project)[0].stderr


def test_a_step_of_a_workflow_gets_annotations(project: Project) -> None:
    project.flowfile("[tasks.a]\ncolour = 'red'")
    assert same(project, env={"GITHUB_ACTIONS": "true"}) == EXPLAINED
    assert "::error file=Flowfile,line=2" in listed(project, env={"GITHUB_ACTIONS": "true"})[0].stderr
