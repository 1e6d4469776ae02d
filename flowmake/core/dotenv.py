"""Text of `KEY=VALUE` lines to variables. Unaware of which files are read and of what becomes of the variables."""

from __future__ import annotations

import re

from flowmake.core.errors import Problem
from flowmake.core.expressions import expression
from flowmake.core.source import Place

_ENTRY = expression(
    r"""[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*
        (?: '(?P<single>[^']*)'[ \t]*(?:\#[^\n]*)?
          | "(?P<double>(?:[^"\\]|\\.)*)"[ \t]*(?:\#[^\n]*)?
          | (?P<plain>(?!['"])[^\n]*)
        )(?=\n|\Z)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_BLANK = expression(r"[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_COMMENT = expression(r"(?:^|[ \t]+)#.*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse(file: str, text: str) -> tuple[dict[str, str], list[Problem]]:
    """The variables, and a problem for each line that is none.

    Single quotes keep text as it is; double quotes know `\\n`, `\\t`, `\\"`, `\\\\`, `\\$`; both may span lines.
    Nothing is expanded. An unquoted value ends before ` #`.
    """
    text = text.replace("\r\n", "\n")
    found: dict[str, str] = {}
    problems: list[Problem] = []
    position, line = 0, 1
    while position < len(text):
        match = _BLANK.match(text, position)
        if not match:
            match = _ENTRY.match(text, position)
            if match:
                found[match["key"]] = _value(match)
            else:
                problems.append(_bad_line(file, line))
        end = match.end() if match else text.find("\n", position)
        end = len(text) if end < 0 else end
        line += text.count("\n", position, end) + 1
        position = end + 1
    return found, problems


def _value(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return re.sub(r"\\(.)", lambda escape: _escape(escape[1]), match["double"], flags=re.DOTALL)
    return _COMMENT.sub("", match["plain"]).strip()


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char in '"\\$`' else "\\" + char


def _bad_line(file: str, line: int) -> Problem:
    return Problem(
        "expected a line like `KEY=VALUE`",
        (Place(file, line=line, column=1),),
        "quotes must be closed, and nothing but a comment may follow them",
    )
