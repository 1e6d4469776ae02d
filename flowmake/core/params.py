"""Settles parameters: defaults from the file, overridden by environment and command line. Unaware of templates."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from flowmake.core.errors import Problem
from flowmake.core.hints import did_you_mean
from flowmake.core.source import Place
from flowmake.core.spelling import OVERRIDE
from flowmake.core.validation import kind_of

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def plain(value: Any) -> Any:
    """A TOML value with dates and times as ISO text, so that it renders and compares the same everywhere."""
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def environ_name(param: str) -> str:
    """The variable that overrides a parameter."""
    return OVERRIDE + param.upper().replace("-", "_").replace(".", "_")


def settle(
    defaults: Mapping[str, Any], places: Mapping[str, Place], environ: Mapping[str, str], given: Mapping[str, object]
) -> tuple[dict[str, Any], list[Problem]]:
    """The value of each parameter, and a problem for each override that names none or does not fit its default."""
    problems = [Problem(f"no parameter `{name}`", hint=_hint(name, defaults)) for name in given if name not in defaults]
    settled: dict[str, Any] = {}
    for name, default in defaults.items():
        settled[name] = default
        variable = environ_name(name)
        if name in given:
            source, value = f"parameter `{name}`", given[name]
        elif variable in environ:
            source, value = f"`{variable}`", environ[variable]
        else:
            continue
        try:
            settled[name] = _convert(value, default)
        except ValueError:
            problems.append(_misfit(source, value, default, places[name]))
    return settled, problems


def _hint(name: str, defaults: Mapping[str, Any]) -> str:
    table = name.partition(".")[0]
    if table != name and isinstance(defaults.get(table), dict):
        keys = ", ".join(f"{key} = …" for key in defaults[table])
        return f"`{table}` is a table, which is set as a whole: `{table}={{ {keys} }}`"
    return did_you_mean(name, defaults)


def is_given(default: Any, value: Any) -> bool:
    """Whether a value took the place of a plain word; where the default is an option or empty, it may be an option."""
    return isinstance(default, str) and default != "" and default != value and not default.startswith("-")


def _misfit(source: str, value: object, default: Any, place: Place) -> Problem:
    shown = value if isinstance(value, str) else repr(value)
    return Problem(
        f"{source} must be {kind_of(default)}, like its default, not `{shown}`", (place,), labels=("the default",)
    )


def _convert(value: object, default: Any) -> Any:
    """The value as the type of the default. Raises `ValueError` where that is not possible."""
    if isinstance(value, str):
        return _from_text(value, default)
    value = plain(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise ValueError(value)
    return value


def _from_text(text: str, default: Any) -> Any:
    match default:
        case bool():
            return _boolean(text)
        case int():
            return int(text)
        case float():
            return float(text)
        case list():
            return _list(text, default)
        case dict():
            return _toml(text, dict)
        case _:
            return text


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(text)
    return word in _TRUE


def _list(text: str, default: list[Any]) -> list[Any]:
    """A TOML array, or values between commas, each of the type of the default's first."""
    if text.lstrip().startswith("["):
        found: list[Any] = _toml(text, list)
        return found
    items = [item.strip() for item in text.split(",")] if text.strip() else []
    return [_from_text(item, default[0]) if default else item for item in items]


def _toml(text: str, kind: type) -> Any:
    import tomli

    try:
        value = plain(tomli.loads(f"value = {text}")["value"])
    except (tomli.TOMLDecodeError, RecursionError) as error:
        raise ValueError(text) from error
    if not isinstance(value, kind):
        raise ValueError(text)
    return value
