"""The real disk: the stat cache with its racy entries, links, odd names, what cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowmake.core.errors import StateError
from flowmake.core.ports import ABSENT
from flowmake.world.contents import hash_bytes
from flowmake.world.files import SMALL, DiskFiles
from flowmake.world.hashing import Hashed
from flowmake.world.statcache import StatCache
from flowmake.world.store import SqliteStore
from flowmake.world.trees import hash_tree

FAKE = "0" * 32
"""A digest that only a cache could give."""


def next_run(files: DiskFiles) -> DiskFiles:
    """The same disk with what the cache would bring into the next run."""
    rows, _ = files.cache.changes()
    return DiskFiles(files.root, StatCache(rows))


def settle(files: DiskFiles) -> None:
    """As at the end of a run that takes as long as it is too early for anything."""
    while files.cache.untrusted:
        files.settle()


def poisoned(files: DiskFiles) -> DiskFiles:
    """The next run, with a cache that claims another digest for every file: whoever trusts it is seen to."""
    rows, _ = files.cache.changes()
    return DiskFiles(files.root, StatCache({path: (*row[:6], FAKE) for path, row in rows.items()}))


@pytest.mark.parametrize("same_times", [False, True])
@pytest.mark.parametrize("settled", [False, True])
def test_an_edit_that_keeps_size_and_mtime_is_seen(tmp_path: Path, same_times: bool, settled: bool) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"aaaa")
    files = DiskFiles(str(tmp_path))
    assert files.digest("f") == hash_bytes(b"aaaa")
    if settled:
        settle(files)
    status = path.stat()
    path.write_bytes(b"bbbb")
    if same_times:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert next_run(files).digest("f") == hash_bytes(b"bbbb")


def test_a_file_hashed_just_after_its_change_is_not_trusted_until_settled(tmp_path: Path) -> None:
    files = DiskFiles(str(tmp_path))
    while not files.cache.untrusted:  # a busy machine may take longer than the tick
        (tmp_path / "f").write_bytes(b"x")
        files.forget()
        files.digest("f")
    assert poisoned(files).digest("f") == hash_bytes(b"x")
    settle(files)
    assert poisoned(files).digest("f") == FAKE
    assert files.digest("f") == hash_bytes(b"x")


def test_a_big_file_waits_out_the_tick_rather_than_being_hashed_twice(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(SMALL))
    (tmp_path / "g").write_bytes(bytes(SMALL))
    files = DiskFiles(str(tmp_path))
    files.digest("f")
    files.digests(["g"])
    assert files.cache.untrusted == {}
    assert poisoned(files).digests(["f", "g"]) == [FAKE, FAKE]


def test_whole_seconds_are_taken_for_a_coarse_clock(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    os.utime(path, ns=(0, 1_000_000_000))
    files = DiskFiles(str(tmp_path))
    files.digest("f")
    files.settle()
    assert list(files.cache.untrusted) == ["f"]
    assert poisoned(files).digest("f") == hash_bytes(b"x")


def test_a_file_from_the_future_is_never_trusted(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    os.utime(path, (4e9, 4e9 + 0.5))
    files = DiskFiles(str(tmp_path))
    files.digest("f")
    files.settle()
    assert poisoned(files).digest("f") == hash_bytes(b"x")


@pytest.mark.parametrize("change", ["replaced", "chmod", "touched"])
def test_any_change_of_its_stat_makes_a_file_be_read_again(tmp_path: Path, change: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    files = DiskFiles(str(tmp_path))
    files.digest("f")
    settle(files)
    if change == "replaced":
        (tmp_path / "new").write_bytes(b"x")
        os.replace(tmp_path / "new", path)
    elif change == "chmod":
        path.chmod(0o755)
    else:
        os.utime(path)
    assert poisoned(files).digest("f") == hash_bytes(b"x", executable=change == "chmod")


def test_files_in_a_tree_use_the_cache(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"x")
    files = DiskFiles(str(tmp_path))
    true = files.digest("d/")
    settle(files)
    assert next_run(files).digest("d/") == true
    assert poisoned(files).digest("d/") != true


def test_rows_of_vanished_files_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    files = DiskFiles(str(tmp_path))
    files.digest("f")
    files.cache.saved()
    (tmp_path / "f").unlink()
    files.forget(["f"])
    assert files.digest("f") == ABSENT
    assert files.cache.changes() == ({}, {"f"})


def test_rows_nobody_asks_for_go_once_they_are_many(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"x")
    rows = {f"gone/{number}": (1, 1, 1, 1, 1, 1, FAKE) for number in range(10_100)}
    files = DiskFiles(str(tmp_path), StatCache({**rows, "kept": (1, 1, 1, 1, 1, 1, FAKE)}))
    files.settle()
    assert files.cache.paths() == ["kept"]


def test_what_a_link_in_a_tree_points_to_may_change_under_any_path(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "elsewhere").write_bytes(b"x")
    (tmp_path / "d" / "link").symlink_to("../elsewhere")
    files = DiskFiles(str(tmp_path))
    before = files.digest("d/")
    (tmp_path / "elsewhere").write_bytes(b"yy")
    files.forget(["elsewhere"])
    assert files.digest("d/") != before


def test_links(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"x")
    (tmp_path / "file").symlink_to("d/f")
    (tmp_path / "folder").symlink_to("d")
    (tmp_path / "dangling").symlink_to("none")
    files = DiskFiles(str(tmp_path))
    assert files.digest("file") == files.digest("d/f")
    assert files.digest("folder/") == files.digest("folder") == files.digest("d/")
    assert files.digest("folder/f") == files.digest("d/f")
    assert files.digest("dangling").startswith("link:")
    assert files.digest("dangling/") == ABSENT
    assert files.digest("dangling", "stat") == files.digest("dangling")
    assert files.digest("dangling", "exists") == "exists"
    assert files.exists("dangling")
    assert files.is_dir("folder")


def test_a_dangling_link_is_found_by_a_glob(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("none")
    assert DiskFiles(str(tmp_path)).glob("*") == ["dangling"]


def test_paths_outside_the_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "f.c").write_bytes(b"x")
    files = DiskFiles(str(tmp_path / "root"))
    assert files.digest(f"{tmp_path}/out/f.c") == files.digest("../out/f.c") == hash_bytes(b"x")
    assert files.digest(f"{tmp_path}/out/") == files.digest("../out/")
    assert files.glob("../out/*.c") == ["../out/f.c"]
    assert files.glob(f"{tmp_path}/*/*.c") == [f"{tmp_path}/out/f.c"]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"d\xe9j\xe0")
    (tmp_path / name).write_bytes(b"x")
    files = DiskFiles(str(tmp_path))
    assert files.glob("*") == [name]
    assert files.digest(name) == hash_bytes(b"x")


@pytest.mark.parametrize("path", ["nul\0", "x" * 300, "a/" * 3000])
def test_paths_that_cannot_exist(tmp_path: Path, path: str) -> None:
    files = DiskFiles(str(tmp_path))
    assert files.digest(path) == files.digest(path, "stat") == files.digest(path, "exists") == ABSENT
    assert files.digests([path]) == [ABSENT]
    assert not files.exists(path)
    assert not files.is_dir(path)
    assert files.glob(path + "*") == []
    with pytest.raises(FileNotFoundError):
        files.read(path)


def test_special_files_never_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    files = DiskFiles(str(tmp_path))
    assert files.digest("fifo") == "special:fifo"
    assert files.digests(["fifo", "./"])[0] == "special:fifo"
    with pytest.raises(StateError) as caught:
        files.read("fifo")
    assert caught.value.message == "cannot read `fifo`: not a regular file"


def test_what_cannot_be_read_is_an_error_naming_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").write_bytes(b"x")

    def fail(path: object, *more: object) -> object:
        raise PermissionError(13, "Permission denied")

    files = DiskFiles(str(tmp_path))
    monkeypatch.setattr(os, "open", fail)
    monkeypatch.setattr(os, "scandir", fail)
    for ask in (lambda: files.digest("f"), lambda: files.digests(["f"])):
        with pytest.raises(StateError) as caught:
            ask()
        assert caught.value.message == f"cannot read `{tmp_path}/f`: Permission denied"
    with pytest.raises(StateError) as caught:
        files.digest("d/")
    assert caught.value.message == f"cannot read `{tmp_path}/d`: Permission denied"
    with pytest.raises(StateError) as caught:
        files.glob("*")
    assert caught.value.message == f"cannot read `{tmp_path}/`: Permission denied"


def test_a_thousand_askers_cost_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"x")
    files = DiskFiles(str(tmp_path))
    first = files.digest("f")
    looked: list[object] = []
    monkeypatch.setattr(os, "stat", looked.append)
    assert {files.digest("f") for _ in range(1000)} == {first}
    assert looked == []


def test_excluded_folders_are_never_looked_into(tmp_path: Path) -> None:
    for folder in ("state", "src", "src/.git"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "f").write_bytes(b"x")
    files = DiskFiles(str(tmp_path), exclude=[str(tmp_path / "state")])
    assert files.glob("**") == ["src/f"]
    assert files.glob("state/*") == files.glob("src/.git/*") == []
    before = files.digest("./")
    (tmp_path / "state" / "g").write_bytes(b"x")
    (tmp_path / "src" / ".git" / "g").write_bytes(b"x")
    files.forget()
    assert files.digest("./") == before


def test_big_files_in_a_tree_are_hashed_like_any_other(tmp_path: Path) -> None:
    for folder, data in (("d", b"\x01"), ("d/sub", b"\x02"), ("e", b"\x01"), ("e/sub", b"\x02")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "big").write_bytes(data * SMALL)
        (tmp_path / folder / "small").write_bytes(data)
    files = DiskFiles(str(tmp_path))
    digest = files.digest("d/")
    assert digest == hash_tree(str(tmp_path / "d"))
    assert next_run(files).digest("d/") == digest
    assert files.digests(["d/sub/big", "e/"]) == [hash_bytes(b"\x02" * SMALL), digest]


def test_inodes_and_times_beyond_all_measure(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    true = os.stat(tmp_path / "f")
    fields = list(true)
    fields[1] = (1 << 64) - 1
    huge = os.stat_result(fields, {"st_mtime_ns": 10**18 + 1, "st_ctime_ns": 10**18})
    late = os.stat_result(fields, {"st_mtime_ns": 10**19 + 1, "st_ctime_ns": 10**18})
    cache = StatCache()
    cache.put("huge", Hashed(FAKE, huge, 2 * 10**18))
    cache.put("late", Hashed(FAKE, late, 2 * 10**19))
    assert cache.get("huge", huge) == FAKE
    assert cache.get("late", late) is None
    store = SqliteStore(str(tmp_path / "state.db"))
    store.save_stat_cache(cache)
    assert store.stat_cache().get("huge", huge) == FAKE
    store.close()


def test_what_cannot_be_settled_is_let_go(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    files = DiskFiles(str(tmp_path))
    files.digest("f")
    (tmp_path / "f").unlink()
    (tmp_path / "f").mkdir()
    settle(files)
    assert files.cache.paths() == []


def test_a_root_within_a_git_folder(tmp_path: Path) -> None:
    root = tmp_path / ".git" / "worktree"
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / "src").mkdir()
    (root / "src" / "f").write_bytes(b"x")
    files = DiskFiles(str(root))
    assert files.glob("src/*") == files.glob("**") == ["src/f"]
    assert files.glob(f"{root}/src/*") == [f"{root}/src/f"]
    assert files.glob(".git/*/") == files.glob("../../.git/*/") == []
    assert files.digest("src/").startswith("tree:")
