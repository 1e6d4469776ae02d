"""What was measured survives an interruption, as far as it is complete and of the same thing."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept import Kept

HEADER = {"source": "a"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a file with one complete part, and a record of another one that was interrupted."""
    kept = Kept(tmp_path / "measured.jsonl", HEADER)
    kept.add({"wall": 1.0})
    kept.finish([100, "build"])
    kept.add({"wall": 2.0})
    return tmp_path / "measured.jsonl"


def test_going_on_keeps_complete_parts_and_forgets_the_rest(path: Path) -> None:
    kept = Kept(path, HEADER)

    assert kept.parts() == [[100, "build"]]
    assert kept.is_complete([100, "build"])
    assert not kept.is_complete([100, "no-op"])
    assert kept.records("wall") == [{"wall": 1.0}]
    assert len(path.read_text().splitlines()) == 3


def test_what_is_added_after_going_on_is_there_the_next_time(path: Path) -> None:
    kept = Kept(path, HEADER)
    kept.add({"wall": 3.0})
    kept.finish([100, "no-op"])

    assert Kept(path, HEADER).records("wall") == [{"wall": 1.0}, {"wall": 3.0}]


def test_another_header_means_beginning_anew(path: Path) -> None:
    kept = Kept(path, {"source": "b"})

    assert kept.parts() == []
    assert kept.records("wall") == []
    assert Kept(path, HEADER).records("wall") == [], "the old records are gone for good"


def test_a_line_cut_short_is_of_a_part_that_is_not_complete(path: Path) -> None:
    with path.open("a") as file:
        file.write('{"wall": 2.')

    assert Kept(path, HEADER).records("wall") == [{"wall": 1.0}]


def test_when_everything_is_told_nothing_is_left(path: Path) -> None:
    Kept(path, HEADER).remove()

    assert not path.exists()
