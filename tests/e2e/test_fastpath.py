"""Where nothing has changed, a flat snapshot answers; whatever has changed, the answer is that of the normal path."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import COMMAND, Project, Result
from tests.edits import EDITS, EVERYTHING, FILES, UNLOADABLE
from tests.ran import ran

NONE = 99


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Everything a snapshot has to watch, built once."""
    root = tmp_path_factory.mktemp("fastpath")
    project = Project(root / "project", root)
    for name, text in FILES.items():
        project.write(name, text)
    (project.root / "link").symlink_to("target")
    (project.root / "aside").symlink_to("src")
    project.flowfile(EVERYTHING)
    assert project.run("run").code == 0
    return project


@pytest.fixture
def built(template: Project, tmp_path: Path) -> Project:
    """A copy of its own, with a snapshot."""
    project = Project(tmp_path / "project", tmp_path)
    shutil.copytree(template.root, project.root, symlinks=True)
    settle(project)
    return project


def answered(project: Project, *args: str, env: Mapping[str, str] | None = None, cwd: str = ".") -> Result | None:
    """The answer of the snapshot, by the entry of the real command, in a process of its own; None if there is none."""
    load = "import sys; from flowmake.fastpath import run; code = run(sys.argv[1:])"
    code = f"{load}; sys.exit(code if isinstance(code, int) else {NONE})"
    done = subprocess.run(
        [COMMAND.with_name("python"), "-c", code, "run", *args],
        cwd=project.root / cwd,
        env=project.environ(env),
        capture_output=True,
        check=False,
        text=True,
    )
    return None if done.returncode == NONE else Result(done.returncode, done.stdout, done.stderr)


def settle(project: Project, *args: str, env: Mapping[str, str] | None = None, cwd: str = ".") -> Result:
    """Run until a snapshot answers, which takes another run where files have changed too lately; what it answers."""
    for _ in range(20):
        done = project.run("run", *args, env=env, cwd=cwd)
        assert done.code == 0, done.stderr
        if (answer := answered(project, *args, env=env, cwd=cwd)) is not None:
            return answer
    raise AssertionError(f"no snapshot has been written; the last run said: {done.stderr}")


def snapshots(project: Project) -> list[Path]:
    folder = project.root / ".flowmake" / "snapshots"
    return sorted(folder.iterdir()) if folder.exists() else []


# -- it answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "cwd"),
    [
        ((), "."),
        ((), "tree/deep"),
        (("-C", "../src"), "tree"),
        (("-f", "Flowfile"), "."),
        (("--file", "../Flowfile"), "src"),
        (("-f", "..", "copy"), "src"),
        (("-q",), "."),
        (("copy", "out/join", "-k", "-j", "3"), "."),
        (("each@one",), "."),
        (("--set", "word=hello"), "."),
    ],
)
def test_it_says_what_a_run_says(built: Project, args: tuple[str, ...], cwd: str) -> None:
    by_snapshot = settle(built, *args, cwd=cwd)
    for path in snapshots(built):
        path.unlink()
    by_judging = built.run("run", *args, cwd=cwd)
    assert by_snapshot == by_judging
    assert answered(built, *args, cwd=cwd) == built.run("run", *args, cwd=cwd) == by_judging


def test_it_says_the_same_on_a_terminal(built: Project) -> None:
    assert built.run_on_terminal("run") == Result(0, "nothing to do: all 7 tasks are fresh\n", "")
    for path in snapshots(built):
        path.unlink()
    assert built.run_on_terminal("run").stdout.endswith("nothing to do: all 7 tasks are fresh\n")


def test_a_touched_file_is_looked_into_once(built: Project) -> None:
    (built.root / "in").touch()
    assert answered(built) is None
    assert settle(built).stderr == "nothing to do: all 7 tasks are fresh\n"


def test_a_run_that_ran_something_leaves_a_snapshot(built: Project) -> None:
    built.write("main.c", "int main")
    assert ran(built) == ["traced"]
    built.write("main.c", "int main()")
    assert built.run("run").code == 0
    assert answered(built) is not None


