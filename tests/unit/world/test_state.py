"""Where state lies and what its files are called."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.errors import StateError
from flowmake.world.state import StateDir, locate, log_name


def test_state_lies_beside_the_flowfile() -> None:
    state = locate("/home/me/flow", {})
    assert state.path == "/home/me/flow/.flowmake"
    assert state.database == "/home/me/flow/.flowmake/state.db"
    assert state.lock == "/home/me/flow/.flowmake/lock"
    assert state.events("r1") == "/home/me/flow/.flowmake/runs/r1/events.jsonl"
    assert state.log("r1", "t") == "/home/me/flow/.flowmake/runs/r1/logs/t.log"


def test_each_root_has_its_own_place_in_a_moved_state(tmp_path: Path) -> None:
    environ = {"FLOWMAKE_STATE_DIR": str(tmp_path / "state")}
    places = {locate(f"{tmp_path}/{root}", environ).path for root in ("one/flow", "two/flow", "two/flow")}
    assert len(places) == 2
    assert all(place.startswith(f"{tmp_path}/state/flow-") for place in places)


def test_a_moved_state_is_found_through_any_link_to_the_root(tmp_path: Path) -> None:
    (tmp_path / "flow").mkdir()
    (tmp_path / "link").symlink_to("flow")
    environ = {"FLOWMAKE_STATE_DIR": str(tmp_path / "state")}
    assert locate(str(tmp_path / "link"), environ).path == locate(str(tmp_path / "flow"), environ).path


def test_a_relative_place_is_relative_to_the_root(tmp_path: Path) -> None:
    assert locate("/somewhere/flow", {"FLOWMAKE_STATE_DIR": "../st"}).path.startswith("/somewhere/st/flow-")


def test_creation_keeps_the_folder_out_of_git_and_backups(tmp_path: Path) -> None:
    state = StateDir(str(tmp_path / "deep" / "state"))
    state.create()
    assert Path(state.path, ".gitignore").read_text() == "*\n"
    assert Path(state.path, "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    Path(state.path, ".gitignore").write_text("mine\n")
    state.create()
    assert Path(state.path, ".gitignore").read_text() == "mine\n"


@pytest.mark.parametrize("kept", [0, 1, 20])
def test_what_a_crash_left_of_these_files_is_completed(tmp_path: Path, kept: int) -> None:
    state = StateDir(str(tmp_path / "state"))
    state.create()
    whole = {name: Path(state.path, name).read_bytes() for name in (".gitignore", "CACHEDIR.TAG")}
    for name, content in whole.items():
        Path(state.path, name).write_bytes(content[:kept])
    state.create()
    assert {name: Path(state.path, name).read_bytes() for name in whole} == whole


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".flowmake").write_text("")
    with pytest.raises(StateError) as caught:
        locate(str(tmp_path), {}).create()
    assert caught.value.message == f"cannot write to the state folder `{tmp_path}/.flowmake`: File exists"
    assert caught.value.hint == "set FLOWMAKE_STATE_DIR to a folder that can be written to"
    with pytest.raises(StateError) as caught:
        locate(str(tmp_path), {}).create_run("r1")
    assert caught.value.message == f"cannot make `{tmp_path}/.flowmake/runs/r1`: Not a directory"


def test_folders_of_runs_come_and_go(tmp_path: Path) -> None:
    state = StateDir(str(tmp_path))
    for run in ("r1", "r2"):
        state.create_run(run)
        Path(state.events(run)).touch()
        Path(state.log(run, "t")).touch()
    state.remove_runs(["r1", "never there"])
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["r2"]


def test_the_size_of_a_run_is_that_of_its_logs_and_events(tmp_path: Path) -> None:
    state = StateDir(str(tmp_path))
    state.create_run("r1")
    assert (state.size_of("r1"), state.size_of("none")) == (0, 0)
    Path(state.events("r1")).write_bytes(bytes(10_000))
    Path(state.log("r1", "t")).write_bytes(bytes(100_000))
    assert 110_000 <= state.size_of("r1") < 150_000


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("clean-data", "clean-data.log"),
        ("map@lyon,2026", "map@lyon,2026.log"),
        ("map@a/b,x y", "map@a%2fb,x%20y.log"),
        ("map@é\udce9", "map@%c3%a9%e9.log"),
        ("100%", "100%25.log"),
    ],
)
def test_logs_are_named_after_their_tasks(task: str, name: str) -> None:
    assert log_name(task, folds_case=False) == name


@given(st.sets(st.text(min_size=1, max_size=400, alphabet=st.characters(exclude_categories=["Cs"])), max_size=30))
def test_every_name_of_a_log_is_its_own_and_fits(tasks: set[str]) -> None:
    for folds_case in (False, True):
        names = {log_name(task, folds_case) for task in tasks}
        assert len({name.lower() if folds_case else name for name in names}) == len(tasks)
        assert all(len(name.encode()) <= 210 and "/" not in name and "\0" not in name for name in names)


def test_long_names_that_begin_alike_differ() -> None:
    one, two = log_name("x" * 300 + "1"), log_name("x" * 300 + "2")
    assert one != two
    assert one.startswith("x" * 180)


def test_flowfiles_side_by_side_share_the_lock_and_nothing_else() -> None:
    one, other = locate("/flow", {}), locate("/flow", {}, "nightly.toml")
    assert one.lock == other.lock == "/flow/.flowmake/lock"
    assert one.database == "/flow/.flowmake/state.db"
    assert other.database == "/flow/.flowmake/flows/nightly.toml/state.db"
    assert other.runs == "/flow/.flowmake/flows/nightly.toml/runs"
