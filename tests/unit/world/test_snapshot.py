"""Snapshots as files: what is kept is given back only while it holds, and nothing odd is ever believed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from binascii import crc32
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from flowmake.world import database, snapshot
from flowmake.world.contents import hash_bytes
from flowmake.world.statcache import figures
from tests.answers import answer_of

KEY = b"key"
NOW = 1000.0


class Kept:
    """A root with some files, and a snapshot of them in its state folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = snapshot.path_for(str(root / "state"), KEY)
        (root / "state").mkdir()
        database.open_for_writing(str(root / "state" / "state.db")).close()

    def write(
        self,
        *paths: str,
        absent: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
        deadline: float = NOW + 1,
    ) -> None:
        states = {os.fsencode(path): figures(os.stat(self.root / path)) for path in paths}
        gone = [os.fsencode(path) for path in absent]
        environ = {name: snapshot.digest(value) for name, value in (variables or {}).items()}
        snapshot.write(self.path, KEY, "fresh\n", str(self.root), states, gone, environ, deadline)

    def answer(self, key: bytes = KEY, environ: Mapping[str, str] | None = None, now: float = NOW) -> str | None:
        return answer_of(self.path, key, environ or {}, now)

    @property
    def file(self) -> Path:
        return Path(self.path)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.fixture
def few(kept: Kept) -> Kept:
    """Two files, one of them in a folder."""
    (kept.root / "folder").mkdir()
    for path in ("one", "folder/two"):
        (kept.root / path).write_text(path)
    kept.write("one", "folder/two", "folder", absent=("none", "folder/none"), variables={"SET": "1"})
    assert kept.answer(environ={"SET": "1"}) == "fresh\n"
    return kept


# -- what it holds ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "suffix"), [(0o644, ""), (0o755, "+x")])
def test_a_racy_file_is_told_by_its_content(kept: Kept, mode: int, suffix: str) -> None:
    """Nothing but the content tells a file from what is said to have been there."""
    (kept.root / "one").write_text("one")
    (kept.root / "one").chmod(mode)
    state = {b"one": figures(os.stat(kept.root / "one"))}
    for content, answer in ((b"one", "fresh\n"), (b"two", None)):
        told = {b"one": hash_bytes(content) + suffix}
        snapshot.write(kept.path, KEY, "fresh\n", str(kept.root), state, [], {}, NOW + 1, racy=told)
        assert kept.answer() == answer
    (kept.root / "one").unlink()
    found = snapshot.find(kept.path, KEY, {}, NOW)
    assert found is not None
    assert found.changed == [b"one"]


