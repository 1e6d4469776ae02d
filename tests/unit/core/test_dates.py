"""Spans of dates: steps, ends that depend on the day, and what is wrong with the rest."""

from __future__ import annotations

from datetime import date

import pytest

from flowmake.core.dates import span

TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("first", "last", "every", "expected"),
    [
        ("2026-01-30", "2026-02-01", "day", ["2026-01-30", "2026-01-31", "2026-02-01"]),
        ("2026-01-01", "2026-01-01", "day", ["2026-01-01"]),
        ("2024-02-28", "2024-03-01", "day", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("2026-01-01", "2026-01-21", "week", ["2026-01-01", "2026-01-08", "2026-01-15"]),
        ("2025-12-31", "2026-03-31", "month", ["2025-12-31", "2026-01-31", "2026-02-28", "2026-03-31"]),
        ("2024-02-29", "2026-12-31", "year", ["2024-02-29", "2025-02-28", "2026-02-28"]),
        ("today-1d", "today", "day", ["2026-03-30", "2026-03-31"]),
        ("today", "today + 1w", "week", ["2026-03-31", "2026-04-07"]),
        ("today-1m", "today", "month", ["2026-02-28", "2026-03-28"]),
        ("today-1y", "today", "year", ["2025-03-31", "2026-03-31"]),
        ("2026-04-02", "today", "day", []),
        ("9999-12-30", "9999-12-31", "day", ["9999-12-30", "9999-12-31"]),
        ("9999-11-30", "9999-12-31", "month", ["9999-11-30", "9999-12-30"]),
    ],
)
def test_spans(first: str, last: str, every: str, expected: list[str]) -> None:
    assert span(first, last, every, TODAY) == expected


@pytest.mark.parametrize(
    ("first", "last", "every", "message"),
    [
        ("2026-02-30", "today", "day", "`2026-02-30` is not a date; write `2026-01-31`, `today` or `today-7d`"),
        ("today", "tomorrow", "day", "`tomorrow` is not a date; write `2026-01-31`, `today` or `today-7d`"),
        ("today-3h", "today", "day", "`today-3h` is not a date; write `2026-01-31`, `today` or `today-7d`"),
        ("today-9999y", "today", "day", "`today-9999y` is not within the years 1 to 9999"),
        ("2026-02-01", "2026-01-01", "day", "the dates end (`2026-01-01`) before they begin (`2026-02-01`)"),
        ("today", "today", "hour", "`every` must be `day`, `week`, `month` or `year`, not `hour`"),
    ],
)
def test_what_is_no_span(first: str, last: str, every: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is asserted
        span(first, last, every, TODAY)
    assert str(caught.value) == message
