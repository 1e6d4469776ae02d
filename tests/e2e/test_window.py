"""Progress in a real terminal emulator whose window changes: nothing of it is left behind, and nothing else is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COMMAND
from tests.terminals import Terminal
from tests.windows import Window

HIDDEN, SHOWN_AGAIN = "\x1b[?25l", "\x1b[?25h"

FLOW = """\
[tasks.bad]
priority = 1
run = "echo said before; exit 3"

[tasks.wait-for-somebody-with-patience]
foreach = { n = [1, 2, 3, 4] }
run = "read line < gate"
"""


@pytest.fixture
def window(project: Any, tmp_path: Path) -> Iterator[Callable[..., Window]]:
    opened: list[Window] = []

    def make(*args: str) -> Window:
        opened.append(Window(tmp_path, project, str(COMMAND), *args))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


FAILED = ["✗ bad exit code 3 after SECONDS", "    said before"]
TASKS = [f"wait-for-somebody-with-patience@{n}  SECONDS" for n in (1, 2, 3, 4)]


BAR = "━━━━━───────────────────  1/5  1 failed  SECONDS"


def is_whole(lines: list[str]) -> bool:
    """Four tasks and one bar, none of them cut off by the window."""
    frame = [line for line in lines if line.startswith(("wait", "wai…")) or "1/5" in line]
    return frame == lines[-5:] and all(line.endswith(("SECONDS", " failed")) for line in frame)


def test_a_window_that_changes_shows_the_frame_once(project: Any, window: Any) -> None:
    project.flowfile(FLOW)
    with project.gate() as gate:
        it = window("run", "-k", "-j5")
        assert it.until(lambda lines: lines[-5:] == [*TASKS, BAR])[:2] == FAILED
        for width, height in ((60, 16), (40, 16), (24, 12), (30, 8)):
            it.resize(width, height)
            it.until(is_whole)
        gate.write(b"go\n" * 4)
        end = it.until(lambda lines: any("4 succeeded" in line for line in lines))
    assert not [line for line in end if line.startswith("wait")], "\n".join(end)
    assert it.lines(scrolled=True)[0] == FAILED[0]


def test_a_window_that_grows(project: Any, window: Any) -> None:
    project.flowfile(FLOW)
    with project.gate() as gate:
        it = window("run", "-k", "-j5")
        for width, height in ((40, 8), (70, 16)):
            it.resize(width, height)
            it.until(is_whole)
        it.until(lambda lines: lines[-5:] == [*TASKS, BAR])
        gate.write(b"go\n" * 4)
        it.until(lambda lines: any("4 succeeded" in line for line in lines))


def test_a_tiny_window(project: Any, window: Any) -> None:
    project.flowfile(FLOW)
    with project.gate() as gate:
        it = window("run", "-k", "-j5")
        it.until(lambda lines: "1/5" in lines[-1])
        it.resize(20, 5)
        tiny = ["wait-…ce@1  SECONDS", "  … and 3 more", "1/5  1 failed"]
        it.until(lambda lines: lines[-3:] == tiny)
        gate.write(b"go\n" * 4)
        it.until(lambda lines: any(line.startswith("failed in") for line in lines))


def test_a_run_that_is_suspended_leaves_the_cursor_to_the_shell(project: Any) -> None:
    project.flowfile(FLOW)
    with project.gate() as gate:
        terminal = Terminal(project, COMMAND, "run", "-k", "-j5")
        terminal.wait_for("1/5")
        terminal.type("\x1a")  # Ctrl-Z
        _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        terminal.wait_for(SHOWN_AGAIN)
        os.kill(terminal.process.pid, signal.SIGCONT)
        gate.write(b"go\n" * 4)
        assert terminal.end() == 1
    assert terminal.shown.count(HIDDEN) == terminal.shown.count(SHOWN_AGAIN) == 2


def test_the_cursor_that_a_killed_run_has_hidden_comes_back_with_the_next(project: Any) -> None:
    project.flowfile('[tasks.t]\noutputs = ["o"]\nrun = "test -e go || kill -9 $PPID; echo > o"\n')
    killed = project.run_on_terminal("run")
    assert (killed.code, HIDDEN in killed.stdout, SHOWN_AGAIN in killed.stdout) == (-signal.SIGKILL, True, False)
    project.write("go")
    done = project.run_on_terminal("run")
    assert (done.code, SHOWN_AGAIN in done.stdout.rpartition(HIDDEN)[2]) == (0, True)
