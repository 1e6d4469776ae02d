"""Reads the dependency files compilers write for make (`gcc -MD`, `clang -MD`, ninja's dialect). Touches no disk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowmake.core.expressions import expression

_TOKEN = expression(
    r"""
    (?P<newline>\r?\n)
  | (?P<blank>(?:[ \t\v\f]|\\(?:\r?\n|\Z))+)  # a backslash at the end of a line continues it
  | (?P<comment>\#[^\n]*)
  | (?P<word>(?:
        [^\ \t\v\f\r\n\\]++
      | \r(?!\n)
      | (?<!\\)(?:\\\\)*\\[ ]                 # an odd number of backslashes: the space belongs to the word
      | (?<!\\)(?:\\\\)+(?=[ ])               # an even number: it ends the word
      | \\++(?![ ]|\r?\n|\Z)
      | \\(?=\\*\\(?:\r?\n|\Z))                   # all but the last before the end of a line stand for themselves
    )+)
    """,
    re.VERBOSE,
)
_ESCAPE = expression(r"\$\$|(\\+)([ #:])")


def parse_depfile(data: bytes) -> list[str]:
    """The prerequisites of all rules in a depfile, each once, in order of first mention; targets are left out.

    Backslash-space, `\\#`, `\\:` and `$$` stand for the plain characters, other backslashes for themselves. As in
    ninja, a colon ends the targets only before white space. Bytes that are not UTF-8 become surrogate escapes.
    Raises `ValueError` naming the line where the text is no such file.
    """
    found: dict[str, None] = {}
    for number, words in _rules(data.decode("utf-8", "surrogateescape")):
        for word in _prerequisites(words, number):
            found[word] = None
    return list(found)


def _rules(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each logical line that is not empty: the number of its first line, and its words as written."""
    line = start = 1
    words: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (match.lastgroup == "word" and "\0" in match.group()):
            raise ValueError(f"line {line}: a NUL byte, which no depfile holds")
        position = match.end()
        line += match.group().count("\n")
        if match.lastgroup == "word":
            words.append(match.group())
        elif match.lastgroup == "newline":
            if words:
                yield start, words
            words, start = [], line
    if words:
        yield start, words


def _prerequisites(words: list[str], number: int) -> Iterator[str]:
    """What follows the colon of one rule."""
    for index, word in enumerate(words):
        if _ends_targets(word):
            if index == 0 and word == ":":
                raise ValueError(f"line {number}: no target before the `:`")
            return map(_plain, words[index + 1 :])
    raise ValueError(f"line {number}: no `:` after the target in `{' '.join(words)[:60]}`")


def _ends_targets(word: str) -> bool:
    return word.endswith(":") and not word.endswith("\\:")


def _plain(word: str) -> str:
    return _ESCAPE.sub(_unescape, word)


def _unescape(match: re.Match[str]) -> str:
    slashes, character = match.groups()
    if slashes is None:
        return "$"
    if character == " ":
        # gcc doubles the backslashes in front of a space and adds one for the space itself.
        return "\\" * (len(slashes) // 2) + character
    return "\\" * (len(slashes) - 1) + character
