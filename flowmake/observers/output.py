"""Lines on a stream that may be closed, full, or unable to carry Unicode. Unaware of events."""

from __future__ import annotations

from typing import IO

from flowmake.core.text import to_ascii
from flowmake.world.terminal import has_color, has_unicode

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}


class Tolerant:
    """A text stream on which writing never fails: once it is broken, what is written is lost."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "ascii"
        self.broken = False

    def write(self, text: str) -> int:
        """Write, if the stream still takes it."""
        if not self.broken:
            try:
                self._stream.write(text)
            except (OSError, ValueError):
                self.broken = True
        return len(text)

    def flush(self) -> None:
        """Flush, if the stream still takes it."""
        if not self.broken:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self.broken = True

    def isatty(self) -> bool:
        """As the stream itself says."""
        return not self.broken and self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream itself; raises what it raises."""
        return self._stream.fileno()


class Lines:
    """Writes whole lines and flushes each batch, in the colours and characters the stream can show."""

    def __init__(self, stream: IO[str], color: bool | None = None) -> None:
        self._stream = Tolerant(stream)
        self._unicode = has_unicode(stream)
        self._color = has_color(stream) if color is None else color

    def write(self, *lines: str) -> None:
        """Write the lines, in ASCII where the stream's encoding asks for it."""
        if lines:
            text = "".join(line + "\n" for line in lines)
            self._stream.write(text if self._unicode else to_ascii(text))
            self._stream.flush()

    def style(self, text: str, *names: str) -> str:
        """The text in colour, where the stream has colours. What it means must not depend on it."""
        return styled(text, *names) if self._color else text


def styled(text: str, *names: str) -> str:
    """The text with the codes for these styles around it."""
    return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m" if text and names else text
