"""Digests of whatever can lie at a path."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from xxhash import xxh3_128_hexdigest

from flowmake.core.errors import StateError
from flowmake.core.ports import ABSENT
from flowmake.world import hashing
from flowmake.world.contents import hash_bytes
from flowmake.world.hashing import CHUNK, hash_entry, hash_file, hash_many


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_a_file_of_any_size_has_the_digest_of_its_bytes(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "f").write_bytes(data)
    assert hash_file(str(tmp_path / "f")) == hash_bytes(data) == xxh3_128_hexdigest(data)


@pytest.mark.parametrize("size", [CHUNK, 3 * CHUNK + 5])
@pytest.mark.parametrize(
    "written", [[], [0], [1 << 20], [4096, 1 << 20, (1 << 20) + 8192], [3 << 20], [(1 << 20) - 3, (2 << 20) - 1]]
)
def test_holes_count_as_the_zeros_they_are(tmp_path: Path, size: int, written: list[int]) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for offset in written:
            file.seek(offset)
            file.write(b"some data")
        file.truncate(size)
    assert path.stat().st_blocks * 512 < size
    assert hash_file(str(path)) == xxh3_128_hexdigest(path.read_bytes())


@pytest.mark.parametrize("size", [0, 5, 5 << 20])
def test_a_sparse_file_that_changes_its_length_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(bytes(8192))
        file.truncate(3 << 20)
    preadv = os.preadv

    def meddling(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        os.truncate(path, size)
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", meddling)
    hashed = hash_entry(str(path))
    assert hashed.digest == xxh3_128_hexdigest(bytes(size))


def test_executables_and_links_to_them(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"x")
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "link").symlink_to("tool")
    assert hash_file(str(tmp_path / "link")) == hash_file(str(tmp_path / "tool")) == hash_bytes(b"x", executable=True)


def test_a_dangling_link_is_its_text(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    assert hash_file(str(tmp_path / "link")) == "link:" + xxh3_128_hexdigest(b"nowhere")
    assert hash_file(str(tmp_path / "loop")) == "link:" + xxh3_128_hexdigest(b"loop")


@pytest.mark.parametrize("path", ["none", "none/at/all", "x" * 300, "nul\0inside", "loop/inside"])
def test_nothing_there(tmp_path: Path, path: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert hash_file(f"{tmp_path}/{path}") == ABSENT


def test_what_has_no_content_is_told_by_its_kind_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        kinds = [hash_file(str(tmp_path / name)) for name in ("fifo", "socket")]
    assert kinds == ["special:fifo", "special:socket"]
    status = os.stat("/dev/null")
    assert hash_file("/dev/null") == f"special:char-{os.major(status.st_rdev)}-{os.minor(status.st_rdev)}"


def test_a_file_whose_size_is_not_told(tmp_path: Path) -> None:
    if Path("/proc/version").exists():
        assert hash_file("/proc/version") == xxh3_128_hexdigest(Path("/proc/version").read_bytes())
    assert hash_file(str(tmp_path / "none")) == ABSENT


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        hash_file(str(tmp_path))
    assert caught.value.message == f"cannot read `{tmp_path}`: Is a directory"


def test_what_cannot_be_read_is_an_error_naming_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, size: int) -> bytes:
        raise OSError(5, "Input/output error")

    (tmp_path / "f").write_bytes(b"x")
    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(StateError) as caught:
        hash_file(str(tmp_path / "f"))
    assert caught.value.message == f"cannot read `{tmp_path}/f`: Input/output error"


def changing(path: Path, times: int) -> Callable[[int, int], bytes]:
    """A `read` under which the file grows, so many times."""
    left = [times]
    read = os.read

    def grown(descriptor: int, size: int) -> bytes:
        data = read(descriptor, size)
        if left[0]:
            left[0] -= 1
            path.write_bytes(b"%d" % left[0] * 20)
        return data

    return grown


def test_a_file_that_changes_meanwhile_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "read", changing(path, 1))
    hashed = hash_entry(str(path))
    assert hashed.stable
    assert hashed.digest == hash_bytes(b"0" * 20)
    assert hashed.stat is not None
    assert hashed.stat.st_size == 20


def test_a_file_that_never_rests_is_not_to_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "read", changing(path, 1000))
    assert not hash_entry(str(path)).stable


def test_many_at_once_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In several threads, each of which takes several files."""
    monkeypatch.setattr(hashing, "SIDE_BY_SIDE_FROM", 1 << 20)
    sizes = {}
    for index in range(12):
        path = tmp_path / str(index)
        path.write_bytes(os.urandom(hashing.THREADS_PAY_FROM if index % 2 else 10))
        sizes[str(path)] = path.stat().st_size
    sizes[str(tmp_path / "none")] = hashing.THREADS_PAY_FROM
    assert [one.digest for one in hash_many(sizes)] == [hash_file(path) for path in sizes]
    assert hash_many({}) == []


def test_an_error_among_many_is_raised(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(StateError, match="Is a directory"):
        hash_many({str(tmp_path / "a"): CHUNK, str(tmp_path): CHUNK})
