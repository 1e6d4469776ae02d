"""Are a declaration's templates well-formed? About syntax only: what they mention is known when they are rendered."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from flowmake.core import templates
from flowmake.core.errors import Problem
from flowmake.core.model import Declaration
from flowmake.core.values import Mode

Keys = tuple[str | int, ...]

_FIELDS = ("args", "env", "wrapper", "cwd", "depfile", "description", "confirm")
_values = attrgetter(*_FIELDS)


def template_problems(declaration: Declaration) -> list[Problem]:
    """What is wrong with the syntax of the texts that are rendered only when the task is judged or shown."""
    found: list[Problem] = []
    for text, keys in _texts(declaration):
        if templates.has_template(text):
            mode: Mode = "shell" if keys == ("run",) else "plain"
            problem = templates.check(text, declaration.place.at(*keys), mode)
            found += [problem] if problem is not None else []
    return found


def has_templates(declaration: Declaration) -> bool:
    """Is there anything to be rendered when the task is judged?"""
    return any(templates.has_template(text) for text, _ in _texts(declaration))


def _texts(declaration: Declaration) -> list[tuple[str, Keys]]:
    kind = declaration.kind
    found = _inside(declaration.action, (kind,)) if kind == "run" or kind == "exec" else []
    values = _values(declaration)
    if any(values):
        for field, value in zip(_FIELDS, values, strict=True):
            found += _inside(value, (field,)) if value else []
    return found


def _inside(value: Any, keys: Keys) -> list[tuple[str, Keys]]:
    """All texts in a value, however deep, with the keys that lead there."""
    if isinstance(value, str):
        return [(value, keys)]
    if isinstance(value, Mapping):
        return [found for key, inner in value.items() for found in _inside(inner, (*keys, key))]
    if isinstance(value, list | tuple):
        return [found for index, inner in enumerate(value) for found in _inside(inner, (*keys, index))]
    return []
