"""Completion in the shells themselves: what they offer after a half-typed line. bash is tested with the commands."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.windows import Window

FLOW = """\
[tasks.pack]
tags = ["ship"]
foreach = { os = ["linux", "mac"], arch = ["arm", "x86"] }
outputs = ["dist/{{ os }}-{{ arch }}.tar"]
run = "touch {{ outputs }}"

[tasks.index]
description = "All of them, listed"
inputs = ["dist/*.tar"]
outputs = ["dist/index.html"]
run = "echo {{ inputs }} > {{ outputs }}"
"""
LINES = [
    ("flowmake sta", "flowmake status"),
    ("flowmake run ind", "flowmake run index"),
    ("flowmake run pack@linux,a", "flowmake run pack@linux,arm"),
    ("flowmake run dist/mac-x", "flowmake run dist/mac-x86.tar"),
    ("flowmake run tag:s", "flowmake run tag:ship"),
    ("flowmake graph --between pack ind", "flowmake graph --between pack index"),
    ("flowmake log --run 2", "flowmake log --run RUN"),
    ("flowmake diff 2", "flowmake diff RUN"),
]


@pytest.fixture
def shipped(project: Any) -> Any:
    project.flowfile(FLOW)
    assert project.run("run", "-q").code == 0
    return project


def needed(shell: str) -> str:
    """The shell, which must be there."""
    if (path := shutil.which(shell)) is None:
        pytest.fail(f"{shell} is missing: install it with the system's package manager (`apt-get install {shell}`)")
    return path


@pytest.mark.parametrize(("typed", "completed"), LINES)
def test_fish(shipped: Any, typed: str, completed: str) -> None:
    script = f"flowmake completion fish | source; complete -C {typed!r}"
    done = subprocess.run(
        [needed("fish"), "--no-config", "-c", script],
        cwd=shipped.root,
        env=shipped.environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    offered = [shipped.scrub(line.partition("\t")[0]) for line in done.stdout.splitlines()]
    assert offered == [completed.rpartition(" ")[2]]


@pytest.fixture
def zsh(shipped: Any, tmp_path: Path) -> Iterator[Window]:
    window = Window(tmp_path, shipped, needed("zsh"), "-f")
    setting_up = 'autoload -U compinit; compinit -u -D; eval "$(flowmake completion zsh)"; PS1="ready> "; clear\n'
    window.type(setting_up)
    window.until(lambda lines: lines == ["ready>"])
    yield window
    window.close()


def test_zsh(shipped: Any, zsh: Window) -> None:
    for typed, completed in LINES:
        zsh.type(f"{typed}\t")
        wanted = f"ready> {completed}"
        zsh.until(lambda lines, wanted=wanted: shipped.scrub(lines[0]) == wanted)  # type: ignore[misc]
        zsh.type("\x15")  # Ctrl-U empties the line
        zsh.until(lambda lines: lines[0] == "ready>")
