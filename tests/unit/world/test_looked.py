"""What was looked at is told in the state in which it was judged, and not told at all where that is uncertain."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from flowmake.world.contents import hash_bytes
from flowmake.world.files import DiskFiles
from flowmake.world.hashing import Hashed
from flowmake.world.looked import MOST_BYTES, MOST_READ, Looked
from flowmake.world.statcache import StatCache, figures
from flowmake.world.ticks import COARSE_NS, FINE_NS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Files and folders that changed long enough ago for that to be certain."""
    for path in ("one", "two", "folder/three", "folder/deep/four"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    wait_out_tick()
    return tmp_path


def wait_out_tick() -> None:
    """Until a change can no longer hide behind the times there are now."""
    began = time.time_ns()
    while time.time_ns() <= began + 2 * FINE_NS:
        os.sched_yield()


def looked(files: DiskFiles) -> Looked | None:
    """As a run does it: take it all in, then look once more."""
    found = files.looked_at()
    return found if found is not None and found.settle() else None


def seen(files: DiskFiles) -> set[str]:
    """The files and folders that a snapshot would watch, relative to the root."""
    found = looked(files)
    assert found is not None
    for path, state in found.files.items():
        assert figures(os.stat(os.path.join(files.root, path))) == state
    return {os.path.relpath(os.path.join(files.root, path), files.root) for path in found.files}


# -- what counts -----------------------------------------------------------------------------------------------


def test_digested_read_and_lesser_checked_files(root: Path) -> None:
    files = DiskFiles(str(root))
    files.digest("one")
    files.read("two")
    files.digest("folder/three", "stat")
    files.digest("folder/deep/four", "exists")
    assert seen(files) == {"one", "two", "folder/three", "folder/deep/four"}


def test_trees_with_all_their_folders(root: Path) -> None:
    files = DiskFiles(str(root))
    files.digest("folder/")
    assert seen(files) == {"folder", "folder/three", "folder/deep", "folder/deep/four"}


def test_folders_that_a_glob_walks(root: Path) -> None:
    files = DiskFiles(str(root))
    files.glob("**/*.txt")
    assert seen(files) == {".", "folder", "folder/deep"}


def test_what_a_link_met_by_a_glob_leads_to(root: Path) -> None:
    (root / "folder" / "link").symlink_to("../one")
    wait_out_tick()
    files = DiskFiles(str(root))
    files.glob("folder/*")
    assert seen(files) == {"folder", "folder/link"}


@pytest.mark.parametrize("look", ["digest", "read", "stat", "exists", "glob", "digest tree"])
def test_where_nothing_is(root: Path, look: str) -> None:
    files = DiskFiles(str(root))
    match look:
        case "digest":
            files.digest("none")
        case "read":
            with pytest.raises(FileNotFoundError):
                files.read("none")
        case "stat":
            files.digest("none", "stat")
        case "exists":
            assert not files.exists("none")
        case "glob":
            files.glob("none/*")
        case "digest tree":
            files.digest("none/")
    found = looked(files)
    assert found is not None
    assert [os.path.join(str(root), path).rstrip("/") for path in found.absent] == [str(root / "none")]


# -- what is not certain ---------------------------------------------------------------------------------------


def hashed_too_soon(root: Path, *names: str) -> DiskFiles:
    """All of them written and hashed within one tick, which a busy machine does not manage at once."""
    while True:
        files = DiskFiles(str(root))
        for name in names:
            (root / name).write_text("just now")
        files.digests(names)
        if files.cache.untrusted.keys() == set(names):
            return files


def test_a_file_hashed_too_soon_after_its_change_is_known_by_its_content(root: Path) -> None:
    files = hashed_too_soon(root, "one")
    found = looked(files)
    assert found is not None
    assert found.racy == {"one": hash_bytes(b"just now")}
    assert found.files["one"] == figures((root / "one").stat())
    wait_out_tick()
    files.settle()
    later = looked(DiskFiles(files.root, files.cache))
    assert later is not None
    assert later.racy == {}


def test_more_such_files_than_are_soon_read_are_uncertain(root: Path) -> None:
    assert looked(hashed_too_soon(root, *map(str, range(MOST_READ)))) is not None
    assert looked(hashed_too_soon(root, *map(str, range(MOST_READ + 1)))) is None


def test_larger_ones_than_are_soon_read_are_uncertain(root: Path) -> None:
    cache = StatCache()
    (root / "large").write_bytes(bytes(MOST_BYTES))
    for name, is_certain in (("one", True), ("large", False)):
        status = (root / name).stat()
        cache.put(name, Hashed("digest", status, status.st_mtime_ns))
        found = Looked(str(root))
        found.note("one", "digest", cache)
        found.note(name, "digest", cache)
        assert found.is_certain == is_certain


def test_a_file_of_whole_seconds_read_too_soon(root: Path) -> None:
    now = time.time_ns() // 1_000_000_000 * 1_000_000_000
    os.utime(root / "one", ns=(now, now))
    files = DiskFiles(str(root))
    files.read("one")
    assert time.time_ns() < now + COARSE_NS
    assert looked(files) is None


@pytest.mark.parametrize("look", ["glob", "tree"])
def test_a_folder_that_changes_after_it_was_listed(root: Path, look: str) -> None:
    files = DiskFiles(str(root))
    if look == "glob":
        files.glob("folder/deep/*")
    else:
        files.digest("folder/")
    (root / "folder" / "deep" / "new").touch()
    assert looked(files) is None


def test_a_folder_listed_in_two_states(root: Path) -> None:
    files = DiskFiles(str(root))
    files.glob("folder/*")
    (root / "folder" / "three").rename(root / "folder" / "moved")
    files.glob("folder/*")
    assert files.looked_at() is None


def test_a_file_read_in_two_states(root: Path) -> None:
    files = DiskFiles(str(root))
    files.read("one")
    (root / "one").write_text("other")
    files.read("one")
    assert files.looked_at() is None


def test_something_that_appears_after_it_was_missed(root: Path) -> None:
    files = DiskFiles(str(root))
    files.digest("none")
    (root / "none").touch()
    assert looked(files) is None


@pytest.mark.parametrize("odd", ["dangling", "loop", "fifo"])
def test_what_has_no_content(root: Path, odd: str) -> None:
    match odd:
        case "dangling":
            (root / odd).symlink_to("nowhere")
        case "loop":
            (root / odd).symlink_to(odd)
        case "fifo":
            os.mkfifo(root / odd)
    files = DiskFiles(str(root))
    files.digest(odd)
    assert looked(files) is None


def test_a_tree_with_links(root: Path) -> None:
    (root / "folder" / "link").symlink_to("three")
    wait_out_tick()
    files = DiskFiles(str(root))
    files.digest("folder/")
    assert looked(files) is None


# -- two looks, and what has changed in between ----------------------------------------------------------------


def test_two_looks_are_one_if_they_saw_the_same(root: Path) -> None:
    first, second = DiskFiles(str(root)), DiskFiles(str(root))
    first.read("one")
    first.read("two")
    second.digest("one")
    whole = Looked(str(root))
    for part in (looked(first), looked(second)):
        assert part is not None
        assert whole.take(part)
    assert whole.files.keys() == {"one", "two"}


def test_two_looks_are_none_if_they_saw_something_differently(root: Path) -> None:
    first, second = DiskFiles(str(root)), DiskFiles(str(root))
    first.read("one")
    (root / "one").chmod(0o755)
    wait_out_tick()
    second.digest("one")
    whole = Looked(str(root))
    before, after = looked(first), looked(second)
    assert before is not None
    assert after is not None
    assert whole.take(before)
    assert not whole.take(after)


def test_what_changed_since_it_was_first_looked_at(root: Path) -> None:
    files = DiskFiles(str(root))
    files.digests(["one", "two", "folder/three"])
    assert files.changed() == set()
    (root / "one").write_text("other")
    files.forget(["one", "two"])
    assert files.changed() == {"one", "two"}
    files.digest("one")
    files.digest("two")
    assert files.changed() == {"one"}


def test_a_folder_above_what_changed_has_changed(root: Path) -> None:
    files = DiskFiles(str(root))
    files.digest("folder/")
    files.digest("folder/deep/four")
    files.forget(["folder/deep/four"])
    assert files.changed() == {"folder/", "folder/deep/four"}


def test_what_lies_in_a_folder_that_changed_may_have_changed(root: Path) -> None:
    files = DiskFiles(str(root))
    files.digest("folder/deep/four")
    files.forget(["folder/"])
    assert files.changed() == {"folder/deep/four"}


def test_an_edit_found_when_the_run_is_over(root: Path) -> None:
    """A file hashed too soon is hashed again then, and may have changed unseen."""
    files = DiskFiles(str(root))
    (root / "one").write_text("just now")
    files.digest("one")
    (root / "one").write_text("now even")
    wait_out_tick()
    files.settle()
    assert files.changed() == {"one"}