@pytest.mark.parametrize("args", [("-v",), ("--events", "-"), ("-n",), ("-B", "copy"), ("--only", "copy")])
def test_some_questions_are_always_looked_into(built: Project, args: tuple[str, ...]) -> None:
    before = snapshots(built)
    for _ in range(2):
        assert built.run("run", *args).code == 0
    assert answered(built, *args) is None
    assert set(snapshots(built)) <= set(before)


@pytest.mark.parametrize(
    "task",
    [
        'always = true\ninputs = ["in"]',
        "",
        'inputs = ["in"]\noutputs = ["gone"]\nallow_failure = true\nrun = "false"',
        'inputs = ["in"]\noutputs = ["x"]\nrun = "echo > x; echo >> in"',
    ],
    ids=["always", "neither inputs nor outputs", "may fail", "spoils its input"],
)
def test_what_always_runs_is_never_answered(project: Project, task: str) -> None:
    project.write("in", "in")
    project.flowfile("[tasks.it]\n" + task + ("" if "run" in task else '\nrun = "true"'))
    for _ in range(3):
        assert "nothing to do" not in project.run("run").stderr
        assert answered(project) is None


# -- it leaves the answer to the normal path -------------------------------------------------------------------


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_seen(built: Project, name: str) -> None:
    edit, stale = EDITS[name]
    edit(built.root)
    assert answered(built) is None
    assert ran(built, code=2 if name in UNLOADABLE else 0) == stale


def test_a_file_too_many_or_too_few_is_seen_behind_a_link_in_a_globbed_folder(project: Project) -> None:
    """Nothing tells of it in the folder itself."""
    project.write("elsewhere/one", "1")
    project.write("src/two", "2")
    (project.root / "src" / "one").symlink_to("../elsewhere/one")
    project.flowfile('[tasks.count]\nforeach.n.glob = "src/{n}"\noutputs = ["{{ n }}"]\nrun = "echo > {{ outputs }}"')
    settle(project)
    project.write("elsewhere/new/file", "")
    (project.root / "elsewhere" / "one").unlink()
    (project.root / "elsewhere" / "new").rename(project.root / "elsewhere" / "one")
    assert answered(project) is None
    assert "orphans: `one`" in project.run("run").stderr


@pytest.mark.parametrize(
    ("before", "after", "stale"),
    [
        ({"MODE": "slow"}, {"MODE": "fast"}, ["traced"]),
        ({"MODE": "slow"}, {}, ["traced"]),
        ({}, {"MODE": ""}, ["traced"]),
        ({}, {"FLOWMAKE_PARAM_WORD": "bye"}, ["copy"]),
        ({"FLOWMAKE_PARAM_WORD": "bye"}, {"FLOWMAKE_PARAM_WORD": "hello"}, ["copy"]),
        ({}, {"FLOWMAKE_STATE_DIR": "elsewhere"}, ["all", "copy", "each@one", "join", "made", "pack", "traced"]),
    ],
)
def test_variables_that_count(
    built: Project, before: Mapping[str, str], after: Mapping[str, str], stale: list[str]
) -> None:
    settle(built, env=before)
    assert answered(built, env=after) is None
    assert ran(built, env=after) == stale


def test_variables_that_do_not_count(built: Project) -> None:
    env = {"OTHER": "1", "FLOWMAKE_RUN_ID": "other", "FLOWMAKE_TASK": "other", "FLOWMAKE_ROOT": "/"}
    assert answered(built, env=env) is not None


@pytest.mark.parametrize(
    ("command", "stale"),
    [
        (["run", "-q", "--set", "word=bye"], ["copy"]),
        (["run", "-q", "--force-task", "copy"], []),
        (["run", "-q", "part"], []),
        (["accept", "copy"], []),
        (["clean", "copy"], ["copy"]),
    ],
)
def test_another_command_in_between(built: Project, command: list[str], stale: list[str]) -> None:
    assert built.run(*command).code == 0
    assert answered(built) is None
    assert ran(built) == stale


