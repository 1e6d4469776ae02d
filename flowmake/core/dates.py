"""Spans of days, weeks, months or years, from first to last. Is told what day it is; has no clock."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from flowmake.core.expressions import expression

_TODAY = expression(r"today(?:\s*([+-])\s*(\d{1,5})\s*([dwmy]))?")
_UNITS = {"d": "day", "w": "week", "m": "month", "y": "year"}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_FORMS = "write `2026-01-31`, `today` or `today-7d`"


def span(first: str, last: str, every: str, today: date) -> list[str]:
    """All dates from `first` to `last`, both included, as `2026-01-31`.

    The ends are ISO dates, `today`, or an offset from it: `today-7d`, also with `w`, `m`, `y`. Steps of `every` (`day`,
    `week`, `month`, `year`) are counted from `first`; a month that is too short for its day gives its last one. There
    are none if `last` lies before `first` and either depends on the day; if both are fixed, that is a mistake.

    Raises `ValueError`, in a sentence.
    """
    if every not in _DAYS and every not in _MONTHS:
        raise ValueError(f"`every` must be `day`, `week`, `month` or `year`, not `{every}`")
    start, end = _day(first, today), _day(last, today)
    if end < start and "today" not in first + last:
        raise ValueError(f"the dates end (`{last}`) before they begin (`{first}`)")
    days: list[str] = []
    while (day := _shifted(start, every, len(days))) is not None and day <= end:
        days.append(day.isoformat())
    return days


def _day(text: str, today: date) -> date:
    relative = _TODAY.fullmatch(text.strip())
    if relative is None:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"`{text}` is not a date; {_FORMS}") from None
    sign, count, unit = relative.groups()
    day = _shifted(today, _UNITS[unit], int(sign + count)) if sign else today
    if day is None:
        raise ValueError(f"`{text}` is not within the years 1 to 9999")
    return day


def _shifted(start: date, every: str, count: int) -> date | None:
    """The date `count` steps from `start`, None outside of the calendar."""
    try:
        if every in _DAYS:
            return start + timedelta(days=_DAYS[every] * count)
        year, month = divmod(start.year * 12 + start.month - 1 + _MONTHS[every] * count, 12)
        return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
    except (OverflowError, ValueError):
        return None
