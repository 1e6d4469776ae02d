"""Small values of a Flowfile checked and converted: durations, amounts, names, variables. Unaware of tasks."""

from __future__ import annotations

import math
from collections.abc import Callable

from flowmake.core import units
from flowmake.core.errors import Problem
from flowmake.core.source import Place
from flowmake.core.spelling import NAME, VARIABLE
from flowmake.core.validation import label

NAME_HINT = "names start with a letter or `_`, then letters, digits, `_`, `.` and `-`"

Report = Callable[[Problem], None]


def is_template(text: str) -> bool:
    """Does it need rendering?"""
    return "{{" in text or "{%" in text or "{#" in text


def check_name(name: str, place: Place, report: Report) -> None:
    """Report a name that breaks the rule for names."""
    if not NAME.fullmatch(name):
        report(Problem(f"`{name}` is not a good name", (place,), NAME_HINT))


def duration(value: float | str, place: Place, report: Report) -> float:
    """Seconds; 1 where the text is reported as no duration."""
    try:
        return units.seconds(value)
    except ValueError:
        report(Problem(f"`{label(place)}` is not a duration: `{value}`", (place,), f"write {units.DURATION_FORMS}"))
        return 1.0


def amount(value: int | str, place: Place, report: Report) -> int:
    """An amount of a resource; 0 where the text is reported as none."""
    try:
        return units.amount(value)
    except ValueError:
        report(Problem(f"`{label(place)}` is not an amount: `{value}`", (place,), f"write {units.SIZE_FORMS}"))
        return 0


def resource(name: str, value: int | str, place: Place, report: Report) -> int:
    """An amount of a named resource; `time` is a duration, in whole seconds."""
    return math.ceil(duration(value, place, report)) if name == "time" else amount(value, place, report)


def variables(values: dict[str, str | int], place: Place, report: Report) -> dict[str, str]:
    """Environment variables as text."""
    for name, value in values.items():
        check_variable(name, place.key(name), report)
        if isinstance(value, str) and "\0" in value:
            report(Problem(f"`{label(place.at(name))}` holds a NUL character", (place.at(name),)))
    return {name: str(value) for name, value in values.items()}


def check_variable(name: str, place: Place, report: Report) -> None:
    """Report what cannot name an environment variable."""
    if not VARIABLE.fullmatch(name):
        report(Problem(f"`{name}` cannot name an environment variable", (place,)))
