"""Jinja2, fenced in: environments, compiled templates, errors turned into problems. Unaware of what they are for."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from typing import Any, cast

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, meta
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.segments import ANYTHING
from flowmake.core.source import Place
from flowmake.core.suggest import nearest
from flowmake.core.values import FINALIZERS, DashPath, Mode, PathList, Raw, elements

MOST_LISTED = 12
"""Names in a hint; more do not help."""
_GLOBALS = ("range", "dict", "namespace")


class _Absent(UndefinedError):
    """A name that is not there: of `owner`, or of the template itself if that is `missing`."""

    def __init__(self, owner: Any, name: Any, message: str | None = None) -> None:
        super().__init__(message)
        self.owner = owner
        self.name = name


class _Undefined(StrictUndefined):
    """Remembers what was asked of what, for the error."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[Exception] = UndefinedError,
    ) -> None:
        kind = partial(_Absent, obj, name) if exc is UndefinedError else exc
        super().__init__(hint, obj, name, cast(Any, kind))


class _Environment(ImmutableSandboxedEnvironment):
    """Keys of tables and names of path groups win over methods of the same name."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, _Undefined):
            str(obj)  # raises, naming what is missing instead of what is forbidden
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, PathList) and attribute in obj.groups:
            return obj.groups[attribute]
        return super().getattr(obj, attribute)


@lru_cache
def environment(mode: Mode) -> _Environment:
    """The environment in which values become text the way of `mode`.

    Comments need a space, `{# so #}`: `${#name}` is shell.
    """
    env = _Environment(
        undefined=_Undefined,
        finalize=FINALIZERS[mode],
        keep_trailing_newline=True,
        comment_start_string="{# ",
        autoescape=False,
    )
    env.globals = {name: env.globals[name] for name in _GLOBALS}
    env.filters |= {
        "basename": lambda path: _name(posixpath.basename(path)),
        "dirname": lambda path: _name(posixpath.dirname(path)),
        "stem": lambda path: _name(posixpath.splitext(posixpath.basename(path))[0]),
        "suffix": lambda path: posixpath.splitext(path)[1],
        "quote": lambda value: Raw(FINALIZERS["shell"](value)),
        "raw": _raw,
        "strftime": _strftime,
    }
    return env


def _name(path: str) -> str:
    """What is left of a path can begin with `-` where the path did not."""
    return DashPath(path) if path.startswith("-") else path


def _raw(value: Any) -> Any:
    items = elements(value)
    return Raw(value) if items is None else [_raw(item) for item in items]


def _strftime(value: Any, layout: str) -> str:
    """A date, or a text that begins with one (`2026-01-31`), in another layout."""
    day = value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    return day.strftime(layout)


def check(text: str, place: Place, mode: Mode) -> Problem | None:
    """What is wrong with the syntax, if anything."""
    try:
        _template(text, mode)
    except Exception as error:  # what is constant is worked out while compiling, and can fail like anything else
        return _problem(error, text, {}, place)
    return None


def render(text: str, context: Mapping[str, Any], place: Place, mode: Mode) -> str:
    """The rendered text. Raises `FlowfileError` with one problem, whatever went wrong inside the template."""
    try:
        return _template(text, mode).render(context)
    except Exception as error:
        raise FlowfileError([_problem(error, text, context, place)]) from error


def evaluate(text: str, context: Mapping[str, Any], place: Place) -> Any:
    """The value of a text that is one expression. Raises like `render`."""
    try:
        value = _expression(expression(text) or "")(**context)
        items = elements(value)
        _insist(value if items is None else items)
        return value if items is None or isinstance(value, Sequence) else items
    except Exception as error:
        raise FlowfileError([_problem(error, text, context, place)]) from error


def _insist(value: Any) -> None:
    """Raises where anything in a value is not there, or must not be looked at; whoever uses it would not know how."""
    if isinstance(value, _Undefined):
        str(value)  # raises
    parts = value.values() if isinstance(value, Mapping) else elements(value)
    for part in parts or ():
        if not isinstance(part, str):
            _insist(part)


@lru_cache(maxsize=20_000)
def expression(text: str) -> str | None:
    """The source of the one expression that the text consists of, if it does."""
    tokens = _tokens(text.strip())
    begins = [kind for kind, _ in tokens if kind.endswith("_begin")]
    if begins != ["variable_begin"] or tokens[0][0] != "variable_begin" or tokens[-1][0] != "variable_end":
        return None
    return "".join(value for _, value in tokens[1:-1])


@lru_cache(maxsize=20_000)
def names(text: str) -> frozenset[str]:
    """The variables mentioned; none where the syntax is wrong, which is for `check` to tell."""
    env = environment("plain")
    try:
        return frozenset(meta.find_undeclared_variables(env.parse(text)) - env.globals.keys())
    except Exception:  # whatever is wrong with it: `check` tells
        return frozenset()


def skeleton(text: str) -> str:
    """The literal text with `ANYTHING` for each expression, and for all from the first block to the last."""
    tokens = _tokens(text)
    if not tokens:
        return ANYTHING
    out: list[str] = []
    inside = ""
    for kind, value in tokens:
        if not inside and kind == "data":
            out.append(value)
        elif not inside and kind.endswith("_begin"):
            inside = kind.removesuffix("_begin")
            out.append({"variable": ANYTHING, "comment": ""}.get(inside, "\1"))
        elif kind == f"{inside}_end":
            inside = ""
    head, *blocks = "".join(out).split("\1")
    return head + ANYTHING + blocks[-1] if blocks else head


@lru_cache(maxsize=20_000)
def _tokens(text: str) -> tuple[tuple[str, str], ...]:
    """(kind, text) of the lexer's tokens; none where the syntax is wrong."""
    try:
        return tuple((kind, value) for _, kind, value in environment("plain").lex(text))
    except TemplateSyntaxError:
        return ()


