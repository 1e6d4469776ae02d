"""What GitHub Actions makes of the output of a step: its workflow commands, and when it heeds them. Knows no flowmake.

As its runner does it: a line that begins with `::` after blanks is a command, a `##[…]` anywhere in a line as well, and
neither after `::stop-commands::TOKEN` until `::TOKEN::`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

COMMAND = re.compile(r"\s*::(?P<name>[^\s:]+)(?: (?P<properties>[^:]*))?::(?P<data>.*)")
OLD_COMMAND = re.compile(r"##\[(?P<name>[^\s\]]+)[^\]]*\](?P<data>.*)")


class Command(NamedTuple):
    """A command that was heeded."""

    name: str
    properties: dict[str, str]
    data: str


class Step:
    """`commands` in order, `groups` with the lines in each, `plain` lines outside of groups."""

    def __init__(self, output: str) -> None:
        self.commands: list[Command] = []
        self.groups: dict[str, list[str]] = {}
        self.plain: list[str] = []
        self._token = ""
        self._group: list[str] | None = None
        for line in output.splitlines():
            self._feed(line)

    @property
    def is_stopped(self) -> bool:
        return bool(self._token)

    def _feed(self, line: str) -> None:
        match = COMMAND.match(line) or OLD_COMMAND.search(line)
        if match is not None and self._token and match["name"] == self._token:
            self._token = ""
        elif match is None or self._token:
            (self.plain if self._group is None else self._group).append(line)
        elif match["name"] == "stop-commands":
            self._token = match["data"]
        else:
            self._heed(match["name"], match.groupdict().get("properties") or "", _unescaped(match["data"]))

    def _heed(self, name: str, properties: str, data: str) -> None:
        pairs = (part.partition("=") for part in properties.split(",") if part)
        self.commands.append(Command(name, {key: _unescaped(value) for key, _, value in pairs}, data))
        if name == "group":
            self._group = self.groups.setdefault(data, [])
        elif name == "endgroup":
            self._group = None


def _unescaped(text: str) -> str:
    for sign, code in (("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C"), ("%", "%25")):
        text = text.replace(code, sign)
    return text
