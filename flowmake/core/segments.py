"""One segment of a glob: its pieces, its regular expression, what two have in common. Unaware of whole paths."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from flowmake.core.expressions import expression

ANYTHING: Final = "\0"
"""In a pattern: any text, `/` and leading dots included. Only `templates.skeleton` writes it; no path holds it."""

_PIECE = expression(
    r"\[(?P<literal>[*?\[])\]"
    r"|\x01(?P<capture>\w+)\x02"
    r"|(?P<star>\*+)|(?P<one>\?)|(?P<anything>\x00)"
    r"|\[(?P<chars>!?(?:\][^]/\x01]*|[^]/\x01]+))\]"
    r"|(?P<text>.)",
    re.DOTALL,
)
_NOT_DOT = r"(?!\.)"
_NOT_NAVIGATION = r"(?!\.\.?(?:/|\Z))"
_LAST_CHARACTER = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]
"""A set of characters: inclusive ranges of code points."""

_ANY: Final[Ranges] = ((0, ord("/") - 1), (ord("/") + 1, _LAST_CHARACTER))
_ANY_BUT_DOT: Final[Ranges] = ((0, ord(".") - 1), (ord("/") + 1, _LAST_CHARACTER))

Piece = tuple[str, str]
"""Kind (`text`, `star`, `one`, `chars`, `capture`, `anything`) and text; a `text` is one literal character."""


@lru_cache(maxsize=20_000)
def pieces(text: str) -> tuple[Piece, ...]:
    """The grammar of globs: an unclosed `[` is an ordinary character, a class of one magic character a literal."""
    found = ((match.lastgroup or "text", match[match.lastgroup or 0]) for match in _PIECE.finditer(text))
    return tuple(("text", value) if kind == "literal" else (kind, value) for kind, value in found)


def is_wild(segment: str) -> bool:
    """Whether a segment matches more than one literal text."""
    return any(kind != "text" for kind, _ in pieces(segment))


def regex(segment: str) -> str:
    """The regular expression of one segment: never matches nothing, `/`, or a leading dot not asked for.

    Each star but the last takes the shortest way to the fixed text after it and never reconsiders (an atomic group), so
    that matching cannot take exponential time; captures need the reconsidering.
    """
    parts = pieces(segment)
    if all(kind == "star" for kind, _ in parts):
        return _NOT_DOT + "[^/]+"
    stars = sum(kind == "star" for kind, _ in parts)
    atomic = stars > 1 and not any(kind in ("capture", "anything") for kind, _ in parts)
    out = [_guard(parts)]
    opened = False
    for kind, value in parts:
        if kind != "star":
            out.append(_piece_regex(kind, value))
            continue
        stars -= 1
        out.append(")" if opened else "")
        opened = atomic and stars > 0
        out.append("(?>[^/]*?" if opened else "[^/]*")
    return "".join(out)


def _guard(parts: tuple[Piece, ...]) -> str:
    kind, value = parts[0]
    if kind == "anything":
        return ""
    if kind != "text":
        return _NOT_DOT
    return _NOT_NAVIGATION if value == "." and any(kind != "text" for kind, _ in parts) else ""


def _piece_regex(kind: str, value: str) -> str:
    match kind:
        case "text":
            return re.escape(value)
        case "one":
            return "[^/]"
        case "anything":
            return ".*"
        case "capture":
            return f"\1{value}\2"
        case _:
            return _class_regex(value)


def _class_regex(body: str) -> str:
    ranges = "".join(rf"\U{low:08x}-\U{high:08x}" for low, high in _class_ranges(body))
    return f"[{ranges}]" if ranges else "(?!)"


def _class_ranges(body: str) -> Ranges:
    """The characters of a class, without `/`. A range written backwards holds nothing."""
    negated = body.startswith("!") and len(body) > 1
    ranges = []
    for low, high in re.findall(r"(.)(?:-(.))?", body[negated:], re.DOTALL):
        if low <= (high or low):
            ranges.append((ord(low), ord(high or low)))
    return overlap(_complement(ranges) if negated else tuple(ranges), _ANY)


def _complement(ranges: list[tuple[int, int]]) -> Ranges:
    gaps, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            gaps.append((start, low - 1))
        start = max(start, high + 1)
    return (*gaps, (start, _LAST_CHARACTER)) if start <= _LAST_CHARACTER else tuple(gaps)


def overlap(one: Ranges, two: Ranges) -> Ranges:
    """The characters in both sets."""
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in two)
    return tuple((low, high) for low, high in pairs if low <= high)


@lru_cache(maxsize=20_000)
def intersect(a: str, b: str) -> bool:
    """Whether some name matches both segments: a search of the product of the two lists of tokens."""
    one, two = _tokens(a), _tokens(b)
    dotted = _starts_with_dot(a)
    if dotted != _starts_with_dot(b):
        return False
    pending, seen = [(0, 0, dotted)], {(0, 0, dotted)}
    while pending:
        i, j, begun = pending.pop()
        if begun and i == len(one) and j == len(two):
            return True
        for step in _steps(one, two, (i, j, begun)):
            if step not in seen:
                seen.add(step)
                pending.append(step)
    return False


_Token = Ranges | None
"""The characters that one place may hold, or None for a star."""


def _tokens(segment: str) -> tuple[_Token, ...]:
    sets: dict[str, Ranges] = {"one": _ANY}
    out: list[_Token] = []
    for kind, value in pieces(segment):
        if kind == "text":
            out.append(((ord(value), ord(value)),))
        elif kind == "star":
            out.append(None)
        else:
            out.append(sets.get(kind) or _class_ranges(value))
    return tuple(out)


def _starts_with_dot(segment: str) -> bool:
    return pieces(segment)[0] == ("text", ".")


def _steps(
    one: tuple[_Token, ...], two: tuple[_Token, ...], state: tuple[int, int, bool]
) -> list[tuple[int, int, bool]]:
    """Where the product goes from here: past a star for nothing, or past a character that both sides accept.

    The flag is False until a first character is taken, which may then not be a dot (else both sides begin with one).
    """
    i, j, begun = state
    ahead_one, ahead_two = one[i : i + 1], two[j : j + 1]
    steps = []
    if ahead_one == (None,):
        steps.append((i + 1, j, begun))
    if ahead_two == (None,):
        steps.append((i, j + 1, begun))
    if ahead_one and ahead_two:
        common = overlap(ahead_one[0] or _ANY, ahead_two[0] or _ANY)
        if common if begun else overlap(common, _ANY_BUT_DOT):
            steps.append((i + (ahead_one[0] is not None), j + (ahead_two[0] is not None), True))
    return steps
