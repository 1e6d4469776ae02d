from __future__ import annotations

import pytest

from flowmake.world.cells import cut, width


@pytest.mark.parametrize(("text", "cells"), [("", 0), ("abc", 3), ("köln", 4), ("東京", 4), ("e\u0301", 1)])
def test_the_cells_a_text_takes(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "room", "at_end", "in_middle"),
    [
        ("short", 5, "short", "short"),
        ("abcdefghij", 6, "abcde…", "abc…ij"),
        ("東京大阪神戸", 7, "東京大…", "東…戸"),
        ("東京", 3, "東…", "…"),
        ("abc", 1, "a", "a"),
        ("東京", 1, "", ""),
        ("abc", 0, "", ""),
        ("abc", -1, "", ""),
    ],
)
def test_what_is_left_of_a_text_in_little_room(text: str, room: int, at_end: str, in_middle: str) -> None:
    assert cut(text, room) == at_end
    assert width(cut(text, room, middle=True)) <= max(room, 0)
    if in_middle != "…":
        assert cut(text, room, middle=True) == in_middle


def test_another_sign_for_what_is_left_out() -> None:
    assert cut("abcdefghij", 7, "..") == "abcde.."
