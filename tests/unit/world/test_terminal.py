from __future__ import annotations

import fcntl
import io
import os
import struct
import termios

import pytest

from flowmake.world.terminal import has_color, has_unicode, is_interactive, window_size


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "environ", "color"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {"TERM": "xterm"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": ""}, False),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_when_colours_are_used(terminal: bool, environ: dict[str, str], color: bool) -> None:
    assert has_color(Stream(terminal), environ) is color


def test_a_forced_colour_makes_no_terminal() -> None:
    assert not is_interactive(Stream(False), {"FORCE_COLOR": "1"})
    assert is_interactive(Stream(True), {"NO_COLOR": "1"})


@pytest.mark.parametrize(
    ("encoding", "carries"), [("utf-8", True), ("ascii", False), ("latin-1", False), ("no-such-encoding", False)]
)
def test_what_an_encoding_carries(encoding: str, carries: bool) -> None:
    class Encoded:
        def __init__(self) -> None:
            self.encoding = encoding

    assert has_unicode(Encoded()) is carries  # type: ignore[arg-type]


def test_the_size_is_that_of_the_terminal_at_this_moment() -> None:
    ours, theirs = os.openpty()
    with open(ours, "rb"), open(theirs, "w") as stream:
        for lines, columns in ((5, 20), (50, 200)):
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            assert window_size(stream) == (columns, lines)


def test_without_a_terminal_the_environment_tells_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "33")
    monkeypatch.setenv("LINES", "7")
    assert window_size(io.StringIO()) == (33, 7)
