"""A task's log on its way to stdout: piece by piece, without secrets, and safe where a terminal reads it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import IO

from flowmake.core.secrets import MASK
from flowmake.core.text import safe_text, size
from flowmake.world.logs import pieces

LONGEST_LINE = 1 << 16
"""Bytes of a line that are held back to be looked at as a whole."""


class Printer:
    """Prints one log as it grows, in bounded memory. Bytes go out as they are where no terminal reads them.

    `secrets` are in no finished log any more; what is still being written is masked here. `prefix` comes before each
    line.
    """

    def __init__(self, file: IO[bytes], secrets: Sequence[bytes], prefix: str = "") -> None:
        self._file = file
        self._position = 0
        self._held = b""
        self._is_terminal = sys.stdout.isatty()
        self._pattern = re.compile(b"|".join(map(re.escape, secrets))) if secrets else None
        self._prefix = prefix.encode("utf-8", "surrogateescape")
        self._overlap = max(map(len, secrets), default=0)

    def print(self) -> None:
        """All that has come since the last call, to the last line that is whole."""
        for start, chunk in pieces(self._file, self._position):
            if start > self._position:
                self._write(self._held + f"\n[flowmake: {size(start - self._position)} left out here]\n".encode())
                self._held = b""
            self._position = start + len(chunk)
            self._pass_on(chunk)
        sys.stdout.buffer.flush()

    def finish(self) -> None:
        """The rest, whole line or not."""
        self.print()
        self._write(self._held)
        self._held = b""
        sys.stdout.buffer.flush()

    def was_shortened(self) -> bool:
        """Whether the log became shorter than what was printed of it: its middle was left out."""
        return self._file.seek(0, 2) < self._position

    def _pass_on(self, chunk: bytes) -> None:
        if not self._is_terminal and self._pattern is None and not self._prefix:
            self._write(chunk)
            return
        text = self._held + chunk
        end = text.rfind(b"\n") + 1
        if len(text) - end > LONGEST_LINE:
            end = len(text) - self._overlap
        self._held = text[end:]
        self._write(text[:end])

    def _write(self, data: bytes) -> None:
        if self._pattern is not None:
            data = self._pattern.sub(MASK.encode(), data)
        if self._prefix and data:
            data = b"".join(self._prefix + line + b"\n" for line in data.removesuffix(b"\n").split(b"\n"))
        if self._is_terminal:
            data = safe_text(data).encode(sys.stdout.encoding or "utf-8", "backslashreplace")
        sys.stdout.buffer.write(data)
