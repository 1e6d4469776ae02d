from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowmake.world.earlier import Changed, Earlier
from flowmake.world.files import DiskFiles
from flowmake.world.statcache import StatCache


class Past:
    """Files that a run has hashed, and what became of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._cache = StatCache()

    def then(self, path: str, **files: str) -> str:
        """Write files, hash a path as a run does; its digest."""
        for name, text in files.items():
            at = self.root / name.replace("__", "/")
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(text)
        return DiskFiles(str(self.root), self._cache).digest(path)

    def look(self, path: str, old: str) -> list[Changed]:
        """What changed since it had the digest `old`."""
        now = DiskFiles(str(self.root))
        earlier = Earlier(str(self.root), self._cache, now.digest, lambda folder: False)
        return earlier.changed(path, old, now.digest(path))


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def test_sizes_and_times_of_a_file(tmp_path: Path, past: Past) -> None:
    old = past.then("a", a="one")
    before = (tmp_path / "a").stat().st_mtime
    (tmp_path / "a").write_text("three")
    os.utime(tmp_path / "a", (1_000_000_000, 1_000_000_000))
    (changed,) = past.look("a", old)
    assert changed.before is not None
    assert changed.now is not None
    assert (changed.before.size, changed.before.modified) == (3, pytest.approx(before))
    assert (changed.now.size, changed.now.modified) == (5, 1_000_000_000)


def test_of_another_content_than_the_last_nothing_is_known(tmp_path: Path, past: Past) -> None:
    old = past.then("a", a="one")
    past.then("a", a="two")
    (tmp_path / "a").write_text("three")
    (changed,) = past.look("a", old)
    assert (changed.before, changed.now is None) == (None, False)


def test_a_file_that_is_gone_has_no_state_now(tmp_path: Path, past: Past) -> None:
    old = past.then("a", a="one")
    (tmp_path / "a").unlink()
    (changed,) = past.look("a", old)
    assert (changed.new, changed.now) == ("", None)
    assert changed.before is not None


@pytest.mark.parametrize("folder", ["d/", "d", "./"])
def test_files_of_a_folder(tmp_path: Path, past: Past, folder: str) -> None:
    old = past.then(folder, d__a="1", d__sub__b="2", d__c="3")
    then_digest = past.then("d/a")
    (tmp_path / "d/a").write_text("11")
    (tmp_path / "d/sub/b").unlink()
    (tmp_path / "d/sub/new").write_text("4")
    changed = past.look(folder, old)
    assert [one.path for one in changed] == ["d/a", "d/sub/b", "d/sub/new"]
    assert [(bool(one.old), bool(one.new)) for one in changed] == [(True, True), (True, False), (False, True)]
    assert changed[0].old == then_digest


def test_a_folder_that_was_no_folder(tmp_path: Path, past: Past) -> None:
    old = past.then("d", d="a file")
    (tmp_path / "d").unlink()
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a").write_text("x")
    assert past.look("d", old) == []


def test_what_does_not_add_up_is_not_told(tmp_path: Path, past: Past) -> None:
    old = past.then("d/", d__a="1", d__b="2")
    past.then("d/", d__a="one")  # hashed by another run in between
    (tmp_path / "d/b").write_text("two")
    assert past.look("d/", old) == []
