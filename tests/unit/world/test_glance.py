"""What the first bytes and the size of a state file tell."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from flowmake.world import database
from flowmake.world.glance import looks_whole


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state file as a run leaves it."""
    path = tmp_path / "state.db"
    database.open_for_writing(str(path)).close()
    return path


def test_a_state_file_looks_whole(path: Path) -> None:
    assert looks_whole(str(path))


@pytest.mark.parametrize("size", [512, 1 << 16])
def test_every_size_of_page(tmp_path: Path, size: int) -> None:
    path = tmp_path / "db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA page_size={size}")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert path.stat().st_size == 2 * size
    assert looks_whole(str(path))


@pytest.mark.parametrize("cut", [0, 1, 15, 16, 30, 32, 4096, -1])
def test_a_part_of_one_does_not(path: Path, cut: int) -> None:
    os.truncate(path, cut if cut >= 0 else path.stat().st_size + cut)
    assert not looks_whole(str(path))


@pytest.mark.parametrize("data", [b"", bytes(4096), b"?" * 8192, b"SQLite format 3\0" + bytes(84)])
def test_something_else_does_not(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert not looks_whole(str(path))


def test_nothing_and_a_folder_do_not(tmp_path: Path) -> None:
    assert not looks_whole(str(tmp_path / "none"))
    assert not looks_whole(str(tmp_path))
