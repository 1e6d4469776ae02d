"""Kept logs on a real file system: over the limit they lose their middle, and secrets whatever happens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowmake.world import holes, logs
from flowmake.world.logs import KeptLogs, pieces, scrub

LIMIT = 256 << 10


class Writer:
    """What a command does: it appends to a descriptor that it was handed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._lines = 0

    def write(self, data: bytes) -> None:
        os.write(self._fd, data)

    def flood(self, size: int) -> None:
        """Numbered lines of 16 bytes."""
        count = size // 16
        numbers = range(self._lines, self._lines + count)
        self.write(b"".join(b"line %010d\n" % number for number in numbers))
        self._lines += count

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "t.log")


@pytest.fixture(params=["holes", "no holes"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system that can punch holes, and one that cannot."""
    if request.param == "no holes":
        monkeypatch.setattr(holes, "punch", lambda path, start, end: False)
    return str(request.param)


def numbers(data: bytes) -> list[int]:
    return [int(line[5:]) for line in data.split(b"\n") if line.startswith(b"line ") and len(line) == 15]


def test_a_log_within_the_limit_stays_as_it_is(writer: Writer) -> None:
    kept = KeptLogs(LIMIT)
    kept.begin(str(writer.path))
    writer.flood(LIMIT)
    before = writer.path.read_bytes()
    kept.tick(10.0)
    kept.end(str(writer.path))
    assert writer.path.read_bytes() == before


def test_a_flood_keeps_its_head_and_its_tail(writer: Writer, kind: str) -> None:
    kept = KeptLogs(LIMIT)
    kept.begin(str(writer.path))
    total = 0
    for step in range(20):
        writer.flood(1 << 20)
        total += 1 << 20
        kept.tick(float(step + 1))
        assert writer.path.stat().st_blocks * 512 <= LIMIT + 3 * holes.BLOCK
    writer.write(b"the last words\n")
    kept.end(str(writer.path))
    data = writer.path.read_bytes()
    found = numbers(data)
    assert len(data) <= LIMIT + 3 * holes.BLOCK
    assert b"\0" not in data
    assert found[:100] == list(range(100))
    assert found == sorted(found), "no line twice, none out of order"
    assert data.endswith(b"the last words\n")
    assert b"[flowmake: " in data
    assert b" left out here; `log_limit` is 256.0 KiB]\n" in data
    if kind == "holes":
        assert found[-100:] == list(range(total // 16 - 100, total // 16))


def test_a_repetition_goes_on_where_the_log_was_cut(writer: Writer, kind: str) -> None:
    kept = KeptLogs(LIMIT)
    for attempt in range(3):
        kept.begin(str(writer.path))
        writer.flood(1 << 20)
        writer.write(b"attempt %d\n" % attempt)
        kept.end(str(writer.path))
    data = writer.path.read_bytes()
    assert len(data) <= LIMIT + 3 * holes.BLOCK
    assert data.endswith(b"attempt 2\n") or kind == "no holes"
    assert numbers(data)[:100] == list(range(100))
    assert data.count(b"[flowmake: ") == 1


def test_ticks_in_quick_succession_look_once(writer: Writer) -> None:
    kept = KeptLogs(LIMIT)
    kept.begin(str(writer.path))
    kept.tick(10.0)
    writer.flood(4 * LIMIT)
    kept.tick(10.0 + logs.INTERVAL / 2)
    assert writer.path.stat().st_blocks * 512 >= 4 * LIMIT
    kept.tick(10.0 + logs.INTERVAL)
    assert writer.path.stat().st_blocks * 512 <= LIMIT + 3 * holes.BLOCK


def test_a_log_that_was_never_made_is_no_matter(tmp_path: Path) -> None:
    kept = KeptLogs(LIMIT, lambda: [b"secret"])
    kept.begin(str(tmp_path / "none"))
    kept.tick(1.0)
    kept.end(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("offset", [0, 1, logs.CHUNK - 3, logs.CHUNK, 3 * logs.CHUNK - 1])
def test_secrets_are_overwritten_wherever_they_lie(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"." * offset + b"hunter2hunter2" + b"." * 5)
    scrub(str(path), [b"hunter2", b"longer than that"])
    assert path.read_bytes() == b"." * offset + b"*" * 14 + b"." * 5


def test_scrubbing_does_not_disturb_who_still_writes(writer: Writer) -> None:
    kept = KeptLogs(LIMIT, lambda: [b"hunter2"])
    kept.begin(str(writer.path))
    writer.write(b"password: hunter2\n")
    kept.end(str(writer.path))
    writer.write(b"and goes on\n")
    assert writer.path.read_bytes() == b"password: *******\nand goes on\n"


def test_pieces_leave_holes_out(writer: Writer) -> None:
    writer.flood(1 << 20)
    assert holes.punch(str(writer.path), 64 << 10, 960 << 10)
    with open(writer.path, "rb", buffering=0) as file:
        found = list(pieces(file))
    assert sum(len(chunk) for _, chunk in found) == 128 << 10
    assert not any(b"\0" in chunk for _, chunk in found)


def test_pieces_where_holes_are_unknown(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.flood(600 << 10)

    def unknown(*arguments: int) -> int:
        raise OSError(22, "Invalid argument")

    with open(writer.path, "rb", buffering=0) as file, monkeypatch.context() as patched:
        patched.setattr("flowmake.world.holes.os.lseek", unknown)
        found = b"".join(chunk for _, chunk in pieces(file))
    assert found == writer.path.read_bytes()


def test_a_log_that_cannot_be_cleaned_is_told(tmp_path: Path) -> None:
    """The command has put something else in its place, say."""
    path = tmp_path / "log"
    path.mkdir()
    (path / "more").write_text("x")
    kept = KeptLogs(1000, lambda: [b"secret"])
    kept.begin(str(path))
    assert kept.end(str(path)) == f"cannot clean the log `{path}`, and secrets may have stayed in it: Is a directory"