def test_it_answers_from_anywhere_and_stays_there(few: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert few.answer(environ={"SET": "1", "OTHER": "1"}) == "fresh\n"
    assert os.getcwd() == "/"


@pytest.mark.parametrize("environ", [{}, {"SET": ""}, {"SET": "2"}])
def test_another_value_of_a_variable_ends_it(few: Kept, environ: Mapping[str, str]) -> None:
    assert few.answer(environ=environ) is None


def test_a_variable_that_was_not_set_is_not_the_same_as_an_empty_one(kept: Kept) -> None:
    snapshot.write(kept.path, KEY, "fresh\n", str(kept.root), {}, [], {"SET": snapshot.digest(None)}, NOW + 1)
    assert kept.answer() == "fresh\n"
    assert kept.answer(environ={"SET": ""}) is None


def test_values_of_variables_are_not_told(kept: Kept) -> None:
    kept.write(variables={"TOKEN": "very secret"})
    assert b"TOKEN" in kept.file.read_bytes()
    assert b"secret" not in kept.file.read_bytes()


@pytest.mark.parametrize(
    ("now", "answer"), [(NOW, "fresh\n"), (NOW + 0.999, "fresh\n"), (NOW + 1, None), (NOW + 9, None)]
)
def test_a_deadline_ends_it(kept: Kept, now: float, answer: str | None) -> None:
    kept.write()
    assert kept.answer(now=now) == answer


def test_something_where_nothing_was_ends_it(few: Kept) -> None:
    (few.root / "none").symlink_to("nowhere")
    assert few.answer(environ={"SET": "1"}) is None


@pytest.mark.parametrize("gone", ["one", "folder/two"])
def test_a_file_that_is_gone_ends_it(few: Kept, gone: str) -> None:
    (few.root / gone).unlink()
    assert few.answer(environ={"SET": "1"}) is None


def test_removed_records_end_it(few: Kept) -> None:
    (few.root / "state" / "state.db").unlink()
    assert few.answer(environ={"SET": "1"}) is None


def test_another_start_of_the_machine_ends_it(few: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "boot_id", lambda: "other")
    assert few.answer(environ={"SET": "1"}) is None


def test_a_root_that_has_gone_ends_it(kept: Kept) -> None:
    (kept.root / "below").mkdir()
    snapshot.write(kept.path, KEY, "fresh\n", str(kept.root / "below"), {}, [], {}, NOW + 1)
    assert kept.answer() == "fresh\n"
    (kept.root / "below").rmdir()
    assert kept.answer() is None


def test_names_of_any_kind(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "file"
    outside.touch()
    names = [
        "a\nb",
        " ",
        "\udcff",
        "deep/er/x",
        *(f"many/{number}" for number in range(9)),
        str(outside),
        "many",
        "deep/er/",
    ]
    for name in names[:13]:
        (kept.root / name).parent.mkdir(parents=True, exist_ok=True)
        (kept.root / name).touch()
    kept.write(*names)
    assert kept.answer() == "fresh\n"
    for name in names[:13]:
        (kept.root / name).write_text("x")
        assert kept.answer() is None
        kept.write(*names)
        assert kept.answer() == "fresh\n"
    outside.write_text("x")
    assert kept.answer() is None


# -- what is odd about it --------------------------------------------------------------------------------------


def test_without_one_there_is_no_answer(kept: Kept) -> None:
    assert kept.answer() is None
    kept.file.mkdir(parents=True)
    assert kept.answer() is None


def test_one_cut_off_anywhere_is_not_believed(few: Kept) -> None:
    data = few.file.read_bytes()
    for length in range(len(data)):
        few.file.write_bytes(data[:length])
        assert few.answer(environ={"SET": "1"}) is None
    few.file.write_bytes(data + b"\0")
    assert few.answer(environ={"SET": "1"}) is None
    few.file.write_bytes(data)
    assert few.answer(environ={"SET": "1"}) == "fresh\n"


def test_one_with_any_bit_turned_is_not_believed(few: Kept) -> None:
    data = few.file.read_bytes()
    for place in range(len(data)):
        few.file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert few.answer(environ={"SET": "1"}) is None


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, b"flowmake snapshot 1\nabc", snapshot.MAGIC, b"SQLite format 3\0"])
def test_what_is_none_is_not_believed(few: Kept, data: bytes) -> None:
    few.file.write_bytes(data)
    assert few.answer(environ={"SET": "1"}) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"i", b"i\0\0\0\0", b")\1" * 5000, b"c" + bytes(20) + b"i\1\0\0\0" + b"N" * 20],
    ids=["nothing", "half a number", "a number", "a deep one", "code that is none"],
)
def test_nonsense_with_a_right_checksum_is_not_believed(few: Kept, body: bytes) -> None:
    few.file.write_bytes(snapshot.MAGIC + crc32(body).to_bytes(4, "big") + body)
    assert few.answer(environ={"SET": "1"}) is None


def test_the_answer_to_another_question_is_none(few: Kept) -> None:
    assert few.answer(key=b"yek", environ={"SET": "1"}) is None


# -- many files ------------------------------------------------------------------------------------------------


@pytest.fixture
def many(kept: Kept) -> Iterator[Kept]:
    """More files than one process compares, in folders of very different size."""
    for number in range(2 * snapshot.ALONE + 500):
        path = kept.root / _place(number)
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
        path.touch()
    kept.write(*map(_place, range(2 * snapshot.ALONE + 500)))
    assert kept.answer() == "fresh\n"
    before = _children()  # those that other tests keep, such as a browser
    yield kept
    assert _children() <= before


def _children() -> set[int]:
    """Every child of this process, those that ended and were not waited for included."""
    return {child.pid for child in psutil.Process().children()}


def _place(number: int) -> str:
    return (
        f"few/{number}/file" if number < 300 else f"some/{number % 100}/{number}" if number < 3000 else f"all/{number}"
    )


@pytest.mark.parametrize("number", [0, 299, 300, 2999, 3000, 3999, 4000, 4001, 5000, 6000, 6499])
def test_one_changed_among_many_ends_it(many: Kept, number: int) -> None:
    (many.root / _place(number)).write_text("x")
    assert many.answer() is None


