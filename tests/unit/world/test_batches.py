"""Many files at once, in whatever way: the digests they have one by one, whatever befalls them meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.core.errors import StateError
from flowmake.wiring import wait_out_tick
from flowmake.world import batches, files, forking
from flowmake.world.batches import hash_many
from flowmake.world.files import DiskFiles
from flowmake.world.hashing import CHUNK, THREADS_PAY_FROM, hash_file
from flowmake.world.statcache import StatCache, figures
from flowmake.world.trees import hash_tree

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from 3.12 on, beside threads

WAYS = ("alone", "processes", "threads")


@contextmanager
def only(way: str) -> Iterator[None]:
    """However few files there are, in three processes or threads, or else none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "available_cpus", lambda: 1 if way == "alone" else 3)
        patch.setattr(batches, "PROCESSES_PAY_FROM", 1 if way == "processes" else 1 << 60)
        patch.setattr(batches, "THREADS_PAY_FROM", 0 if way == "threads" else 1 << 60)
        patch.setattr(batches, "THREADS_TOGETHER_PAY_FROM", 1)
        patch.setattr(batches, "_BATCH", 1)
        patch.setattr(forking, "can_share", lambda: True)  # the threads of whoever runs the tests hold nothing up
        yield


@pytest.mark.parametrize("way", WAYS)
def test_all_ways_come_to_the_same(tmp_path: Path, way: str) -> None:
    for index in range(40):
        path = tmp_path / str(index)
        path.write_bytes(os.urandom(THREADS_PAY_FROM if index == 5 else index))
        path.chmod(0o755 if index % 3 else 0o644)
    seen = {str(path): os.stat(path) for path in tmp_path.iterdir()}
    with only(way):
        found = hash_many(seen)
    assert list(found) == list(seen)
    assert {path: hashed.digest for path, hashed in found.items()} == {path: hash_file(path) for path in seen}
    assert all(hashed.stat and figures(hashed.stat) == figures(seen[path]) for path, hashed in found.items())
    assert all(hashed.started_ns for hashed in found.values())


@pytest.mark.parametrize("way", WAYS)
def test_none_is_none(way: str) -> None:
    with only(way):
        assert hash_many({}) == {}


def test_many_small_files_are_shared_out_and_few_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"x")
    status = os.stat(tmp_path / "f")
    asked: list[int] = []

    def noting(work: Any, shares: Any) -> Any:
        asked.append(len(shares))
        return [work(share) for share in shares]

    monkeypatch.setattr(forking, "share_out", noting)
    monkeypatch.setattr(forking, "can_share", lambda: True)
    monkeypatch.setattr(batches, "available_cpus", lambda: 4)
    enough = 2 * batches.PROCESSES_PAY_FROM // batches.OPENING
    for count in (10, enough - 10, enough, 3 * enough):
        hash_many({f"{tmp_path}/gone-{number}": status for number in range(count)})
    assert asked == [2, 4]


def test_each_process_has_as_much_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(8):
        (tmp_path / str(index)).write_bytes(bytes(100_000 if index == 0 else 10))
    shared: list[list[str]] = []

    def noting(work: Any, shares: Any) -> Any:
        shared.extend([os.path.basename(path) for path, _ in share] for share in shares)
        return [work(share) for share in shares]

    monkeypatch.setattr(forking, "share_out", noting)
    with only("processes"):
        hash_many({f"{tmp_path}/{index}": os.stat(tmp_path / str(index)) for index in range(8)})
    assert shared == [["0"], ["1", "2", "3", "4"], ["5", "6", "7"]]


@pytest.mark.parametrize("becomes", [None, []], ids=["killed", "torn"])
def test_what_a_process_does_not_tell_is_found_out_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: list[Any] | None
) -> None:
    for index in range(9):
        (tmp_path / str(index)).write_bytes(b"%d" % index)
    seen = {str(path): os.stat(path) for path in tmp_path.iterdir()}
    monkeypatch.setattr(forking, "share_out", lambda work, shares: [work(shares[0]), *[becomes for _ in shares[1:]]])
    with only("processes"):
        found = hash_many(seen)
    assert {path: hashed.digest for path, hashed in found.items()} == {path: hash_file(path) for path in seen}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("portion", [3, 1000])
def test_files_in_folders_are_read_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, portion: int
) -> None:
    for folder in ("d", "d/sub", "d/sub/deep", "d/empty"):
        (tmp_path / folder).mkdir()
        for index in range(0 if folder.endswith("empty") else 5):
            (tmp_path / folder / str(index)).write_text(f"{folder}{index}")
    (tmp_path / "d" / "dangling").symlink_to("none")
    together: list[int] = []
    monkeypatch.setattr(files, "AT_ONCE", portion)
    monkeypatch.setattr(batches, "hash_many", lambda seen: together.append(len(seen)) or hash_many(seen))
    with only(way):
        assert DiskFiles(str(tmp_path)).digest("d/") == hash_tree(str(tmp_path / "d"))
    assert together == ([3] * 5 if portion == 3 else [15])


@pytest.mark.parametrize("way", WAYS)
def test_a_file_in_a_folder_that_goes_while_it_is_read_is_not_there(tmp_path: Path, way: str) -> None:
    (tmp_path / "d").mkdir()
    for path in PATHS:
        (tmp_path / "d" / path).write_text(path)
    disk = DiskFiles(str(tmp_path))
    with only(way), struck(str(tmp_path / "d"), [Blow(1, MOMENTS[1], "gone"), Blow(2, MOMENTS[0], "grown")]):
        digest = disk.digest("d/")
    assert not (tmp_path / "d" / "1").exists()
    assert digest == hash_tree(str(tmp_path / "d"))


