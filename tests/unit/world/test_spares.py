"""Empty files handed on: only those that nobody can write to or read from any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowmake.world.spares import Spares


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old"
    path.touch()
    return path


def given(old: Path) -> bool:
    """Whether the file was handed on to `new`."""
    number, new = old.stat().st_ino, old.with_name("new")
    spares = Spares()
    spares.add(str(old))
    spares.give(str(new))
    assert old.exists() != new.exists()
    return new.exists() and new.stat().st_ino == number


WATCHED = """
import os, sys, threading
from pathlib import Path
from flowmake.world.spares import Spares

places, over = [Path(sys.argv[1]) / name for name in ("one", "two")], threading.Event()

def look():
    while not over.is_set():
        for place in places:
            try:
                place.open().close()
            except FileNotFoundError:
                continue

places[0].touch()
threads = [threading.Thread(target=look) for _ in range(3)]
for thread in threads:
    thread.start()
spares = Spares()
for _ in range(5000):
    old, new = places if places[0].exists() else reversed(places)
    spares.add(str(old))
    spares.give(str(new))
over.set()
print("unharmed")
"""

if sys.platform == "linux":

    def test_who_opens_the_file_at_that_moment_does_no_harm(tmp_path: Path) -> None:
        """The kernel sends the holder of a lease a signal then."""
        done = subprocess.run([sys.executable, "-c", WATCHED, tmp_path], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "unharmed\n", "")

    def test_an_empty_file_is_handed_on(old: Path) -> None:
        assert given(old)

    def test_each_is_handed_on_once(old: Path) -> None:
        spares = Spares()
        spares.add(str(old))
        for name in ("one", "two"):
            spares.give(str(old.with_name(name)))
        assert os.listdir(old.parent) == ["one"]

    def test_one_that_cannot_be_is_passed_over(old: Path) -> None:
        spares = Spares()
        spares.add(str(old))
        spares.add(str(old.with_name("gone")))
        spares.give(str(old.with_name("new")))
        assert os.listdir(old.parent) == ["new"]


@pytest.mark.parametrize("mode", ["r", "a"])
def test_a_file_that_somebody_has_open_is_not(old: Path, mode: str) -> None:
    with open(old, mode):
        assert not given(old)


def test_a_file_that_a_process_in_the_background_inherited_is_not(old: Path) -> None:
    with open(old, "ab") as file:
        child = subprocess.Popen(["sh", "-c", "read line"], stdin=subprocess.PIPE, stdout=file, start_new_session=True)
    assert not given(old)
    child.communicate(b"\n")


def test_a_file_that_was_written_to_after_all_is_not(old: Path) -> None:
    old.write_text("late")
    assert not given(old)


def test_nothing_is_overwritten(old: Path) -> None:
    new = old.with_name("new")
    new.write_text("kept")
    spares = Spares()
    spares.add(str(old))
    spares.give(str(new))
    assert new.read_text() == "kept"


def test_a_link_is_not_handed_on(old: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(old)
    assert not given(link)
