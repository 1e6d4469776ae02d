"""One file of named sections: what is read is what was written, or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmake.world import sections

PARTS = {"names": b"one\0two", "empty": b"", "numbers": bytes(range(256))}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "graph")
    seal = sections.write(path, PARTS.items(), "1")
    assert sections.read(path, seal, "1") == PARTS


def test_another_seal_or_version_is_another_file(tmp_path: Path) -> None:
    path = str(tmp_path / "graph")
    seal = sections.write(path, PARTS.items(), "1")
    assert sections.read(path, seal, "2") is None
    assert sections.write(path, {**PARTS, "empty": b"no more"}.items(), "1") != seal
    assert sections.read(path, seal, "1") is None
    assert sections.read(str(tmp_path / "none"), seal, "1") is None


@pytest.mark.parametrize("at", [0, 21, 25, 60, 150, -60, -40, -20, -4, -1])
def test_each_byte_counts(tmp_path: Path, at: int) -> None:
    path = tmp_path / "graph"
    seal = sections.write(str(path), PARTS.items(), "1")
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert sections.read(str(path), seal, "1") is None


@pytest.mark.parametrize("length", [0, 10, 22, 40, 200, -60, -5, -4, -1])
def test_cut_off_it_is_none(tmp_path: Path, length: int) -> None:
    path = tmp_path / "graph"
    seal = sections.write(str(path), PARTS.items(), "1")
    path.write_bytes(path.read_bytes()[:length])
    assert sections.read(str(path), seal, "1") is None


def test_pieces_that_follow_each_other_are_one_section(tmp_path: Path) -> None:
    path = str(tmp_path / "graph")
    seal = sections.write(path, [("a", b"1"), ("b", b"2"), ("b", b""), ("b", b"34"), ("c", b"5")], "1")
    assert sections.read(path, seal, "1") == {"a": b"1", "b": b"234", "c": b"5"}


def test_what_cannot_be_made_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    def failing() -> Iterator[tuple[str, bytes]]:
        yield "names", b"other"
        raise KeyError

    path = tmp_path / "graph"
    seal = sections.write(str(path), PARTS.items(), "1")
    with pytest.raises(KeyError):
        sections.write(str(path), failing(), "1")
    assert os.listdir(tmp_path) == ["graph"]
    assert sections.read(str(path), seal, "1") == PARTS
