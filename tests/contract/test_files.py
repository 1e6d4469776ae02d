"""What every `Files` promises, on the fake and on a real disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

import pytest

from flowmake.core.ports import ABSENT, Files
from flowmake.world.contents import hash_bytes
from flowmake.world.cpus import available_cpus
from flowmake.world.files import DiskFiles
from tests.fakes import FakeFiles


class RealDisk:
    """A folder and the door to it, changed in the same words as the fake."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: Files = DiskFiles(str(root), exclude=[".flowmake"])

    def write(self, path: str, data: str | bytes = b"", executable: bool = False) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        target.chmod(0o755 if executable else 0o644)

    def make_dir(self, path: str) -> None:
        (self.root / path).mkdir(parents=True)

    def remove(self, path: str) -> None:
        target = self.root / path
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink()


class InMemory:
    """The fake, likewise."""

    def __init__(self, root: Path) -> None:
        self.files: Files = FakeFiles()
        self.write, self.make_dir, self.remove = self.files.write, self.files.make_dir, self.files.remove


@pytest.fixture(params=[RealDisk, InMemory], ids=["disk", "fake"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    make: Callable[[Path], Any] = request.param
    return make(tmp_path)


def test_nothing_has_the_absent_digest(world: Any) -> None:
    world.write("file", "x")
    for path in ("no", "no/", "no/thing", "file/", "file/thing"):
        assert world.files.digest(path) == ABSENT
        assert world.files.digest(path, "stat") == ABSENT
        assert world.files.digest(path, "exists") == ABSENT
        assert not world.files.exists(path)


def test_a_digest_is_of_the_bytes_alone(world: Any) -> None:
    world.write("a", "same")
    world.write("deep/b", "same")
    world.write("c", "other")
    a, b, c = world.files.digests(["a", "deep/b", "c"])
    assert a == b == world.files.digest("a")
    assert a != c
    assert re.fullmatch("[0-9a-f]{32}", a)


def test_the_digest_is_xxh3_128(world: Any) -> None:
    world.write("empty")
    assert world.files.digest("empty") == "99aa06d3014798d86001c324468d497f"


def test_the_executable_bit_counts(world: Any) -> None:
    world.write("plain", "x")
    world.write("tool", "x", executable=True)
    assert world.files.digest("tool") == world.files.digest("plain") + "+x"


def test_digests_keep_the_order_asked_for(world: Any) -> None:
    for name in "abc":
        world.write(name, name)
    world.make_dir("d")
    asked = ["c", "none", "a", "d/", "b", "c"]
    assert world.files.digests(asked) == [world.files.digest(path) for path in asked]
    assert world.files.digests([]) == []


def test_what_was_foreseen_is_as_if_it_had_been_asked_for(world: Any) -> None:
    world.write("a", "old")
    world.write("d/b", "old")
    world.files.foresee(["a", "none", "d/", "d/b", "a"])
    old = world.files.digest("d/b")
    world.write("a", "new!")
    world.write("none", "new!")
    assert world.files.digest("a") == old
    assert world.files.digest("none") != ABSENT
    world.files.forget(["a"])
    assert world.files.digest("a") == world.files.digest("none")


def test_as_many_are_foreseen_as_have_so_many_bytes_to_be_read(world: Any) -> None:
    """A few more only where processors would be idle."""
    paths = [f"{number:03}" for number in range(200)]
    for path in paths:
        world.write(path, path)
    world.files.digest("000")
    assert world.files.foresee(paths, 600) == 200
    world.files.forget(paths[:150])
    cores = available_cpus()
    assert 10 <= world.files.foresee([*paths[150:], *paths[:150]], 30) - 50 <= max(10, cores)
    assert world.files.foresee(paths) == 200


def test_a_digest_is_remembered_until_forgotten(world: Any) -> None:
    world.write("a", "old")
    world.write("b", "old")
    old = world.files.digest("a")
    world.write("a", "new!")
    world.write("b", "new!")
    assert world.files.digest("a") == old
    world.files.forget(["a"])
    assert world.files.digest("a") != old
    world.files.forget(None)
    assert world.files.digest("b") == world.files.digest("a")


def test_a_glance_never_takes_a_changed_file_for_what_it_was(world: Any) -> None:
    world.write("a", "one")
    one = world.files.digest("a")
    assert world.files.doubtful({"a": "another"}) == ["a"]
    world.write("a", "two")
    assert world.files.doubtful({"a": one}) == ["a"]
    world.files.forget(["a"])
    assert world.files.digest("a") != one
    assert world.files.doubtful({"a": one, "never": one}) == ["a", "never"]
    world.remove("a")
    assert world.files.doubtful({"a": one}) == ["a"]


def test_absence_is_remembered_too(world: Any) -> None:
    assert world.files.digest("a") == ABSENT
    world.write("a", "x")
    world.files.forget(["other"])
    assert world.files.digest("a") == ABSENT
    world.files.forget(["a"])
    assert world.files.digest("a") != ABSENT


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.write("d/sub/a", "changed"),
        lambda world: world.write("d/sub/new", ""),
        lambda world: world.write("d/sub/a", "a", executable=True),
        lambda world: world.remove("d/sub/a"),
        lambda world: world.remove("d/empty"),
        lambda world: world.make_dir("d/another"),
    ],
    ids=["content", "new file", "executable", "file gone", "empty folder gone", "new folder"],
)
@pytest.mark.parametrize("forgotten", ["d/sub/a", "d/", "d", "d/sub/"])
def test_a_tree_changes_with_what_is_in_it(world: Any, change: Callable[[Any], None], forgotten: str) -> None:
    world.write("d/sub/a", "a")
    world.make_dir("d/empty")
    before = world.files.digest("d/")
    assert re.fullmatch("tree:[0-9a-f]{32}", before)
    assert world.files.digest("d") == before
    change(world)
    world.files.forget([forgotten])
    assert world.files.digest("d/") != before


