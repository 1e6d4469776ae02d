"""Digests of folders with whatever can lie in them."""

from __future__ import annotations

import os
from pathlib import Path

from flowmake.core.ports import ABSENT
from flowmake.world.contents import hash_bytes
from flowmake.world.hashing import hash_file
from flowmake.world.trees import TreeHasher, hash_tree, tree_digest


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"d\xe9j\xe0 \n\x01")
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / name).write_bytes(b"x")
    assert hash_file(f"{tmp_path}/t/{name}") == hash_bytes(b"x")
    before = hash_tree(str(tmp_path / "t"))
    os.rename(tmp_path / "t" / name, tmp_path / "t" / (name + "\udcff"))
    assert hash_tree(str(tmp_path / "t")) != before


def test_a_tree_is_the_same_whatever_the_order_of_creation(tmp_path: Path) -> None:
    names = [f"{index:03}" for index in range(50)]
    for top, order in (("one", names), ("two", names[::-1])):
        for name in order:
            (tmp_path / top / name).mkdir(parents=True)
            (tmp_path / top / name / "f").write_text(name)
    assert hash_tree(str(tmp_path / "one")) == hash_tree(str(tmp_path / "two"))


def test_an_empty_folder_is_neither_nothing_nor_an_empty_file(tmp_path: Path) -> None:
    digests = set()
    for top, make in (("none", None), ("file", Path.touch), ("folder", Path.mkdir)):
        (tmp_path / top).mkdir()
        if make:
            make(tmp_path / top / "x")
        digests.add(hash_tree(str(tmp_path / top)))
    assert len(digests) == 3
    assert hash_tree(str(tmp_path / "not there")) == ABSENT


def test_links_in_a_tree_count_as_what_they_point_to(tmp_path: Path) -> None:
    for top in ("real", "linked"):
        (tmp_path / top / "d").mkdir(parents=True)
    (tmp_path / "real" / "f").write_text("x")
    (tmp_path / "real" / "d" / "g").write_text("y")
    (tmp_path / "linked" / "d").rmdir()
    (tmp_path / "linked" / "f").symlink_to("../real/f")
    (tmp_path / "linked" / "d").symlink_to(tmp_path / "real" / "d")
    assert hash_tree(str(tmp_path / "linked")) == hash_tree(str(tmp_path / "real"))


def test_a_link_back_into_the_folders_above_ends_the_walk(tmp_path: Path) -> None:
    (tmp_path / "t" / "sub").mkdir(parents=True)
    (tmp_path / "t" / "f").write_text("x")
    (tmp_path / "t" / "sub" / "up").symlink_to("..")
    (tmp_path / "t" / "self").symlink_to(".")
    before = hash_tree(str(tmp_path / "t"))
    assert before == hash_tree(str(tmp_path / "t"))
    (tmp_path / "t" / "f").write_text("y")
    assert hash_tree(str(tmp_path / "t")) != before


def test_special_files_in_a_tree_do_not_block(tmp_path: Path) -> None:
    empty = hash_tree(str(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    assert hash_tree(str(tmp_path)) != empty


def test_what_vanishes_during_the_walk_counts_as_not_there(tmp_path: Path) -> None:
    (tmp_path / "t" / "b").mkdir(parents=True)
    (tmp_path / "t" / "a").write_text("a")
    (tmp_path / "t" / "b" / "f").write_text("f")
    (tmp_path / "t" / "c").write_text("c")

    def leaf(path: str, status: os.stat_result) -> str:
        if path.endswith("/a"):
            (tmp_path / "t" / "b" / "f").unlink()
            (tmp_path / "t" / "b").rmdir()
            (tmp_path / "t" / "c").unlink()
        return hash_file(path)

    found = TreeHasher(leaf).digest(str(tmp_path / "t"))
    assert found == hash_tree(str(tmp_path / "t"))


FILES = {"a": "1", "sub/b": "22", "sub/deep/c": "", "sub.x": "3", "sub/é": "4", "z": "5"}


def test_the_digest_of_a_tree_comes_out_of_its_files(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert tree_digest({name: hash_file(str(tmp_path / name)) for name in FILES}) == hash_tree(str(tmp_path))


def test_the_digest_of_an_empty_tree(tmp_path: Path) -> None:
    assert tree_digest({}) == hash_tree(str(tmp_path))


def test_what_a_killed_attempt_has_staged_counts_as_not_there(tmp_path: Path) -> None:
    (tmp_path / "t/deep").mkdir(parents=True)
    (tmp_path / "t/deep/x").write_text("x")
    before = hash_tree(str(tmp_path / "t"))
    (tmp_path / "t/deep/.flowmake-staged.x").write_text("half")
    (tmp_path / "t/.flowmake-fenced.run-1.folder").mkdir()
    assert hash_tree(str(tmp_path / "t")) == before
    (tmp_path / "t/.flowmake-x").write_text("mine")
    assert hash_tree(str(tmp_path / "t")) != before
