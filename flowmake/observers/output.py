"""Lines on a stream that may be closed, full, or unable to carry Unicode. Unaware of events."""

from __future__ import annotations

from typing import IO

from flowmake.core.text import to_ascii
from flowmake.world.terminal import has_color, has_unicode

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}


class Lines:
    """Writes whole lines and flushes each batch; once the stream is broken it stays silent, as a run must go on."""

    def __init__(self, stream: IO[str], color: bool | None = None) -> None:
        self._stream = stream
        self._unicode = has_unicode(stream)
        self._color = has_color(stream) if color is None else color
        self.broken = False

    def write(self, *lines: str) -> None:
        """Write the lines, in ASCII where the stream's encoding asks for it."""
        if self.broken or not lines:
            return
        text = "\n".join(lines) + "\n"
        if not self._unicode:
            text = "\n".join(to_ascii(line) for line in text.split("\n"))
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self.broken = True
        except UnicodeEncodeError:
            self._stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))

    def style(self, text: str, *names: str) -> str:
        """The text in colour, where the stream has colours. What it means must not depend on it."""
        if not self._color or not text:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"
