"""Events as JSON Lines, each flushed at once. A full disk or a closed pipe is reported, and the run goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any

import msgspec

from flowmake.core.events import Event

VERSION = 1
_BORDER = re.compile(r"(?<=[a-z])(?=[A-Z])")


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
        """Write one line."""
        if not self._broken:
            self._guarded(lambda: self._write(line(event)))

    def on_tick(self, now: float) -> None:
        """Nothing to do: every line was flushed."""

    def close(self) -> None:
        """Flush; the stream belongs to whoever opened it."""
        if not self._broken:
            self._guarded(self._stream.flush)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
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
    fields = as_dict(event)
    try:
        return msgspec.json.encode(fields) + b"\n"
    except UnicodeEncodeError:
        return json.dumps(fields).encode() + b"\n"


def as_dict(event: Event) -> dict[str, Any]:
    """The versioned, machine-readable form."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name not in ("time", "run")}
    return {"v": VERSION, "event": event_name(type(event)), "time": iso_time(event.time), "run": event.run, **fields}


def event_name(kind: type[Event]) -> str:
    """`task_finished` for `TaskFinished`."""
    return _BORDER.sub("_", kind.__name__).lower()


def iso_time(seconds: float) -> str:
    """Seconds since the epoch as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
