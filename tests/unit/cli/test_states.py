from __future__ import annotations

from datetime import datetime

from flowmake.cli.states import brief_time


def test_todays_times_need_no_date() -> None:
    while True:
        today = datetime.now().strftime("%Y-%m-%d")
        shown = brief_time(f"{today} 12:34:56")
        if datetime.now().strftime("%Y-%m-%d") == today:  # or midnight has come between
            break
    assert shown == "12:34:56"


def test_other_times_need_no_seconds() -> None:
    year = datetime.now().year
    other = "01-01" if datetime.now().month > 6 else "12-31"
    assert brief_time(f"{year}-{other} 12:34:56") == f"{other} 12:34"
    assert brief_time("2001-02-03 12:34:56") == "2001-02-03 12:34"
