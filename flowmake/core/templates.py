"""Templates in Flowfiles: what they mention, and their text once rendered. Unaware of tasks and, mostly, of Jinja2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.expressions import expression
from flowmake.core.patterns import normalise
from flowmake.core.segments import ANYTHING
from flowmake.core.source import Place
from flowmake.core.values import (
    FINALIZERS,
    Mode,
    NotOneText,
    PathList,
    WouldBeOption,
    elements,
    safe_path,
    settled_shell,
    settled_word,
    word_text,
)

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "PathList",
    "check",
    "evaluate",
    "has_template",
    "names",
    "render",
    "render_list",
    "render_names",
    "render_paths",
    "render_shell",
    "safe_path",
    "skeleton",
]
_SIMPLE = expression(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*\}\}")
_SYNTAX = expression(r"\{[{%#]|\{$|\r")
_RESERVED = frozenset(
    {"true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else", "elif", "for"}
    | {"recursive", "self", "super", "loop", "caller"}
)
"""Names that mean something else to Jinja2 in some place."""
_RUNS = expression(r"\0+")
_DOTS_BEFORE = expression(r"(^|/)\.{1,2}(?=\0)")
_DOTS_AFTER = expression(r"\0\.{1,2}(?=[/\0]|$)")
_MISSING: Final = object()


def has_template(text: str) -> bool:
    """Whether the text needs rendering; any other text is left alone."""
    return "{{" in text or "{%" in text


def check(text: str, place: Place, mode: Mode = "plain") -> Problem | None:
    """What is wrong with the template's syntax, if anything. Says nothing about what it mentions.

    `mode` is how it will be rendered, which spares compiling it again then.
    """
    if not has_template(text) or _parts(text) is not None:
        return None
    problem: Problem | None = _sandbox().check(text, place, mode)
    return problem


def render(text: str, context: Mapping[str, Any], place: Place) -> str:
    """The text with its values put in as they are; lists are separated by spaces. Raises `FlowfileError`."""
    return _render(text, context, place, "plain")


def render_shell(text: str, context: Mapping[str, Any], place: Place) -> str:
    """Shell text: every value quoted unless piped through `raw`. Raises `FlowfileError`."""
    if not has_template(text):
        return text
    try:
        return settled_shell(_render(text, context, place, "shell"))
    except WouldBeOption as error:
        raise _option_error(error, place) from error


def render_paths(text: str, context: Mapping[str, Any], place: Place) -> list[str]:
    """The entries that one entry of `inputs` or `outputs` stands for, as patterns.

    Values are escaped, so that a `[` or `*` in them is no glob, unless piped through `raw`. An entry that is one
    expression giving a list is one entry for each element; an entry with blocks (`{% if … %}`) that renders to
    nothing is none. Raises `FlowfileError`.
    """
    return _entries(text, context, place, "paths")


def render_names(text: str, context: Mapping[str, Any], place: Place) -> list[str]:
    """The entries that one entry of `needs` or `after` stands for; as `render_paths`, for names of tasks.

    Values are spelt as in the names of instances, so that `compile@{{ unit }}` is one, whatever `unit` holds.
    """
    return _entries(text, context, place, "names")


def _entries(text: str, context: Mapping[str, Any], place: Place, mode: Mode) -> list[str]:
    if not has_template(text):
        return [text]
    if not _is_expression(text):
        rendered = _render(text, context, place, mode)
        return [] if "{%" in text and not rendered.strip() else [rendered]
    try:
        return [FINALIZERS[mode](item) for item in _items(evaluate(text, context, place))]
    except NotOneText as error:
        raise FlowfileError([Problem("a list inside a list cannot be an entry", (place,))]) from error


def render_list(text: str, context: Mapping[str, Any], place: Place, *, after_dashes: bool = False) -> list[str]:
    """The words that one word of an argument list stands for: one expression giving a list is a word per element.

    Nothing is quoted; a path that begins with `-` gets a `./`. `after_dashes`: a `--` stands before it, so that no
    text from outside is taken for an option. Raises `FlowfileError`.
    """
    if not has_template(text):
        return [text]
    try:
        if _is_expression(text):
            words = [word_text(item) for item in _items(evaluate(text, context, place))]
        else:
            words = [_render(text, context, place, "words")]
        return [settled_word(word, after_dashes=after_dashes) for word in words]
    except WouldBeOption as error:
        raise _option_error(error, place) from error
    except NotOneText as error:
        raise FlowfileError([Problem(f"the template cannot be rendered: {error}", (place,))]) from error


def _option_error(error: WouldBeOption, place: Place) -> FlowfileError:
    message = f"`{error}`, which is not from the Flowfile, would be taken for an option"
    return FlowfileError([Problem(message, (place,), "put `--` before it, or pipe it through `raw` if that is meant")])


def evaluate(text: str, context: Mapping[str, Any], place: Place) -> Any:
    """The value of a text that is one expression, with its type; any other text rendered. Raises `FlowfileError`."""
    if not has_template(text):
        return text
    if not _is_expression(text):
        return render(text, context, place)
    parts = _parts(text.strip())
    value = _lookup(context, parts[0]) if parts and isinstance(parts[0], tuple) else _MISSING
    return _sandbox().evaluate(text, context, place) if value is _MISSING else value


@lru_cache(maxsize=20_000)
def names(text: str) -> frozenset[str]:
    """The variables a template mentions; none for a template that `check` complains about."""
    if not has_template(text):
        return frozenset()
    parts = _parts(text)
    if parts is not None:
        return frozenset(part[0] for part in parts if isinstance(part, tuple))
    found: frozenset[str] = _sandbox().names(text)
    return found


@lru_cache(maxsize=20_000)
def skeleton(text: str) -> str:
    """A pattern that matches every entry this text may render to, whatever the values (short of ones with `..`).

    Globs in it are kept. Where it is none and has no template it is the text itself, normalised.
    """
    if not has_template(text):
        return normalise(text)
    parts = _parts(text)
    if parts is None:
        pattern: str = _sandbox().skeleton(text)
    else:
        pattern = "".join(part if isinstance(part, str) else ANYTHING for part in parts)
    pattern = _RUNS.sub(ANYTHING, _DOTS_AFTER.sub(ANYTHING, _DOTS_BEFORE.sub(r"\1", pattern)))
    head, wild, tail = pattern.partition(ANYTHING)
    if ".." in tail.split("/"):
        return ANYTHING
    return normalise(head + wild + tail)


_Parts = tuple[str | tuple[str, ...], ...]
"""Literal texts, and dotted names split at their dots."""


@lru_cache(maxsize=20_000)
def _parts(text: str) -> _Parts | None:
    """A template of nothing but `{{ dotted.names }}`, taken apart; None if Jinja2 has to read it."""
    pieces = _SIMPLE.split(text)
    if any(_SYNTAX.search(literal) for literal in pieces[::2]):
        return None
    dotted = [tuple(name.split(".")) for name in pieces[1::2]]
    if not _RESERVED.isdisjoint(name[0] for name in dotted):
        return None
    parts: list[str | tuple[str, ...]] = [pieces[0]]
    for name, literal in zip(dotted, pieces[2::2], strict=True):
        parts += [name, literal]
    return tuple(part for part in parts if part)


def _lookup(context: Mapping[str, Any], dotted: tuple[str, ...]) -> Any:
    """The value of a dotted name, or `_MISSING` where Jinja2 must say what it is or why it is nothing."""
    value = context.get(dotted[0], _MISSING)
    for name in dotted[1:]:
        if isinstance(value, Mapping):
            value = value.get(name, _MISSING)
        else:
            value = value.groups.get(name, _MISSING) if isinstance(value, PathList) else _MISSING
    return value


def _render(text: str, context: Mapping[str, Any], place: Place, mode: Mode) -> str:
    if not has_template(text):
        return text
    rendered = _render_parts(_parts(text), context, FINALIZERS[mode])
    return _sandbox().render(text, context, place, mode) if rendered is None else rendered


def _render_parts(parts: _Parts | None, context: Mapping[str, Any], finalize: Callable[[Any], str]) -> str | None:
    """The short way for plain templates; None wherever anything is unusual, so that errors have one wording."""
    if parts is None:
        return None
    out = []
    for part in parts:
        if isinstance(part, str):
            out.append(part)
            continue
        value = _lookup(context, part)
        if value is _MISSING:
            return None
        try:
            out.append(finalize(value))
        except NotOneText:
            return None
    return "".join(out)


@lru_cache(maxsize=20_000)
def _is_expression(text: str) -> bool:
    parts = _parts(text.strip())
    if parts is not None:
        return len(parts) == 1 and isinstance(parts[0], tuple)
    return _sandbox().expression(text) is not None


def _items(value: Any) -> Sequence[Any]:
    found = elements(value)
    return [value] if found is None else found


def _sandbox() -> ModuleType:
    from flowmake.core import sandbox

    return sandbox
