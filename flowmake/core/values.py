"""Values in templates and how each becomes text: plain, as words for a shell, as part of a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from shlex import quote
from typing import Any, Final, Literal, SupportsIndex, overload

from flowmake.core.expressions import expression
from flowmake.core.patterns import escape

Mode = Literal["plain", "shell", "words", "paths", "names"]

_PLAIN_NAME = expression(r"[\w.+:=@-]*")
_MARK = "\0\1"
"""Stands before text from outside that begins with `-`, until it is clear where that came to stand."""
_COMMAND_END = expression(r"[;|&\n(`]")
_BLANKS = expression(r"[ \t]")
_QUOTES = "\"'"
_UNSAFE_IN_NAME = expression(r"[^\w.+:=@-]")


class Raw(str):
    """Text that goes into the result as it is, neither quoted nor escaped."""

    __slots__ = ()


class DashPath(str):
    """A path that a command would take for an option."""

    __slots__ = ()


class Outside(str):
    """Text that nobody wrote in the Flowfile: out of a file, or given from outside. It is no option unless said so."""

    __slots__ = ()

    def upper(self) -> Outside:
        return Outside(super().upper())

    def lower(self) -> Outside:
        return Outside(super().lower())

    def strip(self, characters: str | None = None, /) -> Outside:
        return Outside(super().strip(characters))

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> Outside:
        return Outside(super().replace(old, new, count))

    def __getitem__(self, key: SupportsIndex | slice, /) -> Outside:
        return Outside(super().__getitem__(key))


class WouldBeOption(ValueError):
    """Text from outside stands where a command takes it for an option; the argument is the text."""


def outside(value: Any) -> Any:
    """A value with all text in it marked as coming from outside."""
    match value:
        case str():
            return Outside(value)
        case Record():
            record = Record({key: outside(item) for key, item in value.items()})
            record.label = value.label
            return record
        case dict():
            return {key: outside(item) for key, item in value.items()}
        case list():
            return [outside(item) for item in value]
        case _:
            return value


def unmarked(value: Any) -> Any:
    """The inverse of `outside`."""
    match value:
        case Outside():
            return str(value)
        case dict():
            return {key: unmarked(item) for key, item in value.items()}
        case PathList():
            return value
        case list():
            return [unmarked(item) for item in value]
        case _:
            return value


class PathList(list[str]):
    """What `inputs` and `outputs` are in templates: all paths, by index, and by name where they were named.

    `paths.raw` and `paths["raw"]` are the paths of one group, themselves a `PathList`; a group's name wins over a
    list method of the same name in templates. As text: separated by spaces, each quoted where a shell will read it.
    """

    __slots__ = ("groups",)

    def __init__(self, paths: Iterable[str] = (), groups: Mapping[str, Iterable[str]] | None = None) -> None:
        super().__init__(DashPath(path) if path.startswith("-") else path for path in paths)
        self.groups: dict[str, PathList] = {name: PathList(group) for name, group in (groups or {}).items()}

    @overload
    def __getitem__(self, key: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, key: slice) -> PathList: ...
    @overload
    def __getitem__(self, key: str) -> PathList: ...
    def __getitem__(self, key: SupportsIndex | slice | str) -> str | PathList:
        if isinstance(key, str):
            return self.groups[key]
        found = super().__getitem__(key)
        return PathList(found) if isinstance(found, list) else found

    def __getattr__(self, name: str) -> PathList:
        if name != "groups" and name in self.groups:
            return self.groups[name]
        raise AttributeError(name)

    def __str__(self) -> str:
        return " ".join(self)


class Record(dict[str, Any]):
    """A `foreach` value that is a table, with what stands for it in names unless it has a `name` or `id`."""

    label = ""


class NotOneText(ValueError):
    """A list or a table stands where one text is wanted."""


def safe_path(path: str) -> str:
    """The path spelt so that no command takes it for an option."""
    return f"./{path}" if path.startswith("-") else path


def shell_text(value: Any) -> str:
    """A value as words for a shell."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, DashPath):
        return quote(safe_path(value))
    if isinstance(value, Outside) and value.startswith("-"):
        return _MARK + quote(value)
    items = elements(value)
    return quote(_one_text(value)) if items is None else " ".join(map(shell_text, items))


