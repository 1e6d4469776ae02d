from __future__ import annotations

from typing import Any

import pytest

from flowmake.observers.frame import Frame
from flowmake.observers.output import Tolerant


@pytest.fixture
def frame(stream: Any) -> Frame:
    return Frame(Tolerant(stream))


def test_every_change_is_one_write(stream: Any, frame: Frame, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[str] = []
    monkeypatch.setattr(stream, "write", writes.append)
    frame.open()
    frame.draw(["a", "b"])
    frame.above("said\n")
    frame.draw(["a", "b"], resized=True)
    frame.close()
    assert len(writes) == 5


def test_the_cursor_is_hidden_only_while_it_is_open(stream: Any, frame: Frame) -> None:
    frame.open()
    frame.open()
    assert (frame.is_open, stream.getvalue()) == (True, "\x1b[?25l")
    frame.close()
    frame.close()
    assert (frame.is_open, stream.getvalue()) == (False, "\x1b[?25l\x1b[?25h")


def test_what_is_printed_above_while_nothing_is_drawn_is_just_printed(stream: Any, frame: Frame) -> None:
    frame.above("said\n")
    assert stream.getvalue() == "said\n"


def test_lines_do_not_wrap_and_the_cursor_goes_back_to_the_first(stream: Any, frame: Frame) -> None:
    frame.draw(["a", "b", "c"])
    assert stream.getvalue() == "\x1b[?7la\x1b[K\nb\x1b[K\nc\x1b[K\x1b[J\x1b[?7h\r\x1b[2A"


def test_a_closed_frame_forgets_what_it_showed(stream: Any, frame: Frame) -> None:
    frame.draw(["a"])
    frame.open()
    frame.close()
    before = stream.getvalue()
    frame.above("said\n")
    assert stream.getvalue() == before + "said\n"
