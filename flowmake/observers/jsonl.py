"""Events as JSON Lines, flushed as they come. A full disk or a closed pipe is reported, and the run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import IO, Any

import msgspec

from flowmake.core.events import Event
from flowmake.core.expressions import expression

VERSION = 1
_encode = msgspec.json.Encoder().encode
_BORDER = expression(r"(?<=[a-z])(?=[A-Z])")


class Jsonl:
    """Writes to `stream`; `report` is told once, in a sentence, when that fails.

    An unbuffered file is best: what a buffer could not get rid of would come up again when the file is closed.
    """

    def __init__(self, stream: IO[bytes], report: Callable[[str], None], name: str = "the event stream") -> None:
        self._stream = stream
        self._report = report
        self._name = name
        self._broken = False

    def on_event(self, event: Event) -> None:
        """Write one line, at once."""
        self.write((event,))

    def on_tick(self, now: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to release: every line was flushed, and the stream belongs to whoever opened it."""

    def write(self, events: Iterable[Event]) -> None:
        """Write lines, in one go where the stream takes them so."""
        if self._broken:
            return
        try:
            rest = memoryview(b"".join(map(line, events)))
            while rest:
                rest = rest[self._stream.write(rest) :]
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._broken = True
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._report(f"cannot write events to {self._name}: {why}; no more events are written")


def line(event: Event) -> bytes:
    """One event as a line. Bytes of paths that are not UTF-8 stay as surrogate escapes (`\\udcXX`)."""
    try:
        # `time` comes first in every event. To put it in words here spares a table of the fields.
        fields = _encode(event).partition(b",")[2]
    except UnicodeEncodeError:
        return json.dumps(as_dict(event)).encode() + b"\n"
    second, milli = _moment(event.time)
    return b'%b%b.%03dZ",%b\n' % (_opening(type(event)), _iso_second(second), milli, fields)


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
    second, milli = _moment(seconds)
    return f"{_iso_second(second).decode()}.{milli:03}Z"


def _moment(seconds: float) -> tuple[int, int]:
    """Whole seconds and milliseconds."""
    return divmod(round(seconds * 1_000_000) // 1000, 1000)


@lru_cache(maxsize=16)
def _iso_second(seconds: int) -> bytes:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat().encode()
