"""One file of named sections: what is read is what was written, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmake.world import sections

PARTS = {"names": b"one\0two", "empty": b"", "numbers": bytes(range(256))}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "graph")
    seal = sections.write(path, PARTS, "1")
    assert sections.read(path, seal, "1") == PARTS


def test_another_seal_or_version_is_another_file(tmp_path: Path) -> None:
    path = str(tmp_path / "graph")
    seal = sections.write(path, PARTS, "1")
    assert sections.read(path, seal, "2") is None
    assert sections.write(path, {**PARTS, "empty": b"no more"}, "1") != seal
    assert sections.read(path, seal, "1") is None
    assert sections.read(str(tmp_path / "none"), seal, "1") is None


@pytest.mark.parametrize("at", [0, 21, 25, 60, 150])
def test_each_byte_counts(tmp_path: Path, at: int) -> None:
    path = tmp_path / "graph"
    seal = sections.write(str(path), PARTS, "1")
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert sections.read(str(path), seal, "1") is None


@pytest.mark.parametrize("length", [0, 10, 22, 40, 200])
def test_cut_off_it_is_none(tmp_path: Path, length: int) -> None:
    path = tmp_path / "graph"
    seal = sections.write(str(path), PARTS, "1")
    path.write_bytes(path.read_bytes()[:length])
    assert sections.read(str(path), seal, "1") is None
