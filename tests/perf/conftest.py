"""Projects of any size to count on, and what a command loads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.conftest import COMMAND, Project

collect_ignore = [] if sys.platform == "linux" else ["test_calls.py"]
"""Only Linux has strace."""

PYTHON = COMMAND.with_name("python")
NOTHING = "import json, sys; before = set(sys.modules); "
MAIN = "from flowmake.__main__ import main; code = main(); "
TELL = "print(json.dumps(sorted(set(sys.modules) - before)), file=sys.__stdout__); sys.exit(code)"

SNAPSHOT = {
    "__future__",
    "binascii",
    "flowmake",
    "flowmake.__main__",
    "flowmake.fastpath",
    "flowmake.world",
    "flowmake.world.boot",
    "flowmake.world.glance",
    "flowmake.world.snapshot",
}
"""All that may be loaded for an answer from a snapshot."""


def chain(project: Project, count: int) -> Project:
    """Tasks that each read a file of their own and what the one before made, in two folders."""
    lines = ["[flow]", 'shell = ["sh", "-c"]']
    for number in range(count):
        project.write(f"src/{number}", str(number))
        above = [f"out/{number - 1}"] if number else []
        lines += [f"[tasks.t{number}]", f"inputs = {json.dumps([f'src/{number}', *above])}"]
        lines += [f'outputs = ["out/{number}"]', f'run = "cat src/{number} > out/{number}"']
    project.flowfile("\n".join(lines) + "\n")
    return project


def settle(project: Project) -> None:
    """Until a run leaves everything so that a snapshot answers the next one, which need not read any file."""
    for _ in range(20):
        shutil.rmtree(project.root / ".flowmake" / "snapshots", ignore_errors=True)
        assert project.run("run", "-q").code == 0
        if loaded(project, "run", "-q") == SNAPSHOT:
            return
    raise AssertionError("no snapshot answers")


def loaded(project: Project, *args: str) -> set[str]:
    """The modules that a command loads, without those of every Python."""
    return set(json.loads(python(project, NOTHING + MAIN + TELL, *args)[-1]))


def python(project: Project, code: str, *args: str) -> list[str]:
    done = subprocess.run(
        [PYTHON, "-c", code, *args], cwd=project.root, env=project.environ(), capture_output=True, check=True, text=True
    )
    return done.stdout.splitlines()


@pytest.fixture
def sizes(project: Project) -> list[Project]:
    """Two projects, the second with 200 tasks, and 400 files, more."""
    made = []
    for count in (100, 300):
        folder = project.root / str(count)
        folder.mkdir()
        made.append(chain(Project(folder, project.home), count))
        settle(made[-1])
    return made
