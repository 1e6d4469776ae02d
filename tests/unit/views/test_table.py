from __future__ import annotations

import io
import re

import pytest

from flowmake.views.table import STATUS_STYLES, Column, fitted, plain, print_table

COLUMNS = [
    Column("task", keep=True),
    Column("status", styles=STATUS_STYLES),
    Column("seconds", right=True),
    Column("why"),
]
ROWS = [
    ["clean", "stale", "1.2s", "input changed: data/raw.csv (3f2a1b → 99ab01)"],
    ["a-longer-name", "fresh", "1m 05s", ""],
]


class Pipe(io.StringIO):
    encoding = "utf-8"


class Terminal(Pipe):
    def isatty(self) -> bool:
        return True


class OldTerminal(Terminal):
    encoding = "ascii"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")


def test_a_pipe_gets_whole_aligned_columns() -> None:
    stream = Pipe()
    print_table(COLUMNS, ROWS, stream)
    assert stream.getvalue() == (
        "TASK           STATUS  SECONDS  WHY\n"
        "clean          stale      1.2s  input changed: data/raw.csv (3f2a1b → 99ab01)\n"
        "a-longer-name  fresh    1m 05s  -\n"
    )


def test_a_pipe_never_gets_control_characters() -> None:
    assert plain([Column("x")], [["a\tb\n\x1b[31m"]]) == "X\na\\tb\\n\\x1b[31m\n"


def test_a_pipe_gets_colours_only_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = Pipe()
    print_table(COLUMNS, ROWS, stream)
    assert "\x1b[33mstale\x1b[0m" in stream.getvalue()


def test_the_first_word_of_a_cell_may_give_its_colour() -> None:
    shown = plain([Column("how", styles={"failed": "red"})], [["failed, exit 7"], ["is failed"]], colors=True)
    assert shown == "HOW\n\x1b[31mfailed, exit 7\x1b[0m\nis failed\n"


def test_a_terminal_gets_a_table_that_fits() -> None:
    stream = Terminal()
    print_table(COLUMNS, ROWS, stream)
    text = stream.getvalue()
    assert "\x1b[33mstale\x1b[0m" in text.replace(" \x1b[0m", "\x1b[0m")
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in text.splitlines()) <= 60


def test_meaning_survives_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    print_table(COLUMNS, ROWS, stream)
    assert stream.getvalue() == (
        "task           status  seconds  why\n"
        "clean          stale      1.2s  input changed: data/raw.csv…\n"
        "a-longer-name  fresh    1m 05s\n"
    )


def test_wide_characters_keep_columns_aligned() -> None:
    assert plain([Column("city"), Column("state")], [["東京", "fresh"], ["köln", "stale"]]) == (
        "CITY  STATE\n東京  fresh\nköln  stale\n"
    )


def test_a_stream_without_unicode_gets_ascii() -> None:
    stream = OldTerminal()
    print_table([Column("why"), Column("more")], [["a → b", "x"], ["é" * 50, "y"]], stream)
    first, *_, last = (re.sub(r"\x1b\[[0-9;]*m", "", line) for line in stream.getvalue().splitlines())
    assert stream.getvalue().isascii()
    assert first.split() == ["why", "more"]
    assert last == "\\xe9" * 13 + "..  y"


NARROW = [
    Column("task", middle=True),
    Column("state", keep=True),
    Column("last run", spare=1, brief=lambda time: time[11:]),
    Column("took", right=True, keep=True, spare=2),
    Column("why"),
]
TALL = [
    ["clean@bonn", "stale", "2026-01-31 12:00:00", "1.2s", "input changed: data/raw/bonn.csv"],
    ["a-very-long-name@with,many,values", "fresh", "2026-01-31 12:00:01", "0.1s", ""],
]


def test_short_forms_come_first_where_room_is_scarce() -> None:
    assert fitted(NARROW, TALL, 92) == (
        "task                               state  last run  took  why\n"
        "clean@bonn                         stale  12:00:00  1.2s  input changed: data/raw/bonn.csv\n"
        "a-very-long-name@with,many,values  fresh  12:00:01  0.1s\n"
    )


def test_then_long_cells_are_cut_names_in_the_middle() -> None:
    assert fitted(NARROW, TALL, 60) == (
        "task                state  last run  took  why\n"
        "clean@bonn          stale  12:00:00  1.2s  input changed: d…\n"
        "a-very-lo…y,values  fresh  12:00:01  0.1s\n"
    )


def test_one_long_name_takes_no_room_from_all_the_others() -> None:
    columns = [Column("task", middle=True), Column("why")]
    rows = [[f"task-{number}", "input changed: data/raw/all.csv"] for number in range(10)]
    lines = fitted(columns, [*rows, ["long" * 20, "never ran"]], 50).splitlines()
    assert lines[1] == "task-0             input changed: data/raw/all.csv"
    assert lines[-1] == "longlong…longlong  never ran"


def test_then_columns_are_given_up() -> None:
    assert fitted(NARROW, TALL, 40) == (
        "task              state  why\nclean@bonn        stale  input changed:…\na-very-l…,values  fresh\n"
    )


@pytest.mark.parametrize("width", [1, 5, 10, 20, 30, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_window_unless_nothing_can_give(width: int) -> None:
    text = fitted(NARROW, TALL, width)
    assert max(map(len, text.splitlines())) <= max(width, len("t  state  w"))


def test_no_rows_no_table() -> None:
    stream = Pipe()
    print_table(COLUMNS, [], stream)
    assert stream.getvalue() == ""
