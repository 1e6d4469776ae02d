"""A patched snapshot tells what one written anew would tell."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.world import snapshot
from flowmake.world.contents import hash_bytes
from flowmake.world.patching import Patch
from flowmake.world.snapshot import Found
from flowmake.world.statcache import Figures, figures
from flowmake.world.ticks import COARSE_NS

KEY = b"key"
NAMES = [f"{folder}{name}".encode() for folder in ("", "many/", "few/") for name in "abcdef"]


class Kept:
    """Files in a folder, and a snapshot of them."""

    def __init__(self, root: Path, there: list[bytes]) -> None:
        self.root = root
        (root / "state").mkdir(parents=True)
        (root / "state" / "state.db").write_bytes(_database())
        for folder in ("many", "few"):
            (root / folder).mkdir()
        for name in there:
            (root / name.decode()).write_text("old")
        self.path = snapshot.path_for(str(root / "state"), KEY)
        snapshot.write(self.path, KEY, "fresh\n", str(root), self.states(there), set(NAMES) - set(there), {}, 2.0)

    def states(self, names: list[bytes]) -> dict[bytes, Figures]:
        return {name: figures((self.root / name.decode()).stat()) for name in names}

    def found(self) -> Found:
        found = snapshot.find(self.path, KEY, {}, 1.0)
        assert found is not None
        return found


def _database() -> bytes:
    """The least that looks like a whole one."""
    head = b"SQLite format 3\0" + (512).to_bytes(2, "big") + bytes(10) + (1).to_bytes(4, "big")
    return head.ljust(512, b"\0")


@settings(max_examples=60, deadline=None)
@given(
    there=st.lists(st.sampled_from(NAMES), unique=True),
    edited=st.sets(st.sampled_from(NAMES)),
    removed=st.sets(st.sampled_from(NAMES)),
)
def test_after_any_edits_it_tells_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, there: list[bytes], edited: set[bytes], removed: set[bytes]
) -> None:
    kept = Kept(tmp_path_factory.mktemp("patched") / "root", there)
    assert kept.found().answer == "fresh\n"
    for name in edited:
        (kept.root / name.decode()).write_text("edited")
    for name in removed:
        (kept.root / name.decode()).unlink(missing_ok=True)
    found = kept.found()
    now = (set(there) | edited) - removed
    expected = (edited - removed) | (removed & set(there))
    assert set(found.changed) == expected
    patch = Patch(kept.states(sorted(edited & now)), removed, set(found.changed))
    assert set(patch.differing(found)) >= expected
    patch.write(found, "seal")
    assert kept.found().answer == "fresh\n"
    assert kept.found().seal == "seal"
    for name in now:
        (kept.root / name.decode()).write_text("edited once more")
    assert set(kept.found().changed) == now


def test_what_no_longer_counts_is_no_longer_looked_at(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "root", [b"a", b"b"])
    (kept.root / "a").write_text("edited")
    Patch({}, set(), {b"a"}).write(kept.found(), "")
    (kept.root / "a").unlink()
    assert kept.found().answer == "fresh\n"


def test_what_was_changed_too_late_to_be_trusted_is_read_until_its_time_is_over(tmp_path: Path) -> None:
    """The same figures, another content: as of one who writes twice within the clock's tick."""
    kept = Kept(tmp_path / "root", [b"a", b"b"])
    Patch({}, set(), set(), {b"a": hash_bytes(b"old"), b"b": hash_bytes(b"new")}).write(kept.found(), "")
    assert kept.found().changed == [b"b"]
    Patch(kept.states([b"b"]), set(), {b"b"}).write(kept.found(), "")
    found = kept.found()
    assert (found.changed, found.racy.keys()) == ([], {b"a"})
    found.asked_ns = time.time_ns() + 10 * COARSE_NS
    Patch({}, set(), set()).write(found, "")
    assert kept.found().racy == {}