# -- while files change ----------------------------------------------------------------------------------------

PATHS = [str(number) for number in range(6)]
MOMENTS = ("before it is opened", "before it is read", "after it was read")
CHANGES = ("edited", "grown", "emptied", "gone", "a folder", "replaced", "executable", "a fifo", "not to be read")


@dataclass(frozen=True)
class Blow:
    """What befalls one of the files, and when."""

    file: int
    moment: str
    change: str


def strike(path: str, change: str) -> None:
    """The same whether it is done once or again: a copy of this process may have been first."""
    if change == "edited":
        _write(path, "r+b", b"?")
    elif change == "grown":
        _write(path, "ab", b"more")
    elif change == "emptied":
        _write(path, "r+b", b"", cut=True)
    elif change == "executable":
        if os.path.isfile(path):
            os.chmod(path, 0o755)
    elif change == "replaced":
        if os.path.isfile(path):
            Path(path + ".new").write_bytes(b"another")
            os.replace(path + ".new", path)
    elif os.path.isfile(path):
        os.unlink(path)
        if change == "a folder":
            os.mkdir(path)
        elif change == "a fifo":
            os.mkfifo(path)


def _write(path: str, mode: str, data: bytes, cut: bool = False) -> None:
    if os.path.isfile(path):
        with open(path, mode) as file:
            file.truncate(0) if cut else file.write(data)


@contextmanager
def struck(folder: str, blows: list[Blow]) -> Iterator[None]:
    """Meanwhile each blow falls at its moment, the first two times that it comes: a file is read again, once."""
    opened: dict[int, str] = {}
    fallen: Counter[int] = Counter()
    real_open, real_read, real_readv = os.open, os.read, os.readv

    def befall(path: str, moment: str) -> None:
        for number, blow in enumerate(blows):
            if path == f"{folder}/{blow.file}" and moment == blow.moment and fallen[number] < 2:
                fallen[number] += 1
                if blow.change == "not to be read":
                    raise PermissionError(13, "Permission denied", path)
                strike(path, blow.change)

    def opening(path: str, flags: int, *more: int) -> int:
        if flags & os.O_NONBLOCK:  # only this is how files are opened to be hashed
            befall(path, MOMENTS[0])
        descriptor = real_open(path, flags, *more)
        opened[descriptor] = path if flags & os.O_NONBLOCK else ""
        return descriptor

    def around(read: Any) -> Any:
        def reading(descriptor: int, *more: Any) -> Any:
            befall(opened.get(descriptor, ""), MOMENTS[1])
            data = read(descriptor, *more)
            befall(opened.get(descriptor, ""), MOMENTS[2])
            return data

        return reading

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", opening)
        patch.setattr(os, "read", around(real_read))
        patch.setattr(os, "readv", around(real_readv))
        yield


def opinion(disk: DiskFiles, path: str) -> str:
    try:
        return disk.digest(path)
    except StateError as error:
        return error.message


blows = st.lists(
    st.builds(Blow, st.integers(0, len(PATHS) - 1), st.sampled_from(MOMENTS), st.sampled_from(CHANGES)), max_size=5
)


class Ripe:
    """Folders with files that were written so long ago that their digests may be trusted, made some at a time."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._ready: list[str] = []

    def folder(self) -> str:
        if not self._ready:
            for _ in range(50):
                self._ready.append(tempfile.mkdtemp(dir=self._top))
                for path in PATHS:
                    Path(self._ready[-1], path).write_bytes(path.encode() * 10)
                with open(os.path.join(self._ready[-1], "0"), "ab") as file:
                    file.truncate(CHUNK + 1)
            wait_out_tick()
        return self._ready.pop()


@pytest.fixture(scope="module")
def ripe(tmp_path_factory: pytest.TempPathFactory) -> Ripe:
    return Ripe(str(tmp_path_factory.mktemp("ripe")))


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None)
@given(blows=blows)
def test_whatever_befalls_files_nothing_false_is_believed(ripe: Ripe, way: str, blows: list[Blow]) -> None:
    """Neither is anything raised but for who asks for the very file, nor kept that is not so at the next run."""
    folder = ripe.folder()
    disk = DiskFiles(folder)
    with only(way):
        with struck(folder, blows):
            disk.foresee(PATHS)
            now = {path: opinion(disk, path) for path in PATHS}
        rows, _ = disk.cache.changes()
        later = DiskFiles(folder, StatCache(rows))
        later.foresee(PATHS)
        true = {path: opinion(DiskFiles(folder), path) for path in PATHS}
        assert {path: opinion(later, path) for path in PATHS} == true
    spared = {path for path in PATHS if path not in {str(blow.file) for blow in blows}}
    assert {path: now[path] for path in spared} == {path: true[path] for path in spared}
    assert all(rows[path][5] for path in spared)
    assert all(true[path] == row[6] for path, row in rows.items() if _is(folder, row, path))


def _is(folder: str, row: Any, path: str) -> bool:
    """Whether a row of the cache tells of the state that the file is in now."""
    try:
        status = os.stat(os.path.join(folder, path))
    except OSError:
        return False
    return StatCache({path: row}).get(path, status) is not None
