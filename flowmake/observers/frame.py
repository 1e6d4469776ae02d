"""Lines at the bottom of a terminal that are drawn again and again, below what stays. Unaware of what they say.

Between two drawings the cursor rests at the beginning of the first line. Whatever a terminal makes of its lines when
the window is resized, it keeps the cursor where it belongs: all that is below can then be erased, and nothing above.
"""

from __future__ import annotations

from collections.abc import Sequence

from flowmake.observers.output import Tolerant

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_ERASE_REST, _ERASE_BELOW = "\x1b[K", "\x1b[J"
_ERASE_ALL = f"\r{_ERASE_REST}\x1b7\x1b[B{_ERASE_BELOW}\x1b8"
"""In two parts: some terminals keep what is erased from the top of the window in their history."""


class Frame:
    """Every change is one write, so that nothing flickers. Lines must be shorter than the window is wide."""

    def __init__(self, stream: Tolerant) -> None:
        self._stream = stream
        self._drawn = ""
        self._is_open = False

    @property
    def is_open(self) -> bool:
        return self._is_open

    def open(self) -> None:
        """Hide the cursor until `close`."""
        if not self._is_open:
            self._is_open = True
            self._write(_HIDE)

    def close(self) -> None:
        """Leave nothing of the frame behind."""
        if self._is_open:
            self._is_open = False
            self._write(self._erased() + _SHOW)
            self._drawn = ""

    def draw(self, lines: Sequence[str], *, resized: bool = False) -> None:
        """Put these lines in place of the ones before. A window that has become smaller meanwhile wraps none.

        `resized`: the window is not as it was, and its terminal may have wrapped lines. It would join them again with
        what is drawn over them, and so they are erased first.
        """
        before = self._erased() if resized else ""
        text = "\n".join(line + _ERASE_REST for line in lines)
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        self._drawn = f"{_NO_WRAP}{text}{_ERASE_BELOW}{_WRAP}\r{up}"
        self._write(before + self._drawn)

    def above(self, text: str) -> None:
        """Print lines that stay, the last one ended."""
        self._write("\r" + text.replace("\n", _ERASE_REST + "\n") + self._drawn if self._drawn else text)

    def _erased(self) -> str:
        return _ERASE_ALL if self._drawn else ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
