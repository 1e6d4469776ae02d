"""What is read at a glance is what click reads, and whatever click would say something of is left to it."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.build import RunOptions
from flowmake.cli import glance
from flowmake.cli.observing import Wishes
from flowmake.cli.run import command

WORDS = [
    *(spelling for spellings in glance.FLAGS.values() for spelling in spellings),
    *("-j", "--jobs", "-j2", "--jobs=2", "0", "1", "2", "-1", "٣", "1_000", "1000000", " 2"),
    *(
        "a",
        "a@b",
        "./x",
        "tag:etl",
        "",
        "-",
        "--",
        "-kq",
        "--quie",
        "-h",
        "--help",
        "--deadline",
        "1h",
        "--lock",
        "fail",
    ),
]


ALWAYS = {name: getattr(kind(), name) for kind in (RunOptions, Wishes) for name in kind.__struct_fields__}


@given(st.lists(st.sampled_from(WORDS), max_size=6))
def test_what_is_read_is_what_click_reads(words: list[str]) -> None:
    found = glance.read(words)
    if found is None:
        return
    targets, options = found
    params = command.make_context("run", words).params
    assert targets == params.pop("targets")
    assert {name: options.get(name, ALWAYS.get(name)) for name in params} == params


@pytest.mark.parametrize(
    ("argv", "targets", "options"),
    [
        ([], (), {}),
        (["-q", "-j", "2"], (), {"quiet": True, "jobs": 2}),
        (
            ["a", "--jobs", "12", "-k", "b@c", "-B"],
            ("a", "b@c"),
            {"jobs": 12, "keep_going": True, "force": True},
        ),
        (["-j", "2", "-j", "3"], (), {"jobs": 3}),
    ],
)
def test_plain_command_lines_are_read(argv: list[str], targets: tuple[str, ...], options: dict[str, object]) -> None:
    found = glance.read(argv)
    assert found is not None
    assert found[0] == targets
    assert {name: value for name, value in found[1].items() if value} == options


@pytest.mark.parametrize(
    "argv",
    [
        ["-C", "x"],
        ["--help"],
        ["-j"],
        ["-j", "0"],
        ["-j", "٣"],
        ["--quie"],
        ["-kq"],
        ["--", "a"],
        ["--deadline", "1h"],
        ["-k", "--fail-fast"],
        [""],
    ],
)
def test_all_others_are_left_to_click(argv: list[str]) -> None:
    assert glance.read(argv) is None


def test_the_flags_are_those_of_the_command() -> None:
    flags = {param.name: tuple(param.opts) for param in command.params if getattr(param, "is_flag", False)}
    assert flags == glance.FLAGS
    jobs = next(param for param in command.params if param.name == "jobs")
    assert isinstance(jobs, click.Option)
    assert tuple(jobs.opts) == glance.JOBS
