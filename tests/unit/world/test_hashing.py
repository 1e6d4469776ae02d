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
from flowmake.world.contents import hash_bytes
from flowmake.world.hashing import CHUNK, hash_entry, hash_file, hash_seen
from flowmake.world.statcache import figures


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


def test_a_file_in_the_state_it_was_seen_in_has_the_digest_it_has_by_itself(tmp_path: Path) -> None:
    for name, data in (("empty", b""), ("small", b"x"), ("big", bytes(3 * CHUNK + 7)), ("tool", b"#!")):
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o755 if name == "tool" else 0o644)
        hashed = hash_seen(str(tmp_path / name), os.stat(tmp_path / name))
        assert hashed is not None
        assert hashed.digest == hash_bytes(data, executable=name == "tool")
        assert hashed.stat is not None
        assert figures(hashed.stat) == figures(os.stat(tmp_path / name))
        assert hashed.stable


@pytest.mark.parametrize("change", ["edited", "longer", "shorter", "gone", "folder", "fifo", "replaced", "executable"])
@pytest.mark.parametrize("size", [5, 2 * CHUNK])
def test_what_is_not_as_it_was_seen_is_left_to_who_looks_again(tmp_path: Path, change: str, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(size))
    seen = os.stat(path)
    if change in ("edited", "longer", "shorter"):
        path.write_bytes(b"y" * (size + {"edited": 0, "longer": 1, "shorter": -1}[change]))
        os.utime(path, ns=(0, 1_000_000_001))
    elif change == "executable":
        path.chmod(0o755)
    else:
        path.rename(tmp_path / "before")
        {"gone": bool, "folder": os.mkdir, "fifo": os.mkfifo, "replaced": Path.touch}[change](path)
        if change == "replaced":
            path.write_bytes(bytes(size))
            os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert hash_seen(str(path), seen) is None


def test_a_file_whose_size_is_not_told_is_left_to_who_looks_again() -> None:
    if Path("/proc/version").exists():
        assert hash_seen("/proc/version", os.stat("/proc/version")) is None


def test_a_sparse_file_that_has_grown_beyond_its_hole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    os.truncate(path, 2 * CHUNK)
    seen = os.stat(path)
    with path.open("ab") as file:
        file.write(b"more")
    assert hash_seen(str(path), seen) is None
    assert hash_file(str(path)) == hash_bytes(bytes(2 * CHUNK) + b"more")