def test_commands_that_change_nothing_leave_it_as_it_is(built: Project) -> None:
    for command in ("status", "list", "check", "history"):
        assert built.run(command).code == 0
    assert built.run("run", "-q", "copy").code == 0
    assert answered(built) is not None


@pytest.mark.parametrize("ruin", [Path.unlink, lambda path: path.write_bytes(b"?" * 5000)])
def test_records_begun_anew_by_a_run_that_then_ran_nothing(built: Project, ruin: Callable[[Path], object]) -> None:
    ruin(built.root / ".flowmake" / "state.db")
    assert built.run("run", "unknown").code == 2
    assert answered(built) is None


def test_a_dotenv_file_edited_and_removed(built: Project) -> None:
    for text in ("MODE=fast", "MODE=slow"):
        built.write(".env", text)
        assert answered(built) is None
        settle(built)
        assert built.read("out/main.o").endswith(text.removeprefix("MODE=") + "\n")
    (built.root / ".env").unlink()
    assert answered(built) is None
    assert ran(built) == ["traced"]


def test_an_age_that_is_reached(project: Project) -> None:
    project.flowfile('[tasks.it]\noutputs = ["out"]\nmax_age = "1d"\nrun = "date > out"')
    settle(project)
    project.flowfile('[tasks.it]\noutputs = ["out"]\nmax_age = 0.001\nrun = "date > out"')
    assert answered(project) is None
    assert ran(project) == ["it"]
    assert answered(project) is None


def test_what_a_profile_asks_for_is_always_looked_into(built: Project) -> None:
    built.write("fast.toml", "keep-going = true")
    for _ in range(2):
        assert built.run("run", "--profile", "./fast.toml").code == 0
        assert answered(built, "--profile", "./fast.toml") is None


def test_another_flowfile_nearer_by(built: Project) -> None:
    settle(built, cwd="src")
    built.write("src/Flowfile", '[tasks.near]\noutputs = ["near"]\nrun = "touch near"')
    assert answered(built, cwd="src") is None
    (built.root / "src" / "Flowfile").unlink()
    (built.root / "Flowfile").unlink()
    assert answered(built, cwd="src") is None


# -- whatever is odd, a run goes on as without a snapshot ------------------------------------------------------


def test_in_a_folder_that_is_gone(built: Project) -> None:
    code = f"import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); os.execl({str(COMMAND)!r}, 'f', 'run')"
    python = COMMAND.with_name("python")
    done = subprocess.run([python, "-c", code], cwd=built.root, capture_output=True, check=False, text=True)
    assert done.stderr == "error: the current folder has been removed\nhint: change into another one\n"


def test_a_folder_that_has_been_removed_can_be_left(project: Project) -> None:
    project.flowfile("[tasks.a]\nrun = 'true'")
    (project.root / "gone").mkdir()
    leaving = f"cd gone && rmdir ../gone && {COMMAND} list -C {project.root} && {COMMAND} list -C ."
    done = subprocess.run(
        ["sh", "-c", leaving], cwd=project.root, env=project.environ(), capture_output=True, check=False, text=True
    )
    assert done.stdout == "TASK  TAGS  DESCRIPTION\na     -     -\n"
    assert done.stderr == "error: the current folder has been removed\nhint: change into another one\n"
    assert done.returncode == 2
    assert done.returncode == 2


def test_an_answer_that_cannot_be_told(built: Project) -> None:
    with open("/dev/full", "wb") as full:
        by_snapshot = built.start("run", stdout=subprocess.DEVNULL, stderr=full).wait()
        for path in snapshots(built):
            path.unlink()
        assert built.start("run", stdout=subprocess.DEVNULL, stderr=full).wait() == by_snapshot


def test_a_snapshot_that_cannot_be_written_or_read(built: Project) -> None:
    shutil.rmtree(built.root / ".flowmake" / "snapshots")
    built.write(".flowmake/snapshots", "in the way")
    done = built.run("run")
    assert done.code == 0
    assert done.stderr.splitlines()[-1] == "nothing to do: all 7 tasks are fresh"
    assert ran(built) == []
