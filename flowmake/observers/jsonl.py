"""Events as JSON Lines, each flushed at once. A full disk or a closed pipe is reported, and the run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import IO, Any

import msgspec

from flowmake.core.events import Event
from flowmake.core.expressions import expression

VERSION = 1
HOLD = 0.1
"""Seconds between two writes of what is held back, at the least: a scheduler of small tasks ticks a thousand times."""
_BORDER = expression(r"(?<=[a-z])(?=[A-Z])")


class Jsonl:
    """Writes to `stream`; `report` is told once, in a sentence, when that fails.

    With `eager` each line is written at once, else with one of the next ticks. An unbuffered file is best: what a
    buffer could not get rid of would come up again when the file is closed.
    """

    def __init__(
        self,
        stream: IO[bytes],
        report: Callable[[str], None],
        name: str = "the event stream",
        *,
        eager: bool = True,
    ) -> None:
        self._stream = stream
        self._report = report
        self._name = name
        self._broken = False
        self._eager = eager
        self._held: list[bytes] = []
        self._written = -HOLD

    def on_event(self, event: Event) -> None:
        """Take in one line."""
        if not self._broken:
            self._held.append(line(event))
            if self._eager:
                self._guarded(self._write)

    def on_tick(self, now: float) -> None:
        """Write what is held back, once in a while; `now` is monotonic seconds."""
        if self._held and not self._broken and now - self._written >= HOLD:
            self._written = now
            self._guarded(self._write)

    def close(self) -> None:
        """Write and flush; the stream belongs to whoever opened it."""
        if not self._broken:
            self._guarded(self._write)

    def _write(self) -> None:
        held, self._held = self._held, []
        rest = memoryview(b"".join(held))
        while rest:
            rest = rest[self._stream.write(rest) :]
        self._stream.flush()

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (OSError, ValueError) as error:
            self._broken = True
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._report(f"cannot write events to {self._name}: {why}; no more events are written")


def line(event: Event) -> bytes:
    """One event as a line. Bytes of paths that are not UTF-8 stay as surrogate escapes (`\\udcXX`)."""
    try:
        # `time` comes first in every event. To put it in words here spares a table of the fields.
        fields = msgspec.json.encode(event).partition(b",")[2]
    except UnicodeEncodeError:
        return json.dumps(as_dict(event)).encode() + b"\n"
    return b'%b%b",%b\n' % (_opening(type(event)), iso_time(event.time).encode(), fields)


@lru_cache
def _opening(kind: type[Event]) -> bytes:
    """How every line of a kind begins, up to its time."""
    return f'{{"v":{VERSION},"event":"{event_name(kind)}","time":"'.encode()


def as_dict(event: Event) -> dict[str, Any]:
    """The versioned, machine-readable form."""
    return {
        "v": VERSION,
        "event": event_name(type(event)),
        **msgspec.structs.asdict(event),
        "time": iso_time(event.time),
    }


@lru_cache
def event_name(kind: type[Event]) -> str:
    """`task_finished` for `TaskFinished`."""
    return _BORDER.sub("_", kind.__name__).lower()


def iso_time(seconds: float) -> str:
    """Seconds since the epoch as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_iso_second(whole)}.{micro // 1000:03}Z"


@lru_cache(maxsize=16)
def _iso_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
