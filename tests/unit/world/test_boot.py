"""Telling one start of the machine from the next."""

from __future__ import annotations

from pathlib import Path

from flowmake.world.boot import boot_id


def test_the_id_is_what_the_kernel_says(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("abc-def\n")
    assert boot_id(str(tmp_path / "boot_id")) == "abc-def"


def test_where_the_kernel_says_nothing_there_is_none(tmp_path: Path) -> None:
    assert boot_id(str(tmp_path / "none")) == ""
    (tmp_path / "boot_id").write_bytes(b"\xff")
    assert boot_id(str(tmp_path / "boot_id")) == ""


def test_it_stays_while_the_machine_runs() -> None:
    assert boot_id() == boot_id()
