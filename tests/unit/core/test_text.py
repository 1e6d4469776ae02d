from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.text import counted, cut_middle, duration, first_few, safe_line, safe_text, size, to_ascii


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain", "plain"),
        (b"caf\xc3\xa9", "café"),
        (b"bad \xff byte", "bad \ufffd byte"),
        ("path with \udcff", "path with \ufffd"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;unfinished", ""),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x1bc reset", " reset"),
        ("\x9b31mC1", "C1"),
        ("lone \x1b", "lone \\x1b"),
        ("bell\x07 back\x08 null\x00 del\x7f", "bell\\x07 back\\x08 null\\x00 del\\x7f"),
        ("line\r\nend", "line\nend"),
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("100%\r", "100%"),
        ("turned \u202eround", "turned \\u202eround"),
        ("\u2028", "\\u2028"),
    ],
)
def test_safe_text_shows_what_a_terminal_may_get(given_text: bytes | str, shown: str) -> None:
    assert safe_text(given_text) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("data/raw.csv", "data/raw.csv"),
        ("two\nlines", "two\\nlines"),
        ("a\tb", "a\\tb"),
        ("over\rwritten", "over\\rwritten"),
        ("\x1b[31mred", "\\x1b[31mred"),
        (b"\xff", "\ufffd"),
        ("übung", "übung"),
    ],
)
def test_safe_line_keeps_a_name_on_one_line_and_hides_nothing(name: bytes | str, shown: str) -> None:
    assert safe_line(name) == shown


@given(st.one_of(st.binary(), st.text(st.characters(codec=None))))
def test_no_control_character_ever_gets_through(data: bytes | str) -> None:
    shown = safe_text(data)
    assert not [c for c in shown if (ord(c) < 0x20 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]
    shown.encode()
    line = safe_line(data)
    assert not [c for c in line if ord(c) < 0x20]
    assert to_ascii(line).isascii()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0.0s"),
        (0, "0.0s"),
        (0.04, "0.0s"),
        (1.25, "1.2s"),
        (59.94, "59.9s"),
        (59.96, "1m 00s"),
        (65, "1m 05s"),
        (3599.4, "59m 59s"),
        (3599.6, "1h 00m"),
        (7380, "2h 03m"),
        (86_399, "23h 59m"),
        (86_400, "1d 00h"),
        (273_600, "3d 04h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (16 * 1024**3, "16.0 GiB"),
        (5000 * 1024**5, "5000.0 PiB"),
    ],
)
def test_sizes_are_in_binary_units(count: int, shown: str) -> None:
    assert size(count) == shown


def test_nouns_follow_their_number() -> None:
    assert [counted(n, "task") for n in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]


@pytest.mark.parametrize(("names", "shown"), [("", ""), ("a", "a"), ("abc", "a, b, c"), ("abcd", "a, b, c and 1 more")])
def test_of_many_the_first_few_are_named(names: str, shown: str) -> None:
    assert first_few(list(names), 3) == shown


@pytest.mark.parametrize(
    ("width", "shown"),
    [(20, "abcdefghij"), (10, "abcdefghij"), (9, "abcd…ghij"), (4, "ab…j"), (2, "a…"), (1, "a"), (0, ""), (-3, "")],
)
def test_the_middle_is_what_gets_cut(width: int, shown: str) -> None:
    assert cut_middle("abcdefghij", width) == shown


@given(st.text(), st.integers(0, 40))
def test_a_cut_text_fits(text: str, width: int) -> None:
    assert len(cut_middle(text, width)) <= max(width, 0)


def test_signs_have_an_ascii_form_and_the_rest_is_spelt_out() -> None:
    assert to_ascii("✓ a → b… é") == "ok a -> b... \\xe9"
