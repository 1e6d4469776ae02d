"""A window of a real terminal emulator, tmux, that tests type into, resize and look at. Unaware of any one test."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.processes import LIMIT

SETTINGS = "set -g remain-on-exit on\nset -g status off\nset -g default-terminal screen\n"


class Window:
    """A window of tmux in which a command runs in a project; tmux joins and breaks lines when it is resized.

    `folder` is for the socket of a server of its own, whose name must not be long.
    """

    def __init__(self, folder: Path, project: Any, *command: str) -> None:
        if shutil.which("tmux") is None:
            pytest.fail("tmux is missing: install it with the system's package manager (`apt-get install tmux`)")
        self._base = ["tmux", "-S", str(folder / "s"), "-f", str(folder / "conf")]
        (folder / "conf").write_text(SETTINGS)
        environ = [f"{name}={value}" for name, value in project.environ().items() if name != "COLUMNS"]
        whole = ["env", "-i", *environ, "TERM=screen", *command]
        self._do("new-session", "-d", "-x", "70", "-y", "16", "-c", str(project.root), *whole)
        self._do("set", "-g", "window-size", "manual")

    def _do(self, *args: str) -> str:
        return subprocess.run([*self._base, *args], capture_output=True, text=True, check=True, timeout=LIMIT).stdout

    def resize(self, width: int, height: int) -> None:
        self._do("resize-window", "-x", str(width), "-y", str(height))

    def type(self, text: str) -> None:
        self._do("send-keys", "-l", text)

    def lines(self, *, scrolled: bool = False) -> list[str]:
        """What is in the window, and above it; times are told as SECONDS."""
        shown = self._do("capture-pane", "-p", *(("-S", "-") if scrolled else ()))
        return [
            re.sub(r"\d+\.\ds", "SECONDS", line)[2 * line.startswith(tuple("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")) :]
            for line in shown.rstrip("\n").split("\n")
        ]

    def until(self, is_so: Callable[[list[str]], bool]) -> list[str]:
        end = time.monotonic() + LIMIT
        while not is_so(lines := self.lines()):
            assert time.monotonic() < end, "\n".join(lines)
        return lines

    def close(self) -> None:
        self._do("kill-server")
