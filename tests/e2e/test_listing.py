"""The table of tasks that a run has kept is shown while it is what would be made anew, and never after."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import COMMAND, Project

ENTRY = """
import sys
from flowmake.__main__ import main
code = main()
print("click" not in sys.modules, "msgspec" not in sys.modules, file=sys.stderr)
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


def listed(project: Project, cwd: str = ".", env: Mapping[str, str] | None = None) -> tuple[str, bool]:
    """The table, and whether it was at hand."""
    done = subprocess.run(
        [COMMAND.with_name("python"), "-c", ENTRY, "list"],
        cwd=project.root / cwd,
        env={**project.environ(), **(env or {})},
        capture_output=True,
        check=False,
        text=True,
    )
    told = done.stderr.splitlines()[-1]
    assert told in ("True True", "False False")
    return done.stdout + "".join(done.stderr.splitlines(keepends=True)[:-1]), told == "True True"


def test_it_is_the_table_that_is_made_without_it(kept: Project) -> None:
    table, at_hand = listed(kept)
    assert at_hand
    listing(kept).unlink()
    assert listed(kept) == (table, False)
    assert kept.run("list").stdout == table
    assert "build" in table
    assert "日本" in table


def test_it_is_at_hand_from_a_folder_below(kept: Project) -> None:
    assert listed(kept, "below") == (kept.run("list").stdout, True)


def test_neither_runs_nor_failures_take_it_away(kept: Project) -> None:
    kept.write("in", "bad")
    assert kept.run("run", "-q").code == 1
    assert listed(kept) == (kept.run("list").stdout, True)


def test_a_run_that_fails_keeps_one_too(kept: Project) -> None:
    listing(kept).unlink()
    kept.write("in", "bad")
    assert kept.run("run", "-q", "--force").code == 1
    assert listed(kept)[1]


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
    table, at_hand = listed(kept)
    assert not at_hand
    done = kept.run("list")
    assert table == done.stdout + done.stderr


def test_variables_that_may_change_it_count(kept: Project) -> None:
    assert not listed(kept, env={"FLOWMAKE_PARAM_WORD": "bye"})[1]
    assert not listed(kept, env={"FLOWMAKE_STATE_DIR": "elsewhere"})[1]
    assert listed(kept, env={"OTHER": "1"})[1]


def test_options_ask_for_more(kept: Project) -> None:
    assert '"tasks"' in kept.run("list", "--json").stdout
    assert "everywhere" not in kept.run("list", "--tag", "daily").stdout


@pytest.mark.parametrize(
    "declared",
    ['description = "{{ params.word }}"', 'foreach.n = ["1", "2"]'],
    ids=["template", "foreach"],
)
def test_a_table_that_takes_a_graph_is_always_made(project: Project, declared: str) -> None:
    project.flowfile(f'[params]\nword = "hello"\n[tasks.one]\n{declared}\noutputs = ["{{{{ n }}}}"]\nrun = "true"')
    project.run("run", "-q")
    assert not listing(project).exists()
    assert not listed(project)[1]


def test_parameters_that_were_given_are_not_those_of_the_next_one(kept: Project) -> None:
    listing(kept).unlink()
    assert kept.run("run", "-q", "--set", "word=bye").code == 0
    assert not listing(kept).exists()
