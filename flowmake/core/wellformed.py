"""Are a declaration's templates well-formed? About syntax only: what they mention is known when they are rendered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowmake.core import templates
from flowmake.core.errors import Problem
from flowmake.core.model import Declaration

Keys = tuple[str | int, ...]

_FIELDS = ("args", "env", "wrapper", "cwd", "depfile", "description", "confirm")


def template_problems(declaration: Declaration) -> list[Problem]:
    """What is wrong with the syntax of the texts that are rendered only when the task is judged or shown."""
    found: list[Problem | None] = []
    for text, keys in _texts(declaration):
        if templates.has_template(text):
            found.append(templates.check(text, declaration.place.at(*keys), "shell" if keys == ("run",) else "plain"))
    return [problem for problem in found if problem is not None]


def has_templates(declaration: Declaration) -> bool:
    """Is there anything to be rendered when the task is judged?"""
    return any(templates.has_template(text) for text, _ in _texts(declaration))


def _texts(declaration: Declaration) -> Iterator[tuple[str, Keys]]:
    if declaration.kind == "run" or declaration.kind == "exec":
        yield from _inside(declaration.action, (declaration.kind,))
    for field in _FIELDS:
        if value := getattr(declaration, field):
            yield from _inside(value, (field,))


def _inside(value: Any, keys: Keys) -> Iterator[tuple[str, Keys]]:
    """All texts in a value, however deep, with the keys that lead there."""
    if isinstance(value, str):
        yield value, keys
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _inside(inner, (*keys, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _inside(inner, (*keys, index))
