"""A run on a terminal of its own, talked with step by step. Unaware of any one test."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
from typing import Any

from tests.processes import LIMIT


class Terminal:
    """`flowmake ARGS…` with a controlling terminal, so that Ctrl-C typed there is a signal."""

    def __init__(self, project: Any, command: object, *args: str) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.process = subprocess.Popen(
            [str(command), *args],
            cwd=project.root,
            env=project.environ({"TERM": "xterm-256color"}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Return once this was shown."""
        while text not in self.shown:
            assert self._read(), f"it ended without {text!r}:\n{self.shown}"

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C until it ends: Python does not notice one that comes just before it begins to read."""
        while self.process.poll() is None:
            self.type("\x03")
            while select.select([self._ours], [], [], 0.5)[0] and self._read():
                pass

    def end(self) -> int:
        """The exit code, once it has ended; `shown` is then complete."""
        while self._read():
            pass
        os.close(self._ours)
        return self.process.wait(LIMIT)

    def _read(self) -> bool:
        assert select.select([self._ours], [], [], LIMIT)[0], f"nothing more came after:\n{self.shown}"
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:  # how Linux reports that nobody holds the other side any more
            return False
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
