"""Folders, staging, publishing and removal on a real disk; what was not declared is never touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flowmake.core.model import Declaration, Output, Task
from flowmake.core.source import Place
from flowmake.engine.outputs import Outputs, empty_folder, remove
from flowmake.world.files import DiskFiles

MakeOutputs = Callable[..., Outputs]


@pytest.fixture
def outputs(tmp_path: Path) -> MakeOutputs:
    """`outputs("a", Output("b/", clean=True), atomic=True)` for a task in `tmp_path`."""

    def make(*declared: str | Output, atomic: bool = False, fence: str = "") -> Outputs:
        task = Task(
            "t",
            Declaration("t", Place("Flowfile"), "run", atomic=atomic),
            outputs=tuple(one if isinstance(one, Output) else Output(one) for one in declared),
        )
        return Outputs(str(tmp_path), task, DiskFiles(str(tmp_path)).glob, fence)

    return make


def write(folder: Path, path: str, text: str = "") -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def tree(folder: Path) -> dict[str, str]:
    """Files with their text, and empty folders with a final `/`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file():
            found[name] = path.read_text()
        elif not any(path.iterdir()):
            found[name + "/"] = ""
    return found


@pytest.mark.parametrize(
    ("declared", "atomic", "folders"),
    [
        (["a"], False, []),
        (["x/y/a"], False, ["x/y/"]),
        (["x/y/"], False, ["x/y/"]),
        ([Output("x/y*/z*.csv", "glob")], False, ["x/"]),
        ([Output("*.csv", "glob")], False, []),
        (["x/y/"], True, ["x/.flowmake-staged.y/"]),
        (["x/a"], True, ["x/"]),
        (["y/"], True, [".flowmake-staged.y/"]),
    ],
)
def test_folders_are_made(
    tmp_path: Path, outputs: MakeOutputs, declared: list[str], atomic: bool, folders: list[str]
) -> None:
    outputs(*declared, atomic=atomic).prepare()
    assert list(tree(tmp_path)) == folders


def test_a_parent_that_is_a_file_cannot_be_made_a_folder(tmp_path: Path, outputs: MakeOutputs) -> None:
    write(tmp_path, "x", "mine")
    write(tmp_path, "old", "old")
    made = outputs("old", "x/a")
    with pytest.raises(FileExistsError):
        made.prepare()
    made.discard()
    assert tree(tmp_path) == {"old": "old", "x": "mine"}


def test_only_clean_folders_are_emptied(tmp_path: Path, outputs: MakeOutputs) -> None:
    for path in ("site/a/b", "site/c", "kept/a"):
        write(tmp_path, path, "old")
    os.symlink("../kept", tmp_path / "site/link")
    outputs(Output("site/", clean=True), "kept/").prepare()
    assert tree(tmp_path) == {"kept/a": "old", "site/": ""}


def test_a_clean_folder_that_is_a_link_is_not_followed(tmp_path: Path, outputs: MakeOutputs) -> None:
    write(tmp_path, "elsewhere/a", "mine")
    os.symlink("elsewhere", tmp_path / "site")
    outputs(Output("site/", clean=True)).prepare()
    assert tree(tmp_path / "elsewhere") == {"a": "mine"}


def test_what_a_glob_made_last_time_is_removed_first(tmp_path: Path, outputs: MakeOutputs) -> None:
    for path in ("parts/1.csv", "parts/2.csv", "parts/mine.csv", "log"):
        write(tmp_path, path, "old")
    outputs(Output("parts/*.csv", "glob"), "log").prepare(["parts/1.csv", "parts/2.csv", "log"])
    assert tree(tmp_path) == {"log": "old", "parts/mine.csv": "old"}


@pytest.mark.parametrize(
    ("declared", "made", "missing"),
    [
        (["a", "b"], ["a"], ["b"]),
        (["d/"], ["d/x"], []),
        (["d/"], ["d"], ["d/"]),
        ([Output("*.csv", "glob")], ["a.csv"], []),
        ([Output("*.csv", "glob")], ["a.txt"], ["*.csv"]),
    ],
)
def test_what_is_missing(
    tmp_path: Path, outputs: MakeOutputs, declared: list[str], made: list[str], missing: list[str]
) -> None:
    one = outputs(*declared)
    if made != ["d"]:
        one.prepare()
    for path in made:
        write(tmp_path, path)
    assert one.faults()[0] == missing


