"""From a place in a Flowfile to line, column and the text that shows it to people. Unaware of what went wrong."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from flowmake.core.errors import Problem
from flowmake.core.source import Place, Position
from flowmake.core.text import safe_line
from flowmake.core.tomlscan import Keys, Span, scan

ReadText = Callable[[str], str | None]
_WIDEST = 160
_TAB = 4
_ALSO = "see also here"


class _Source:
    """A text with what was found in it, looked up for as many places as there are."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        self.lines = self.text.split("\n")
        self._starts: list[int] = []
        self._spans: Mapping[Keys, Span] | None = None

    def position(self, place: Place) -> Position:
        if place.line:
            return Position(place.line, max(place.column, 1))
        if self._spans is None:
            self._spans = scan(self.text)
        keys, on_key = place.keys, place.on_key
        while keys and keys not in self._spans:
            keys, on_key = keys[:-1], False
        if not keys:
            return Position(1, 1)
        span = self._spans[keys]
        start, end = (span.key, span.key_end) if on_key else (span.value, span.value_end)
        return self._at(start, end)

    def _at(self, start: int, end: int) -> Position:
        if not self._starts:
            self._starts = [0, *accumulate(len(line) + 1 for line in self.lines)]
        line = bisect_right(self._starts, start)
        end = min(end, self._starts[line] - 1)
        return Position(line, start - self._starts[line - 1] + 1, max(1, end - start))


def locate(text: str, place: Place) -> Position:
    """Where a place is in the text of its file: the value, the key if `on_key`, else the nearest thing around it."""
    return _Source(text).position(place)


def render(problems: Sequence[Problem], read_text: ReadText) -> str:
    """Problems as people read them: each with its places, excerpts and hint, ordered by file and line, then counted.

    `read_text` gives the text of a file as it is named in a place, or None.
    """
    sources = _Sources(read_text)
    ordered = _ordered(problems, sources)
    blocks = [_block(problem, sources) for problem in ordered]
    return "\n\n".join([*blocks, _closing(ordered)]) + "\n" if blocks else ""


def problems_as_json(problems: Sequence[Problem], read_text: ReadText) -> list[dict[str, Any]]:
    """Problems for machines; `line` and `column` are None where they are unknown, further places are in `notes`."""
    sources = _Sources(read_text)
    found: list[dict[str, Any]] = []
    for problem in _ordered(problems, sources):
        first, *others = [_place_as_json(place, sources) for place in problem.places] or [_NOWHERE]
        labels = [*problem.labels[1:], *[""] * len(others)]
        notes = [{**other, "message": label or _ALSO} for other, label in zip(others, labels, strict=False)]
        found.append({**first, "message": problem.message, "hint": problem.hint, "notes": notes})
    return found


def _place_as_json(place: Place, sources: _Sources) -> dict[str, Any]:
    position = sources.position(place)
    if position is None:
        return {**_NOWHERE, "file": place.file}
    return {"file": place.file, "line": position.line, "column": position.column}


_NOWHERE: dict[str, Any] = {"file": None, "line": None, "column": None}


class _Sources:
    """The texts of all files that places name, each read and scanned once."""

    def __init__(self, read_text: ReadText) -> None:
        self._read = read_text
        self._sources: dict[str, _Source | None] = {}

    def __getitem__(self, file: str) -> _Source | None:
        if file not in self._sources:
            text = self._read(file)
            self._sources[file] = None if text is None else _Source(text)
        return self._sources[file]

    def position(self, place: Place) -> Position | None:
        source = self[place.file]
        if source is None:
            return Position(place.line, max(place.column, 1)) if place.line else None
        return source.position(place)


def _ordered(problems: Sequence[Problem], sources: _Sources) -> list[Problem]:
    """By line within a file; files in the order in which they first appear."""
    files = {file: index for index, file in enumerate(dict.fromkeys(p.places[0].file for p in problems if p.places))}

    def rank(problem: Problem) -> tuple[int, int, int]:
        if not problem.places:
            return len(files), 0, 0
        position = sources.position(problem.places[0]) or Position(0, 0)
        return files[problem.places[0].file], position.line, position.column

    return sorted(problems, key=rank)


def _block(problem: Problem, sources: _Sources) -> str:
    message = safe_line(problem.message)
    lines = [] if problem.places else [f"error: {message}"]
    for index, place in enumerate(problem.places):
        label = safe_line(problem.labels[index]) if index < len(problem.labels) else ""
        if index:
            lines += _shown(place, f"note: {label or _ALSO}", "", sources)
        else:
            lines += _shown(place, f"error: {message}", label, sources)
    if problem.hint:
        lines.append(f"   hint: {safe_line(problem.hint)}")
    return "\n".join(lines)


def _shown(place: Place, said: str, label: str, sources: _Sources) -> list[str]:
    """A heading, and where the text is at hand the line with a caret and the label behind it."""
    position = sources.position(place)
    if position is None:
        keys = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place.keys).removeprefix(".")
        return [f"{_visible(place.file)}: {said}" + (f" (at `{keys}`)" if keys else "")]
    heading = f"{_visible(place.file)}:{position.line}:{position.column}: {said}"
    source = sources[place.file]
    if source is None or position.line > len(source.lines):
        return [heading]
    line, carets = _excerpt(source.lines[position.line - 1], position)
    return [heading, line, f"{carets} {label}".rstrip()]


def _excerpt(line: str, position: Position) -> tuple[str, str]:
    """The line and below it the caret; a very long line is cut around the caret."""
    start = position.column - 1
    before, at, after = line[:start], line[start : start + position.width], line[start + position.width :]
    if len(line) > _WIDEST:
        before = "…" + before[-_WIDEST // 4 :] if len(before) > _WIDEST // 4 else before
        at = at[: _WIDEST // 2]
        after = line[start + len(at) :]
        after = after[: _WIDEST // 4] + "…" if len(after) > _WIDEST // 4 else after
    before = _visible(before)
    at = _visible(at, _columns(before))
    text = (before + at + _visible(after, _columns(before + at))).rstrip()
    carets = " " * _columns(before) + "^" * max(1, _columns(at.rstrip()))
    return f"{position.line:>5} | {text}", f"{'':>5} | {carets}"


def _visible(text: str, column: int = 0) -> str:
    """Text that takes known room: tabs as spaces, control characters as `?`."""
    shown = ""
    for char in text:
        if char == "\t":
            shown += " " * (_TAB - (column + _columns(shown)) % _TAB)
        else:
            shown += "?" if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _TURNING else char
    return shown


_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of text around."""


def _columns(text: str) -> int:
    """How many columns a terminal gives the text."""
    if text.isascii():
        return len(text)
    return sum(_char_columns(char) for char in text)


def _char_columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _closing(problems: Sequence[Problem]) -> str:
    files = list(dict.fromkeys(problem.places[0].file for problem in problems if problem.places))
    count = f"{len(problems)} error" + ("s" if len(problems) != 1 else "")
    if not files:
        return count
    more = len(files) - 1
    others = f" and {more} more file" + ("s" if more != 1 else "") if more else ""
    return f"{count} in {_visible(files[0])}{others}"
