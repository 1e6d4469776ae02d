"""The walk finds exactly what the pattern matches, goes nowhere else, and comes to an end."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.core.errors import StateError
from flowmake.core.patterns import compile_pattern
from flowmake.world.globbing import Globber, folder_state
from flowmake.world.trees import hash_tree

NAMES = st.sampled_from(["a", "b", ".c", "ab", "a.b", "[x", "*", "?", "é", "\n"])
SEGMENTS = st.sampled_from(
    ["*", "**", "a", "?", ".*", "a*", "[ab]", "[!a]", "[[]x", "[[]*", "*.b", ".c", "[*]", "é", "ab"]
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PATTERNS = st.builds(
    lambda parts, end: "/".join(parts) + end, st.lists(SEGMENTS, min_size=1, max_size=4), st.sampled_from(["", "/"])
)


def make(root: str, paths: set[str]) -> tuple[set[str], set[str]]:
    """Make these files, where no folder is in the way and no file stands where a folder must; what came to be."""
    for path in sorted(paths, key=lambda path: -path.count("/")):
        full = os.path.join(root, path)
        if not os.path.exists(full):
            os.makedirs(os.path.dirname(full), exist_ok=True)
            Path(full).touch()
    files, folders = set(), set()
    for top, inside, names in os.walk(root):
        prefix = "" if top == root else os.path.relpath(top, root) + "/"
        files |= {prefix + name for name in names}
        folders |= {f"{prefix}{name}/" for name in inside}
    return files, folders


def globber(root: str | Path) -> Globber:
    return Globber(str(root), lambda path: path.endswith("/.git"))


@settings(max_examples=150, deadline=None)
@given(st.sets(PATHS, max_size=12), st.lists(PATTERNS, min_size=1, max_size=6))
def test_a_glob_finds_what_its_pattern_matches(paths: set[str], patterns: list[str]) -> None:
    with tempfile.TemporaryDirectory() as root:
        files, folders = make(root, paths)
        found = globber(root)
        for pattern in patterns:
            matches = compile_pattern(pattern).matches
            expected = sorted(path for path in (folders if pattern.endswith("/") else files) if matches(path))
            assert found.glob(pattern) == expected


def test_loops_of_links_end(tmp_path: Path) -> None:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "f.c").touch()
    (tmp_path / "src" / "self").symlink_to(".")
    (tmp_path / "src" / "deep" / "up").symlink_to("../..")
    (tmp_path / "lib").symlink_to("src")
    assert globber(tmp_path).glob("**/*.c") == ["lib/f.c", "src/f.c"]
    assert globber(tmp_path).glob("src/**/*.c") == ["src/f.c"]
    assert globber(tmp_path).glob("src/*/*.c") == ["src/self/f.c"]


def test_two_folders_that_link_to_each_other(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / one).mkdir()
        (tmp_path / one / "f").touch()
        (tmp_path / one / "other").symlink_to(f"../{other}")
    assert globber(tmp_path).glob("**/f") == ["a/f", "a/other/f", "b/f", "b/other/f"]


@pytest.mark.parametrize(
    ("pattern", "entered"),
    [
        ("src/*.c", ["src/"]),
        ("src/*/*.h", ["src/", "src/inc/", "src/obj/"]),
        ("src/[i]*/*.h", ["src/", "src/inc/"]),
        ("*/inc/*.h", ["", "big/", "big/inc/", "src/", "src/inc/"]),
        ("none/**/*.c", ["none/"]),
        ("src/inc/a.h", ["src/inc/"]),
    ],
)
def test_only_folders_the_pattern_can_reach_are_entered(tmp_path: Path, pattern: str, entered: list[str]) -> None:
    for folder in ("src/inc/x", "src/obj/x", "big/data/x"):
        (tmp_path / folder).mkdir(parents=True)
    walk = globber(tmp_path)
    walk.glob(pattern)
    assert sorted(walk.folders) == [f"{tmp_path}/{folder}" for folder in entered]


def test_folders_are_told_with_their_state(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    walk = globber(tmp_path)
    walk.glob("src/*.c")
    walk.glob("none/*.c")
    status = os.stat(tmp_path / "src")
    state = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    assert walk.folders == {f"{tmp_path}/src/": state, f"{tmp_path}/none/": None}
    assert folder_state(f"{tmp_path}/src") == state


def test_what_has_not_changed_is_not_walked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.c").touch()
    walk = globber(tmp_path)
    # Folders changed within the clock's tick are not relied upon, so look until the tick is over.
    while "**/*.c" not in walk._memo:
        assert walk.glob("**/*.c") == ["src/a.c"]
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", None)
        assert walk.glob("**/*.c") == ["src/a.c"]
    (tmp_path / "src" / "b.c").touch()
    assert walk.glob("**/*.c") == ["src/a.c", "src/b.c"]


def test_an_answer_may_be_changed_by_its_owner(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    walk = globber(tmp_path)
    for _ in range(3):
        walk.glob("*").clear()
    assert walk.glob("*") == ["a"]


def test_a_folder_that_vanishes_during_the_walk_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").touch()
    scandir = os.scandir

    def vanishing(path: str) -> object:
        if path == f"{tmp_path}/b/":
            (tmp_path / "b" / "f").unlink()
            (tmp_path / "b").rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert globber(tmp_path).glob("*/*") == ["a/f"]


def test_very_deep_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(600):
        os.mkdir("d")
        os.chdir("d")
    Path("f").touch()
    assert globber(tmp_path).glob("**/f") == ["d/" * 600 + "f"]
    with pytest.raises(StateError) as caught:
        hash_tree(f"{tmp_path}/d")
    assert caught.value.message == f"cannot read `{tmp_path}/d`: its folders are nested too deeply"