def test_a_dangling_link_is_an_output(tmp_path: Path, outputs: MakeOutputs) -> None:
    os.symlink("nowhere", tmp_path / "a")
    assert outputs("a").faults()[0] == []


# -- atomic --------------------------------------------------------------------------------------------------------


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path: Path, outputs: MakeOutputs) -> None:
    write(tmp_path, "x/a.csv", "old")
    write(tmp_path, "d/f", "old")
    one = outputs("x/a.csv", "d/", "new", atomic=True)
    one.prepare()
    staged = one.staged()
    assert staged == {"x/a.csv": "x/.flowmake-staged.a.csv", "d/": ".flowmake-staged.d/", "new": ".flowmake-staged.new"}
    assert one.faults()[0] == ["x/a.csv", "new"]
    for path in ("x/a.csv", "new"):
        write(tmp_path, staged[path], "new")
    write(tmp_path, staged["d/"] + "g", "new")
    assert (tree(tmp_path)["x/a.csv"], tree(tmp_path)["d/f"]) == ("old", "old")
    assert one.faults()[0] == []
    one.publish()
    assert tree(tmp_path) == {"d/g": "new", "new": "new", "x/a.csv": "new"}


def test_what_a_killed_attempt_staged_is_cleared_away(tmp_path: Path, outputs: MakeOutputs) -> None:
    write(tmp_path, ".flowmake-staged.a", "half")
    write(tmp_path, ".flowmake-staged.d/half", "half")
    write(tmp_path, ".flowmake-staged.old.d/f", "old")
    one = outputs("a", "d/", atomic=True)
    one.prepare()
    assert one.faults()[0] == ["a"]
    write(tmp_path, ".flowmake-staged.a", "new")
    one.publish()
    assert tree(tmp_path) == {"a": "new", "d/": ""}


@pytest.mark.parametrize(
    "names", [["n" * 251 + ".csv"], ["本" * 80 + ".csv"], ["a" + "n" * 250, "b" + "n" * 250], ["d" * 255 + "/"]]
)
def test_long_names_can_be_staged(tmp_path: Path, outputs: MakeOutputs, names: list[str]) -> None:
    """As long as names may be, in bytes; with their suffix, which some programs go by; and apart from each other."""
    one = outputs(*names, atomic=True)
    one.prepare()
    for name, staged in one.staged().items():
        assert staged[-4:] == name[-4:]
        write(tmp_path, staged + ("x" if staged.endswith("/") else ""), name)
    one.publish()
    assert tree(tmp_path) == {name + ("x" if name.endswith("/") else ""): name for name in names}
    one.prepare()
    assert one.faults()[0] == [name for name in names if not name.endswith("/")]


# -- discarding ----------------------------------------------------------------------------------------------------


def test_only_what_the_attempt_changed_is_deleted(tmp_path: Path, outputs: MakeOutputs) -> None:
    for path in ("same", "changed", "d/same", "d/changed", "undeclared", "p/same.csv", "p/undeclared.txt"):
        write(tmp_path, path, "old")
    one = outputs("same", "changed", "new", "d/", Output("p/*.csv", "glob"))
    one.prepare()
    for path in ("changed", "new", "d/changed", "d/sub/new", "undeclared", "p/new.csv", "p/undeclared.txt"):
        write(tmp_path, path, "a new text")
    one.discard()
    assert tree(tmp_path) == {
        "d/same": "old",
        "d/sub/": "",
        "p/same.csv": "old",
        "p/undeclared.txt": "a new text",
        "same": "old",
        "undeclared": "a new text",
    }


def test_staged_files_are_deleted_and_the_old_ones_stay(tmp_path: Path, outputs: MakeOutputs) -> None:
    write(tmp_path, "a", "old")
    one = outputs("a", "d/", atomic=True)
    one.prepare()
    write(tmp_path, ".flowmake-staged.a", "half")
    write(tmp_path, ".flowmake-staged.d/x", "half")
    one.discard()
    assert tree(tmp_path) == {"a": "old"}


def test_a_folder_declared_like_a_file_may_hold_what_others_put_there(tmp_path: Path, outputs: MakeOutputs) -> None:
    write(tmp_path, "data/mine", "mine")
    one = outputs("data", "new")
    one.prepare()
    write(tmp_path, "data/half", "half")
    write(tmp_path, "new/half", "half")
    one.discard()
    assert tree(tmp_path) == {"data/half": "half", "data/mine": "mine"}


