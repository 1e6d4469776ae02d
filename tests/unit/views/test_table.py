from __future__ import annotations

import io
import re

import pytest

from flowmake.views.table import STATUS_STYLES, Column, plain, print_table

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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")


def test_a_pipe_gets_whole_aligned_columns() -> None:
    stream = io.StringIO()
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
    stream = io.StringIO()
    print_table(COLUMNS, ROWS, stream)
    assert "\x1b[33mstale\x1b[0m" in stream.getvalue()


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
    assert [line.rstrip() for line in stream.getvalue().splitlines()] == [
        "task           status  seconds  why",
        "clean          stale      1.2s  input changed: data/raw.csv",
        "                                (3f2a1b → 99ab01)",
        "a-longer-name  fresh    1m 05s",
    ]


def test_no_rows_no_table() -> None:
    stream = io.StringIO()
    print_table(COLUMNS, [], stream)
    assert stream.getvalue() == ""
