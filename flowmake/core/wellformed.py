"""Are a declaration's templates well-formed? About syntax only: what they mention is known when they are rendered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from flowmake.core import templates
from flowmake.core.errors import Problem
from flowmake.core.model import Declaration
from flowmake.core.source import Place

Text = tuple[str, Place]


def template_problems(declaration: Declaration) -> list[Problem]:
    """What is wrong with the syntax of the texts that are rendered only when the task is judged or shown."""
    shell = [(declaration.action, declaration.place.at("run"))] if isinstance(declaration.action, str) else []
    found = [templates.check(text, place, "shell") for text, place in shell if declaration.kind == "run"]
    found += [templates.check(text, place) for text, place in _texts(declaration)]
    return [problem for problem in found if problem is not None]


def _texts(declaration: Declaration) -> Iterable[Text]:
    place = declaration.place
    words = declaration.action if isinstance(declaration.action, tuple) else ()
    return chain(
        _inside(words, place.at("exec")),
        _inside(declaration.args, place.at("args")),
        _inside(declaration.env, place.at("env")),
        [(declaration.cwd, place.at("cwd")), (declaration.description, place.at("description"))],
    )


def _inside(value: Any, place: Place) -> Iterator[Text]:
    """All texts in a value, however deep."""
    if isinstance(value, str):
        yield value, place
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _inside(inner, place.at(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _inside(inner, place.at(index))