def word_text(value: Any) -> str:
    """A value as part of one word of a command, which no shell reads."""
    if isinstance(value, DashPath):
        return safe_path(value)
    if isinstance(value, Outside) and value.startswith("-"):
        return _MARK + value
    items = elements(value)
    return _one_text(value) if items is None else " ".join(map(word_text, items))


def settled_shell(text: str) -> str:
    """Rendered shell text, once it is clear that nothing from outside is an option. Raises `WouldBeOption`.

    After a `--` of the same command all is well, and so it is in the middle of a word.
    """
    first, *rest = parts = text.split(_MARK)
    command = _last_command(first)
    for part in rest:
        if "--" not in _BLANKS.split(command) and command.rstrip(_QUOTES)[-1:] in ("", " ", "\t", "<", ">"):
            raise WouldBeOption(*part.split(None, 1)[:1])
        command = _last_command(command + part)
    return "".join(parts)


def _last_command(text: str) -> str:
    """What of the last command in a text decides about what comes next, so that thousands of parts stay quick."""
    *words, last = _BLANKS.split(_COMMAND_END.split(text)[-1])
    if len(last) > len("--"):  # neither that nor ever going to be: what counts is where it ends
        last = f"xx{last.rstrip(_QUOTES)[-1]}" if last.strip(_QUOTES) else last[:3]
    return ("-- " if "--" in words else " ") + last


def settled_word(text: str, *, after_dashes: bool) -> str:
    """A rendered word of a command, as `settled_shell`."""
    if text.startswith(_MARK) and not after_dashes:
        raise WouldBeOption(text.removeprefix(_MARK))
    return text.replace(_MARK, "")


def path_text(value: Any) -> str:
    """A value as part of a pattern. Raises `NotOneText` for a list that does not have exactly one element."""
    if isinstance(value, Raw):
        return str(value)
    items = elements(value)
    return escape(_one_text(value)) if items is None else path_text(_only(items))


def name_text(value: Any) -> str:
    """A value as part of the name of a task. Raises `NotOneText` like `path_text`."""
    if isinstance(value, Raw):
        return str(value)
    items = elements(value)
    return label(value if items is None else _only(items))


def label(value: Any) -> str:
    """A value as it appears in the name of an instance; of a table its `name`, else its `id`, else its position.

    Letters, digits and `_.+:=@-` stand for themselves, all else as `%` and the hex digits of its UTF-8 bytes.
    """
    if isinstance(value, Mapping):
        value = value.get("name", value.get("id", getattr(value, "label", "")))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if _PLAIN_NAME.fullmatch(text) else _UNSAFE_IN_NAME.sub(_percent_encoded, text)


def _percent_encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


def _one_text(value: Any) -> str:
    if isinstance(value, Mapping):
        keys = ", ".join(f"`.{key}`" for key in value)
        raise NotOneText(f"a table stands where text is wanted; write one of its keys after it: {keys}")
    return str(value)


def _only(items: Sequence[Any]) -> Any:
    if len(items) != 1:
        raise NotOneText("a list must stand alone in its entry, or be narrowed down to one element")
    return items[0]


def plain_text(value: Any) -> str:
    """A value as it is."""
    items = elements(value)
    return _one_text(value) if items is None else " ".join(map(plain_text, items))


FINALIZERS: Final[dict[Mode, Callable[[Any], str]]] = {
    "plain": plain_text,
    "shell": shell_text,
    "words": word_text,
    "paths": path_text,
    "names": name_text,
}


def elements(value: Any) -> Sequence[Any] | None:
    """The elements of a list-like value, None for one that is a single thing."""
    if isinstance(value, str | int):
        return None
    if isinstance(value, list | tuple | range):
        return value
    return list(value) if isinstance(value, Iterator | KeysView | ValuesView | ItemsView) else None
