"""Places in Flowfiles: where a thing was written. Knows nothing of what the text means."""

from __future__ import annotations

from msgspec import Struct


class Place(Struct, frozen=True, gc=False, omit_defaults=True):
    """Where something was written, kept cheap: line and column are found only when an error is shown.

    `keys` is the path of TOML keys and array indices to the thing, for example
    `("tasks", "clean", "inputs", 2)`; `line` and `column` (both from 1) are given
    instead where the text could not be parsed at all. `on_key` points at the last
    key of `keys` rather than at its value.
    """

    file: str
    keys: tuple[str | int, ...] = ()
    line: int = 0
    column: int = 0
    on_key: bool = False

    def at(self, *keys: str | int) -> Place:
        """The place of something inside this one."""
        return Place(self.file, self.keys + keys)

    def key(self, *keys: str | int) -> Place:
        """Like `at`, pointing at the key itself instead of its value."""
        return Place(self.file, self.keys + keys, on_key=True)


class Position(Struct, frozen=True, gc=False):
    """A found place: line and column from 1, and how many characters to underline (at least 1)."""

    line: int
    column: int
    width: int = 1
