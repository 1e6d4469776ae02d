"""A descriptor that one part of this process makes readable for another. Carries no message."""

from __future__ import annotations

import os


class Bell:
    """`fileno()` is readable from `ring` until `silence`.

    One thread may ring it for another, who takes what it tells of after silencing it: then nothing is overheard.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._rung = False

    def ring(self) -> None:
        """Make it readable; ringing twice is the same as once."""
        if not self._rung:
            self._rung = True  # first: whoever the byte wakes must find it rung, or finds the byte again and again
            os.write(self._writer, b".")

    def silence(self) -> None:
        """Make it quiet again."""
        if self._rung:
            os.read(self._reader, 1)
            self._rung = False

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._reader

    def close(self) -> None:
        """Give the descriptors back; closing twice is the same as once."""
        if self._reader >= 0:
            os.close(self._reader)
            os.close(self._writer)
        self._reader = self._writer = -1
