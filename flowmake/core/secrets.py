"""Values that must not be seen: masked in text, compared by digest. Unaware of where text goes and how it is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from shlex import quote
from typing import Any, TypeVar

from msgspec import Struct, structs

from flowmake.core.model import Flow

MASK = "***"
SHORTEST = 6
"""Characters of a dotenv value from which on it is masked in text: `1` or `true` would garble everything."""
_PLAIN = frozenset({"task", "run", "log", "path", "status", "verdict"})
"""Texts that programs go by: names, paths and words."""

S = TypeVar("S", bound=Struct)


class Secrets:
    """The secret values known so far, and how to keep them out of text."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.are_known = False
        """Whether there is anything to mask."""
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """Mask these, too, from now on; each line of a value that has several counts on its own."""
        found = {part for value in values if value for part in _parts(value)}
        if not found <= self._values:
            self._values |= found
            self.are_known = True
            spelt = sorted({text for value in self._values for text in _spellings(value)}, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, spelt)))

    def mask(self, text: str) -> str:
        """The text with `***` for every secret value in it, also as a shell or JSON spells it."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def as_bytes(self) -> list[bytes]:
        """Every spelling that is looked for in what programs print, long ones first."""
        found = {text.encode("utf-8", "surrogateescape") for value in self._values for text in _spellings(value)}
        return sorted(found, key=len, reverse=True)

    def masked(self, event: S) -> S:
        """A struct with its texts masked; names of tasks and paths of outputs stay, since programs go by them."""
        if self._pattern is None:
            return event
        values = {name: getattr(event, name) for name in event.__struct_fields__}
        found = {n: self.deep(value) for n, value in values.items() if n not in _PLAIN or not isinstance(value, str)}
        return structs.replace(event, **found)

    def deep(self, value: Any) -> Any:
        """`mask` for all texts in tables and lists."""
        if self._pattern is None:
            return value
        match value:
            case str():
                return self.mask(value)
            case tuple() | list():
                return type(value)(self.deep(item) for item in value)
            case Struct():
                return self.masked(value)
            case dict():
                return {key: self.deep(item) for key, item in value.items()}
            case _:
                return value


def of_flow(flow: Flow, environ: Mapping[str, str]) -> Secrets:
    """The secrets that are known before anything is rendered: of dotenv files, and of the variables in `secrets`.

    `environ` is the inherited environment. Templates add theirs when they are rendered.
    """
    values = [value for value in flow.dotenv.values() if len(value) >= SHORTEST]
    for name in flow.secrets:
        tables = (environ, flow.dotenv, flow.env, *(task.env for task in flow.declarations.values()))
        values += [table[name] for table in tables if name in table and "{{" not in table[name]]
    return Secrets(values)


def hidden(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Variables as they may be seen and compared: secret ones as a digest of their value, also inside of others."""
    digests = {name: digest(name, environment[name]) for name in names if environment.get(name)}
    shown = {}
    for name, value in environment.items():
        for secret in sorted(digests, key=lambda one: -len(environment[one])):
            if name not in digests and len(environment[secret]) >= SHORTEST:
                value = value.replace(environment[secret], digests[secret])
        shown[name] = digests.get(name, value)
    return shown


def digest(name: str, value: str) -> str:
    """What stands for a secret: it tells whether the value is the same, and cannot be turned back into it.

    Made of characters that neither a shell nor JSON has to quote.
    """
    return f"secret:{name}:{strong_digest(value)[:16]}"


def strong_digest(value: str) -> str:
    """A digest for values that are not to be found out: the fast ones for files can be run backwards."""
    from hashlib import blake2b

    return blake2b(value.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _parts(value: str) -> Iterable[str]:
    lines = value.split("\n")
    return [value] if len(lines) == 1 else [value, *(line for line in lines if len(line) >= SHORTEST)]


def _spellings(value: str) -> set[str]:
    """The value itself, and as it is written inside quotes of a shell, and of JSON."""
    return {value, quote(value).removeprefix("'").removesuffix("'"), json.dumps(value)[1:-1]}