def test_a_new_link_is_deleted_and_not_what_it_points_to(tmp_path: Path, outputs: MakeOutputs) -> None:
    write(tmp_path, "mine/f", "mine")
    one = outputs("out", "d/")
    one.prepare()
    os.symlink("mine", tmp_path / "out")
    os.symlink("../mine", tmp_path / "d/link")
    one.discard()
    assert tree(tmp_path) == {"d/": "", "mine/f": "mine"}


# -- removing ------------------------------------------------------------------------------------------------------


def test_removing_files_folders_links_and_nothing(tmp_path: Path) -> None:
    for path in ("file", "folder/sub/f", "kept/f"):
        write(tmp_path, path)
    os.symlink("kept", tmp_path / "link")
    assert [remove(f"{tmp_path}/{name}") for name in ("folder/", "link/")] == [True, True]
    assert [remove(f"{tmp_path}/{name}") for name in ("none", "file/below")] == [False, False]
    assert tree(tmp_path) == {"file": "", "kept/f": ""}


def test_emptying_what_is_not_there(tmp_path: Path) -> None:
    empty_folder(str(tmp_path / "none/"))
    assert tree(tmp_path) == {}


# -- attempts made elsewhere -----------------------------------------------------------------------------------------


def test_each_attempt_writes_under_a_name_of_its_own(tmp_path: Path, outputs: MakeOutputs) -> None:
    one, two = outputs("x/a.csv", "d/", fence="r-1"), outputs("x/a.csv", "d/", fence="r-2")
    assert one.staged() == {"x/a.csv": "x/.flowmake-fenced.r-1.a.csv", "d/": ".flowmake-fenced.r-1.d/"}
    assert not set(one.staged().values()) & set(two.staged().values())
    one.prepare()
    two.prepare()
    write(tmp_path, one.staged()["x/a.csv"], "old")
    write(tmp_path, two.staged()["x/a.csv"], "new")
    write(tmp_path, two.staged()["d/"] + "f", "new")
    two.publish()
    write(tmp_path, one.staged()["x/a.csv"], "older still")
    assert (tmp_path / "x/a.csv").read_text() == "new"
    assert (tmp_path / "d/f").read_text() == "new"


def test_a_resumed_attempt_keeps_what_it_has_written(tmp_path: Path, outputs: MakeOutputs) -> None:
    again = outputs("a", "d/", fence="r-1")
    write(tmp_path, again.staged()["a"], "half")
    write(tmp_path, again.staged()["d/"] + "f", "half")
    before = tree(tmp_path)
    again.prepare(resumed=True)
    assert tree(tmp_path) == before


def test_sweeping_removes_what_lost_attempts_wrote_and_nothing_else(tmp_path: Path, outputs: MakeOutputs) -> None:
    for path in ("x/.flowmake-fenced.r-1.a.csv", "x/.flowmake-fenced.q-7.a.csv", ".flowmake-fenced.r-1.d/f"):
        write(tmp_path, path, "late")
    kept = ("x/.flowmake-fenced.r-1.b.a.csv", "x/.flowmake-staged.a.csv", "x/a.csv", "d/f", ".flowmake-fenced.r-1.e")
    for path in kept:
        write(tmp_path, path, "kept")
    outputs("x/a.csv", "d/", "no/thing", fence="r-2").sweep()
    assert set(tree(tmp_path)) == set(kept)


def test_a_failed_attempt_leaves_nothing_behind(tmp_path: Path, outputs: MakeOutputs) -> None:
    write(tmp_path, "a", "good")
    mine = outputs("a", "d/", fence="r-1")
    mine.prepare()
    write(tmp_path, mine.staged()["a"], "half")
    mine.discard()
    assert tree(tmp_path) == {"a": "good"}


def test_a_fenced_name_is_never_too_long(tmp_path: Path, outputs: MakeOutputs) -> None:
    long = outputs("n" * 255, fence="20261123-081431-ab12-1234567")
    (staged,) = long.staged().values()
    assert len(staged) <= 255
    write(tmp_path, staged, "x")
    long.publish()
    assert tree(tmp_path) == {"n" * 255: "x"}
