"""The journal: what survives a death at any moment, and what is not taken for true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flowmake.core.errors import StateError
from flowmake.world import journal
from flowmake.world.journal import Damaged, Entry, Journal, Key

KEY = Key("abc", 7)
FIRST = [Entry("begin", ((b"t\xff", 1, 2.5, None, "text"),)), Entry("end", ((b"",), (1 << 40, b"x" * 300)))]
SECOND = [Entry("forget", ((b"t",),))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.journal"


def written(path: Path, key: Key = KEY) -> bytes:
    one = Journal(str(path), key)
    one.append(FIRST)
    one.append(SECOND)
    return path.read_bytes()


def test_what_is_appended_is_read_again(path: Path) -> None:
    assert journal.read(str(path)) is None
    one = Journal(str(path), KEY)
    assert not path.exists()
    one.append(FIRST)
    assert journal.read(str(path)) == (KEY, FIRST)
    one.append(SECOND)
    assert journal.read(str(path)) == (KEY, FIRST + SECOND)
    one.end()
    assert not path.exists()
    one.end()


def test_cut_anywhere_it_holds_what_was_whole(path: Path) -> None:
    data = written(path)
    seen = []
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        found = journal.read(str(path))
        if found not in seen:
            seen.append(found)
    assert seen == [None, (KEY, []), (KEY, FIRST), (KEY, FIRST + SECOND)]


def test_with_any_byte_changed_it_holds_no_more_than_what_came_before(path: Path) -> None:
    data = written(path)
    allowed = [None, (KEY, []), (KEY, FIRST)]
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            assert journal.read(str(path)) in allowed
        except (Damaged, StateError):
            assert place <= data.index(b"\n")


def test_what_comes_from_another_journal_does_not_count(path: Path, tmp_path: Path) -> None:
    data = written(path)
    other = written(tmp_path / "other", Key("abc", 8))
    path.write_bytes(data + other[len(other) - 30 :])
    assert journal.read(str(path)) == (KEY, FIRST + SECOND)
    second = data[-(12 + len(journal._encode(SECOND))) :]
    path.write_bytes(data.removesuffix(second) + second + second)
    assert journal.read(str(path)) == (KEY, FIRST + SECOND)


@pytest.mark.parametrize("data", [b"", b"flowmake jou", b"\0" * 5000], ids=["empty", "hardly begun", "lost"])
def test_one_that_was_just_begun_holds_nothing(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert journal.read(str(path)) is None


@pytest.mark.parametrize("data", [b"garbage", b"flowmake journal x\n", b"\xff" * 5000])
def test_what_is_no_journal_is_told(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(Damaged, match=r"^it was not made by flowmake$"):
        journal.read(str(path))


def test_a_newer_one_is_told(path: Path) -> None:
    path.write_bytes(b"flowmake journal 12\nwhatever")
    with pytest.raises(StateError) as caught:
        journal.read(str(path))
    assert caught.value.message == (
        f"the state file `{path}` was written by a newer flowmake (version 12; this one knows 1)"
    )
    assert caught.value.hint == "upgrade flowmake, or remove the file: what it holds counts as never run then"


@pytest.mark.parametrize(("use", "problem"), [("read", "cannot read"), ("write", "cannot use")])
def test_a_folder_in_its_place(path: Path, use: str, problem: str) -> None:
    path.mkdir()
    with pytest.raises(StateError) as caught:
        journal.read(str(path)) if use == "read" else Journal(str(path), KEY).append(FIRST)
    reason = "Is a directory" if use == "read" else "File exists"
    assert caught.value.message == f"{problem} the state file `{path}`: {reason}"


LIMITED = """
import resource, sys
from flowmake.core.errors import StateError
from flowmake.world.journal import Entry, Journal, Key

one, count = Journal(sys.argv[1], Key("abc", 1)), 0
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    while True:
        one.append([Entry("t", ((count, b"x" * 90),))])
        count += 1
except StateError as error:
    print(error.message)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
one.append([Entry("t", (("late", count),))])
"""


def test_half_a_write_is_taken_back(path: Path) -> None:
    """The file may not grow any more in the middle of a frame, and later it may."""
    done = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, check=True, text=True)
    assert done.stdout == f"cannot use the state file `{path}`: File too large\n"
    found = journal.read(str(path))
    assert found is not None
    *whole, last = [entry.rows[0] for entry in found[1]]
    assert whole == [(number, b"x" * 90) for number in range(8)]
    assert last == ("late", 8)