def test_forgetting_a_folder_forgets_what_is_in_it(world: Any) -> None:
    world.write("d/sub/a", "old")
    world.write("data", "old")
    old = world.files.digest("d/sub/a")
    assert world.files.digest("data") == old
    world.write("d/sub/a", "new!")
    world.write("data", "new!")
    world.files.forget(["d/"])
    assert world.files.digest("d/sub/a") != old
    assert world.files.digest("data") == old


@pytest.mark.parametrize("asked", ["d", "d/", "d/sub/", "d/sub"])
def test_a_folder_that_was_absent_appears_with_what_is_in_it(world: Any, asked: str) -> None:
    assert world.files.digest(asked) == ABSENT
    world.write("d/sub/a", "a")
    world.files.forget(["d/sub/a"])
    assert world.files.digest(asked).startswith("tree:")


def test_what_is_looked_up_after_forgetting_is_remembered_again(world: Any) -> None:
    for text in ("one", "two!", "three"):
        world.write("d/sub/a", text)
        world.files.forget(["d/"])
        before = world.files.digests(["d/sub/a", "d/sub/", "d/"])
        world.write("d/sub/a", text * 2)
        assert world.files.digests(["d/sub/a", "d/sub/", "d/"]) == before


def test_forgetting_the_root_forgets_all(world: Any) -> None:
    world.write("a", "old")
    before = world.files.digests(["a", "./"])
    world.write("a", "new!")
    world.files.forget(["./"])
    after = world.files.digests(["a", "./"])
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_equal_trees_have_equal_digests_wherever_they_are(world: Any) -> None:
    for top in ("one", "two/deep"):
        world.write(f"{top}/a", "a")
        world.write(f"{top}/b/c", "c")
    world.write("three/a/b", "c")
    one, two, three = world.files.digests(["one/", "two/deep/", "three/"])
    assert one == two != three


def test_state_and_git_do_not_count_in_a_tree(world: Any) -> None:
    world.write("a", "a")
    before = world.files.digest("./")
    world.write(".flowmake/state.db", "x")
    world.write(".git/index", "x")
    world.files.forget(None)
    assert world.files.digest("./") == before
    world.write(".hidden", "x")
    world.files.forget(None)
    assert world.files.digest("./") != before


def test_the_lesser_checks(world: Any) -> None:
    world.write("a", "12345")
    stat = world.files.digest("a", "stat")
    assert re.fullmatch(r"stat:5-\d+", stat)
    assert world.files.digest("a", "exists") == "exists"
    world.write("a", "123456")
    world.files.forget(["a"])
    assert world.files.digest("a", "stat") != stat
    assert world.files.digest("a", "exists") == "exists"