def test_one_gone_among_many_ends_it(many: Kept) -> None:
    (many.root / _place(5555)).unlink()
    assert many.answer() is None


def test_where_children_cannot_be_waited_for_there_is_no_answer(many: Kept) -> None:
    """Whoever ignores the end of children when starting flowmake makes the kernel collect them."""
    tests = str(Path(__file__).parents[3])  # last, so that what is tested is the installed flowmake
    code = (
        f"import sys; sys.path.append({tests!r}); from tests.answers import answer_of; "
        f"print(answer_of({many.path!r}, {KEY!r}, {{}}, {NOW}))"
    )
    for ignored, answers in ((signal.SIG_DFL, {"fresh\n"}), (signal.SIG_IGN, {"fresh\n", "None"})):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=many.root,
            capture_output=True,
            check=True,
            text=True,
            preexec_fn=lambda how=ignored: signal.signal(signal.SIGCHLD, how),
        )
        assert done.stdout.removesuffix("\n") in answers


def test_where_no_process_can_be_started_there_is_no_answer(many: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(snapshot, "_cores", lambda: 2)
    monkeypatch.setattr(os, "fork", refuse)
    assert many.answer() is None


@pytest.mark.parametrize("cores", [1, 2, 3, 64])
def test_any_number_of_cores_will_do(many: Kept, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_cores", lambda: cores)
    assert many.answer() == "fresh\n"
    (many.root / _place(6499)).chmod(0o755)
    assert many.answer() is None


# -- keys, and getting rid of them -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"argv": ["run", "b"]},
        {"argv": ["run"]},
        {"argv": ["run a"]},
        {"folder": "/other"},
        {"environ": {"FLOWMAKE_PARAM_YEAR": "1"}},
        {"version": "2"},
    ],
)
def test_different_questions_have_different_keys(other: Mapping[str, object]) -> None:
    asked = {"argv": ["run", "a"], "folder": "/", "environ": {}, "version": "1"}
    assert snapshot.key_of(**asked) != snapshot.key_of(**{**asked, **other})  # type: ignore[arg-type]


def test_what_a_calling_task_hands_on_makes_no_difference() -> None:
    assert snapshot.key_of(["run"], "/", {"FLOWMAKE_RUN_ID": "1", "PATH": "/"}, "1") == snapshot.key_of(
        ["run"], "/", {}, "1"
    )


def test_clearing_leaves_none_and_needs_none(few: Kept) -> None:
    few.file.with_name("draft.123").touch()
    for _ in range(2):
        snapshot.clear(str(few.root / "state"))
        assert few.answer(environ={"SET": "1"}) is None
        assert list(few.file.parent.iterdir()) == []
    snapshot.clear(str(few.root / "nowhere"))


def test_their_number_is_bounded(kept: Kept) -> None:
    for number in range(3 * snapshot.MOST):
        key = str(number).encode()
        path = snapshot.path_for(str(kept.root / "state"), key)
        snapshot.write(path, key, "fresh\n", str(kept.root), {}, [], {}, NOW + 1)
        assert answer_of(path, key, {}, NOW) == "fresh\n"
        assert len(list(kept.file.parent.iterdir())) <= snapshot.MOST


# -- what differs ----------------------------------------------------------------------------------------------


def changed(kept: Kept) -> set[bytes] | None:
    found = snapshot.find(kept.path, KEY, {}, NOW)
    return None if found is None else set(found.changed)


def test_every_path_that_differs_is_told_by_all_processes(many: Kept) -> None:
    numbers = (0, 17, 2999, 3001, 5555, 6499)
    for number in numbers[:3]:
        (many.root / _place(number)).write_text("changed")
    for number in numbers[3:]:
        (many.root / _place(number)).unlink()
    assert changed(many) == {_place(number).encode() for number in numbers}


def test_of_too_many_nobody_is_told(many: Kept) -> None:
    for number in range(snapshot.MOST_CHANGED + 1):
        (many.root / _place(number)).write_text("changed")
    assert changed(many) is None


def test_a_replaced_or_removed_snapshot_is_no_longer_kept(few: Kept) -> None:
    found = snapshot.find(few.path, KEY, {"SET": "1"}, NOW)
    assert found is not None
    assert found.is_kept()
    os.rename(few.path, few.path + ".old")
    assert not found.is_kept()
    shutil.copy(few.path + ".old", few.path)
    assert not found.is_kept()
