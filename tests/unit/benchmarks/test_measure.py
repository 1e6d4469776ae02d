"""Real commands, measured."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from measure import CommandFailed, Cost, measure

from tests.processes import wait_gone

ENVIRON = {"PATH": os.defpath}


def _run(folder: Path, *argv: str, limit: float = 60) -> Cost:
    return measure(argv, folder, ENVIRON, limit)


def test_time_and_processors_of_a_command_with_its_children(tmp_path: Path) -> None:
    busy = f"{sys.executable} -c 'sum(range(3_000_000))'"

    cost = _run(tmp_path, "sh", "-c", f"{busy}; {busy}")

    assert 0 < cost.cpu <= cost.wall * 1.1


def test_memory_is_that_of_the_largest_process_of_it(tmp_path: Path) -> None:
    grow = f"{sys.executable} -c 'held = bytearray(200_000_000)'"

    cost = _run(tmp_path, "sh", "-c", f"{grow}; true")

    assert 190 < cost.memory < 300


def test_how_much_memory_the_measuring_process_has_does_not_matter(tmp_path: Path) -> None:
    held = bytearray(os.urandom(1) * 300_000_000)

    cost = _run(tmp_path, "true")

    assert len(held) > 2**20 * cost.memory
    assert cost.memory <= cost.floor + 1 < 50


def test_the_environment_is_as_given_and_what_is_printed_is_kept(tmp_path: Path) -> None:
    measure(["sh", "-c", "echo $MOOD; pwd >&2"], tmp_path, {**ENVIRON, "MOOD": "fine"}, 60)

    assert (tmp_path / ".benchmark.log").read_text() == f"fine\n{tmp_path}\n"


def test_a_command_that_fails_says_how(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed) as caught:
        _run(tmp_path, "sh", "-c", "echo no flour; exit 7")

    assert str(caught.value) == "`sh` failed with exit code 7: no flour"


def test_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"`no-such-program` could not be measured:(.|\n)*FileNotFoundError"):
        _run(tmp_path, "no-such-program")


def test_a_command_that_takes_too_long_is_stopped_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"^it takes longer than 1 s$"):
        _run(tmp_path, "sh", "-c", "sleep 1000 & echo $! > pid; wait", limit=1)

    wait_gone([int((tmp_path / "pid").read_text())])
