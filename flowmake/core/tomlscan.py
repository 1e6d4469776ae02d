"""Where each key and value of a TOML text stands. Finds places only: reads no values and forgives broken text."""

from __future__ import annotations

import re
from contextlib import suppress

from msgspec import Struct

from flowmake.core.expressions import expression

Keys = tuple[str | int, ...]

_SPACE = expression(r"[ \t]*")
_BLANK = expression(r"(?:[ \t\r\n]|#[^\n]*)*+")
_REST_OF_LINE = expression(r"[^\n]*")
_SCALAR = expression(r"[^,\]}\n#]*")
_KEY = expression(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*'""")
_STRING = expression(
    r""""{3}(?:[^"\\]|\\.|"(?!""))*+"{3,5}"""
    r"""|'{3}(?:[^']|'(?!''))*+'{3,5}"""
    r'''|"(?:[^"\\\n]|\\.)*+"'''
    r"""|'[^'\n]*+'""",
    re.DOTALL,
)


class Span(Struct, frozen=True, gc=False):
    """Offsets of a key (`key` to `key_end`) and of what it holds; both 0 to 0 for what is not written as such."""

    key: int
    key_end: int
    value: int
    value_end: int


class _Key(Struct, frozen=True, gc=False):
    name: str
    start: int
    end: int


class _Broken(Exception):
    """The text is no TOML from here on."""


class Repeat(Struct, frozen=True, gc=False):
    """A key path that is written a second time."""

    keys: Keys
    first: Span
    second: Span


def scan(text: str) -> dict[Keys, Span]:
    """The span of every key path in a TOML text; as far as it got, where the text is broken."""
    return _run(text).found


def repeats(text: str) -> list[Repeat]:
    """Key paths written twice: the suspects, where TOML complains of a thing set twice."""
    return _run(text).repeats


def unclosed(text: str) -> int | None:
    """The offset of the innermost bracket that is open where the text breaks."""
    return next(reversed(_run(text).open), None)


def _run(text: str) -> _Scanner:
    scanner = _Scanner(text)
    with suppress(_Broken, RecursionError):
        scanner.document()
    return scanner


class _Scanner:
    """One pass over the text; `position` moves forward, `found` grows, `lengths` counts arrays of tables."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.found: dict[Keys, Span] = {}
        self.lengths: dict[Keys, int] = {}
        self.repeats: list[Repeat] = []
        self.open: list[int] = []

    def document(self) -> None:
        base: Keys = ()
        self._skip(_BLANK)
        while self.position < len(self.text):
            if self.text[self.position] == "[":
                base = self._header()
            else:
                self._pair(base)
            self._skip(_REST_OF_LINE)
            self._skip(_BLANK)

    def _note(self, path: Keys, span: Span) -> None:
        if path in self.found:
            self.repeats.append(Repeat(path, self.found[path], span))
        self.found[path] = span

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.position)
        if found:
            self.position = found.end()

    def _expect(self, char: str) -> None:
        if not self.text.startswith(char, self.position):
            raise _Broken
        self.position += len(char)

    def _take(self, char: str) -> bool:
        taken = self.text.startswith(char, self.position)
        self.position += len(char) if taken else 0
        return taken

    def _key(self) -> list[_Key]:
        """A key, dotted or not."""
        keys: list[_Key] = []
        while True:
            self._skip(_SPACE)
            found = _KEY.match(self.text, self.position)
            if not found:
                raise _Broken
            keys.append(_Key(_unquote(found[0]), found.start(), found.end()))
            self.position = found.end()
            self._skip(_SPACE)
            if not self._take("."):
                return keys

    def _header(self) -> Keys:
        """`[table]` or `[[array of tables]]`: the path that the pairs below belong to."""
        start = self.position
        many = self._take("[[")
        if not many:
            self._expect("[")
        *outer, last = self._key()
        self._expect("]]" if many else "]")
        path: Keys = ()
        for key in outer:
            path = self._inside((*path, key.name))
            self.found.setdefault(path, Span(key.start, key.end, start, self.position))
        path = (*path, last.name)
        span = Span(last.start, last.end, start, self.position)
        if many:
            if path not in self.lengths:
                self._note(path, span)
            self.lengths[path] = self.lengths.get(path, 0) + 1
            path = self._inside(path)
        self._note(path, span)
        return path

    def _inside(self, path: Keys) -> Keys:
        """The latest element, where the path is an array of tables."""
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def _pair(self, base: Keys) -> None:
        *outer, last = self._key()
        self._expect("=")
        path = base
        start = (outer or [last])[0].start
        implied: list[tuple[Keys, _Key]] = []
        for key in outer:
            path = (*path, key.name)
            implied.append((path, key))
        path = (*path, last.name)
        end = self._value(path, last)
        for outer_path, key in implied:
            self.found.setdefault(outer_path, Span(key.start, key.end, start, end))

    def _value(self, path: Keys, key: _Key | None) -> int:
        """Move over a value and note its span; an element of a list is its own key."""
        self._skip(_BLANK if key is None else _SPACE)
        start = self.position
        if self.text[start : start + 1] in ("[", "{"):
            self.open.append(start)
            self.position += 1
            (self._list if self.text[start] == "[" else self._inline_table)(path)
            self.open.pop()
        elif string := _STRING.match(self.text, start):
            self.position = string.end()
        else:
            self._skip(_SCALAR)
            self.position = start + len(self.text[start : self.position].rstrip())
        end = self.position
        self._note(path, Span(key.start, key.end, start, end) if key else Span(start, end, start, end))
        return end

    def _list(self, path: Keys) -> None:
        index = 0
        self._skip(_BLANK)
        while not self._take("]"):
            self._value((*path, index), None)
            index += 1
            self._skip(_BLANK)
            if not self._take(","):
                self._expect("]")
                return
            self._skip(_BLANK)

    def _inline_table(self, path: Keys) -> None:
        self._skip(_BLANK)
        while not self._take("}"):
            self._pair(path)
            self._skip(_BLANK)
            if not self._take(","):
                self._expect("}")
                return
            self._skip(_BLANK)


def _unquote(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    if key[0] == '"':
        if "\\" not in key:
            return key[1:-1]
        import tomli

        try:
            return str(tomli.loads(f"key = {key}")["key"])
        except tomli.TOMLDecodeError as error:
            raise _Broken from error
    return key