@lru_cache(maxsize=10_000)
def _template(text: str, mode: Mode) -> Template:
    return environment(mode).from_string(text)


@lru_cache(maxsize=10_000)
def _expression(source: str) -> TemplateExpression:
    return environment("plain").compile_expression(source, undefined_to_none=False)


def _problem(error: Exception, text: str, context: Mapping[str, Any], place: Place) -> Problem:
    match error:
        case TemplateSyntaxError():
            return _syntax_problem(error, text, place)
        case _Absent() if isinstance(error.name, _Undefined):
            return _problem(_why_absent(error.name), text, context, place)
        case _Absent():
            return _absent_problem(error, context, place)
        case RecursionError():
            return Problem("the template is not valid: it is nested too deeply", (place,))
        case SecurityError():
            message = f"templates cannot reach into Python: {error}"
            return Problem(message, (place,), "use values, filters and tests only")
        case _:
            return Problem(f"the template cannot be rendered: {str(error) or type(error).__name__}", (place,))


def _why_absent(value: _Undefined) -> Exception:
    """The error that using this value raises."""
    try:
        raise ValueError(str(value))
    except Exception as error:
        return error


def _syntax_problem(error: TemplateSyntaxError, text: str, place: Place) -> Problem:
    line = f" (line {error.lineno} of the text)" if "\n" in text.strip() else ""
    return Problem(f"the template is not valid: {(error.message or '').rstrip('.')}{line}", (place,))


def _absent_problem(error: _Absent, context: Mapping[str, Any], place: Place) -> Problem:
    if error.owner is missing:
        known: Iterable[str] = context.keys()
        return Problem(f"`{error.name}` is not defined", (place,), _hint(str(error.name), known, "available here"))
    owner = _spelling(error.owner, context)
    if isinstance(error.name, int):
        count = len(error.owner) if hasattr(error.owner, "__len__") else 0
        return Problem(f"{owner} has no element {error.name}", (place,), f"it has {count}")
    return Problem(f"{owner} has no `{error.name}`", (place,), _hint(str(error.name), _members(error.owner), "it has"))


def _hint(name: str, known: Iterable[str], intro: str) -> str:
    known = sorted(known)
    listed = ", ".join([*(f"`{each}`" for each in known[:MOST_LISTED]), *(["…"] if known[MOST_LISTED:] else [])])
    guess = nearest(name, known)
    if guess and listed:
        return f"{guess} ({intro}: {listed})"
    return f"{intro}: {listed}" if listed else ""


def _members(owner: Any) -> list[str]:
    if isinstance(owner, PathList):
        return list(owner.groups)
    return [str(key) for key in owner] if isinstance(owner, Mapping) else []


def _spelling(owner: Any, context: Mapping[str, Any]) -> str:
    """How the template calls this value, as far as that can be found again."""
    for name, value in context.items():
        if value is owner:
            return f"`{name}`"
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if inner is owner:
                    return f"`{name}.{key}`"
    return f"a value of type `{type(owner).__name__}`"