def test_what_exists_and_what_is_a_folder(world: Any) -> None:
    world.write("d/a")
    assert [world.files.exists(path) for path in ("d", "d/", "d/a", "./", "e")] == [True, True, True, True, False]
    assert [world.files.is_dir(path) for path in ("d", "d/", "d/a", "./", "e")] == [True, True, False, True, False]


def test_reading(world: Any) -> None:
    world.write("a", b"\x00\xff")
    assert world.files.read("a") == b"\x00\xff"
    with pytest.raises(FileNotFoundError):
        world.files.read("b")
    with pytest.raises(FileNotFoundError):
        world.files.read("a/b")


TREE = (
    "a.c",
    "b.h",
    ".hid.c",
    "src/m.c",
    "src/m.h",
    "src/deep/n.c",
    "src/.dot/o.c",
    "x[1].c",
    ".git/g.c",
    ".flowmake/s.c",
)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.c", ["a.c", "x[1].c"]),
        ("*", ["a.c", "b.h", "x[1].c"]),
        (".*", [".hid.c"]),
        (".*/*", []),
        ("[ab].?", ["a.c", "b.h"]),
        ("[!a]*.c", ["x[1].c"]),
        ("**/*.c", ["a.c", "src/deep/n.c", "src/m.c", "x[1].c"]),
        ("**", ["a.c", "b.h", "src/deep/n.c", "src/m.c", "src/m.h", "x[1].c"]),
        ("src/**", ["src/deep/n.c", "src/m.c", "src/m.h"]),
        ("src/**/*.c", ["src/deep/n.c", "src/m.c"]),
        ("**/**/*.h", ["b.h", "src/m.h"]),
        ("src/*", ["src/m.c", "src/m.h"]),
        ("*/*.c", ["src/m.c"]),
        ("*/m.c", ["src/m.c"]),
        ("**/m.c", ["src/m.c"]),
        ("*/deep/*", ["src/deep/n.c"]),
        ("src/.*/*.c", ["src/.dot/o.c"]),
        ("src/.dot/*.c", ["src/.dot/o.c"]),
        ("x[[]1].c", ["x[1].c"]),
        ("x[[]*", ["x[1].c"]),
        ("*/", ["empty/", "src/"]),
        ("src/*/", ["src/deep/"]),
        ("**/deep/", ["src/deep/"]),
        ("src/**/", ["src/", "src/deep/"]),
        ("none/*.c", []),
        ("a.c/*", []),
        ("a.c", ["a.c"]),
        (".git/*", []),
        (".flowmake/*", []),
    ],
)
def test_globs(world: Any, pattern: str, found: list[str]) -> None:
    for path in TREE:
        world.write(path)
    world.make_dir("empty")
    assert world.files.glob(pattern) == found


def test_a_glob_sees_what_comes_and_goes(world: Any) -> None:
    world.write("src/a.c")
    assert world.files.glob("**/*.c") == ["src/a.c"]
    world.write("src/b.c")
    assert world.files.glob("**/*.c") == ["src/a.c", "src/b.c"]
    world.write("new/deep/c.c")
    assert world.files.glob("**/*.c") == ["new/deep/c.c", "src/a.c", "src/b.c"]
    world.remove("src")
    assert world.files.glob("**/*.c") == ["new/deep/c.c"]
    assert world.files.glob("src/*.c") == []
    world.write("src/d.c")
    assert world.files.glob("src/*.c") == ["src/d.c"]


def test_what_is_vouched_for_is_believed_until_it_may_have_changed(world: Any) -> None:
    world.write("file", "x")
    world.files.vouch("file", "as it was told")
    assert world.files.digest("file") == "as it was told"
    world.write("file", "something else")
    world.files.forget(["file"])
    assert world.files.digest("file") == hash_bytes(b"something else")


def test_when_a_file_was_touched(world: Any) -> None:
    world.write("file", "x")
    assert world.files.touched_since("file", time() - 60)
    assert not world.files.touched_since("file", time() + 60)
    assert world.files.touched_since("not there", time() + 60)
