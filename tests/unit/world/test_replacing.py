"""Whole files or none, on a real disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowmake.world.replacing import replace_file


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    replace_file(str(tmp_path / "new"), b"data")
    (tmp_path / "usual").touch()
    assert (tmp_path / "new").read_bytes() == b"data"
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert sorted(os.listdir(tmp_path)) == ["new", "usual"]


def test_an_old_file_keeps_its_mode_and_its_readers(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with path.open("rb") as reader:
        replace_file(str(path), b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    replace_file(str(tmp_path / "link"), b"1")
    replace_file(str(tmp_path / "link"), b"2")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"2"


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    replace_file(str(tmp_path / "pipe"), b"data")
    assert os.read(reader, 9) == b"data"
    os.close(reader)


@pytest.mark.parametrize("name", ["no/folder", "folder"])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"No such file|Is a directory"):
        replace_file(str(tmp_path / name), b"data")
    assert os.listdir(tmp_path) == ["folder"]
