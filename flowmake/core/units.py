"""Durations and sizes as people write them, turned into numbers. Knows nothing of where they are written."""

from __future__ import annotations

import math
import re
import sys

from flowmake.core.expressions import expression

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = expression(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+", re.ASCII)
_DURATION_PART = expression(r"(\d+(?:\.\d+)?)(ms|[smhdw])", re.ASCII)
_SIZE = expression(r"(\d+(?:\.\d+)?)\s*([kKMGTP]?)(i?B)?", re.ASCII)
_POWERS = "KMGTP"

DURATION_FORMS = 'a number of seconds, or text like "5s", "1h30m" or "2d"'
SIZE_FORMS = 'an integer, or text like "500M", "16G" or "2TiB"'


def seconds(value: float | str) -> float:
    """A duration in seconds: a number as it is, or text of numbers with units `ms s m h d w`.

    Raises `ValueError` for anything else, negative and infinite numbers included.
    """
    if isinstance(value, str):
        text = value.replace(" ", "")
        if not _DURATION.fullmatch(text):
            raise ValueError(f"not a duration: {value!r}")
        value = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    if not 0 <= value <= sys.float_info.max:
        raise ValueError(f"not a duration: {value!r}")
    return float(value)


def resource(name: str, value: int | str) -> int:
    """How much of a named resource: `time` is a duration in whole seconds, all else an amount. Raises `ValueError`."""
    return math.ceil(seconds(value)) if name == "time" else amount(value)


def amount(value: int | str) -> int:
    """An amount of a resource: an integer as it is, or a size in bytes.

    `K M G T P`, with or without `iB`, are powers of 1024; with a plain `B` (`MB`, `GB`) powers of 1000.
    Raises `ValueError` for anything else.
    """
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if not found:
            raise ValueError(f"not an amount: {value!r}")
        number, prefix, suffix = found.groups()
        if suffix == "iB" and not prefix:
            raise ValueError(f"not an amount: {value!r}")
        power = _POWERS.index(prefix.upper()) + 1 if prefix else 0
        factor: int = (1000 if suffix == "B" else 1024) ** power
        value = int(number) * factor if number.isdecimal() else _whole(float(number) * factor)
    if value < 0:
        raise ValueError(f"not an amount: {value!r}")
    return value


def _whole(value: float) -> int:
    if math.isinf(value):
        raise ValueError(f"not an amount: {value!r}")
    return int(value)
