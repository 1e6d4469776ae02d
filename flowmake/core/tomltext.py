"""TOML text to raw tables, with syntax errors worded for people. Knows nothing of what the tables mean."""

from __future__ import annotations

import re
from typing import Any

import tomli

from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.expressions import expression
from flowmake.core.source import Place

_BARE_WORD = expression(r"[^\s\"'\[\]{},=#][^\"'\[\]{},=#\n]*")
_UNCLOSED = {
    "Unclosed array": ("expected `,` or `]`: the list is not closed", ""),
    "Unclosed inline table": ("expected `,` or `}`: the table is not closed", ""),
}
_OTHER = {
    "Invalid statement": (
        "expected a key or a `[table]`",
        "a key of other than plain letters, digits, `_`, `-` needs quotes",
    ),
    "Expected newline or end of document after a statement": (
        "unexpected text after the value",
        "only a comment may follow a value on its line; text needs quotes, numbers have no leading zeros",
    ),
    "Expected ']' at the end of a table declaration": (
        "expected `]` at the end of the table's name",
        "write `[tasks.name]`; a name with other characters needs quotes",
    ),
    "Expected ']]' at the end of an array declaration": ("expected `]]` at the end of the table's name", ""),
}
_DIGITS = expression(r"[0-9][0-9_]*")
_BARE_KEY = expression(r"[A-Za-z0-9_-]+")


def decode(file: str, data: bytes) -> str:
    """The text of a file, which must be UTF-8 (a byte order mark is dropped). Raises `FlowfileError`."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        problem = Problem("not UTF-8 text", (Place(file, line=line, column=column),), "save the file as UTF-8")
        raise FlowfileError([problem]) from error


def parse(file: str, text: str) -> dict[str, Any]:
    """The raw tables. Raises `FlowfileError` with the one place where the TOML breaks off."""
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise FlowfileError([_explain(file, error)]) from error
    except ValueError as error:  # Python turns only so many digits into a number
        raise FlowfileError([Problem("a number has too many digits", (_longest_number(file, text),))]) from error
    except RecursionError as error:
        raise FlowfileError([Problem("lists or tables are nested too deeply", (Place(file),))]) from error


def _longest_number(file: str, text: str) -> Place:
    start = max(_DIGITS.finditer(text), key=lambda found: len(found[0])).start()
    return Place(file, line=text.count("\n", 0, start) + 1, column=start - text.rfind("\n", 0, start))


def _explain(file: str, error: tomli.TOMLDecodeError) -> Problem:
    lines = error.doc.split("\n")
    line = lines[error.lineno - 1] if error.lineno <= len(lines) else ""
    message, hint, column = _words(error.msg, line, error.colno)
    lineno = error.lineno
    if column > len(line) and not line and lineno > 1:
        # The text broke off before this empty line: show the last one that says something.
        lineno = next((n for n in range(lineno - 1, 0, -1) if lines[n - 1].strip()), lineno)
        column = len(lines[lineno - 1]) + 1
    here = Place(file, line=lineno, column=column)
    other, label = None, ""
    if "twice" in message or "already" in message:
        other, label = _first_written(error.doc, lineno), "first written here"
    elif error.msg in _UNCLOSED:
        other, label = _opened(error.doc), "opened here"
    if other is None:
        if "defined twice" in message:
            message = message.replace("is defined twice", "is inside of one that is written out as `{ … }`")
            hint = "write it between those braces, or write that one as a `[table]`"
        return Problem(message, (here,), hint)
    there = Place(file, line=error.doc.count("\n", 0, other) + 1, column=other - error.doc.rfind("\n", 0, other))
    return Problem(message, (here, there), hint, ("", label))


def _opened(text: str) -> int | None:
    from flowmake.core.tomlscan import unclosed  # for what is wrong only

    return unclosed(text)


def _first_written(text: str, line: int) -> int | None:
    """Where that which a line writes a second time was written first."""
    from flowmake.core.tomlscan import repeats  # for what is wrong only

    found = [repeat for repeat in repeats(text) if text.count("\n", 0, repeat.second.key) + 1 == line]
    return min(found, key=lambda repeat: len(repeat.keys)).first.key if found else None


def _words(raw: str, line: str, column: int) -> tuple[str, str, int]:
    """Our message, hint and column for one of tomli's messages."""
    rest = line[column - 1 :]
    if declared := re.fullmatch(r"Cannot declare \((.*?),?\) twice", raw):
        name = ".".join(re.findall(r"'([^']*)'", declared[1]))
        return f"table `{name}` is defined twice", "join the two into one, or rename one of them", _start(line)
    if raw == "Cannot overwrite a value":
        return _duplicate(line)
    if duplicate := re.fullmatch(r"Duplicate inline table key '(.*)'", raw):
        return f"`{duplicate[1]}` is set twice in this table", "remove one of the two", column
    if raw.startswith("Cannot mutate immutable namespace"):
        return "this table was already written out in full as `{ … }` or `[ … ]`", "write it in one place", _start(line)
    if raw == "Invalid value":
        return _invalid_value(rest, column)
    if raw == "Expected '=' after a key in a key/value pair":
        return _no_equals(line, rest, column)
    if raw.startswith("Illegal character") or raw in ("Unterminated string", 'Expected "\'"'):
        if rest.strip():
            return "control character in a string", "write it as an escape like `\\t` in double quotes", column
        return "string is not closed", 'close it with a quote, or use `"""` for text of several lines', column
    if raw == "Unescaped '\\' in a string":
        hint = "double the backslash, or use single quotes, where a backslash is a plain character"
        return "unknown escape in a string", hint, max(1, line.rfind("\\", 0, column) + 1)
    message, hint = _OTHER.get(raw) or _UNCLOSED.get(raw) or (raw[:1].lower() + raw[1:], "")
    return message, hint, column


def _start(line: str) -> int:
    return len(line) - len(line.lstrip()) + 1


def _duplicate(line: str) -> tuple[str, str, int]:
    header = re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line)
    if header:
        return f"table `{header[1]}` was already set as a value", "write it in one place", _start(line)
    key = line.partition("=")[0].strip()
    return f"`{key}` is set twice in this table", "remove one of the two", _start(line)


def _invalid_value(rest: str, column: int) -> tuple[str, str, int]:
    word = _BARE_WORD.match(rest)
    if not word:
        return "a value is missing here", 'text needs quotes: `key = "text"`', column
    text = word[0].strip()
    if text.lower() in ("yes", "no", "on", "off", "true", "false"):
        return f"`{text}` is not a TOML value", "write `true` or `false`", column
    if text.lower() in ("none", "null", "nil"):
        return f"`{text}` is not a TOML value", "leave the field out", column
    return f"`{text}` is not a TOML value", f'text needs quotes: `"{text}"`', column


def _no_equals(line: str, rest: str, column: int) -> tuple[str, str, int]:
    if rest.lstrip().startswith(":"):
        return "expected `=` after the key, not `:`", "TOML writes `key = value`", column + rest.index(":")
    key = line.strip()
    if _BARE_KEY.fullmatch(key):
        return f"`{key}` has no value", f"write `{key} = …`, or `[{key}]` for a table", _start(line)
    return "expected `=` after the key", "TOML writes `key = value`; a key with spaces needs quotes", column
