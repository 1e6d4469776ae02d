"""Logs that tasks write to: kept within a limit, cleaned of secrets, read in bounded memory. Unaware of tasks.

A command writes straight to its log's descriptor, so nothing of ours sees what goes by. A log that grows over the limit
loses its middle instead: the blocks between its head and its last lines are given back to the file system while the
command goes on writing, and the hole is closed when it has ended. Where a file system cannot punch holes, the log is
cut back to its head, which descriptors that append do not mind.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from msgspec import Struct

from flowmake.core.text import size
from flowmake.world import holes
from flowmake.world.spares import Spares

LONGEST_TAIL = 16 << 20
"""Bytes kept of the end of a log over its limit, at most: what came last matters most, and is moved at the end."""
INTERVAL = 0.5
"""Seconds between two looks at how long logs have grown."""
CHUNK = 1 << 18


class _Log(Struct):
    """A log that is being written. `start` and `end` of the hole in it; `lost` counts bytes left out for good."""

    start: int = 0
    end: int = 0
    lost: int = 0


class KeptLogs:
    """The logs of the running tasks. `limit` in bytes; `secrets` tells which bytes must not stay in any of them."""

    def __init__(self, limit: int, secrets: Callable[[], Sequence[bytes]] = tuple) -> None:
        self._limit = limit
        self._tail = min(limit // 2, LONGEST_TAIL)
        self._secrets = secrets
        self._logs: dict[str, _Log] = {}
        self._growing: set[str] = set()
        self._spares = Spares()
        self._looked = 0.0

    def begin(self, path: str) -> None:
        """A command is about to append to this log, perhaps not for the first time."""
        self._growing.add(path)
        self._spares.give(path)

    def tick(self, now: float) -> None:
        """Look after the logs that grow, once in a while; `now` is monotonic seconds."""
        if now - self._looked >= INTERVAL:
            self._looked = now
            for path in self._growing:
                self._hold(path, _length(path))

    def end(self, path: str, *, spare: bool = False) -> str:
        """The command has ended: leave a plain file without secrets; in a sentence why not, where the disk refuses.

        `spare`: nobody needs the log if it is empty.
        """
        self._growing.discard(path)
        length = _length(path)
        if not length:
            if spare and length is not None:
                self._spares.add(path)
            return ""
        try:
            log = self._hold(path, length)
            if log is not None and log.end:
                _close_hole(path, log, self._note(log))
            if secrets := self._secrets():
                scrub(path, secrets)
        except OSError as error:
            return uncleaned(path, error)
        return ""

    def _hold(self, path: str, length: int | None) -> _Log | None:
        """Take the middle out of a log that is over the limit; what is known of it if that was ever so."""
        if length is None:
            return None
        log = self._logs.get(path)
        if length - (log.end - log.start if log is not None else 0) <= self._limit:
            return log
        log = self._logs.setdefault(path, _Log())
        head = self._limit - self._tail
        start, end = holes.aligned(log.end or head, length - self._tail)
        if end <= start:
            return log
        if holes.punch(path, start, end):
            log.start, log.end = log.start or start, end
        else:
            log.lost += length - head
            _cut_back(path, head, self._note(log))
        return log

    def _note(self, log: _Log) -> bytes:
        lost = log.lost + log.end - log.start
        return f"\n[flowmake: {size(lost)} left out here; `log_limit` is {size(self._limit)}]\n".encode()


def uncleaned(path: str, error: OSError) -> str:
    """What to say of a log that stays as it is."""
    return f"cannot clean the log `{path}`, and secrets may have stayed in it: {error.strerror}"


def _length(path: str) -> int | None:
    """Bytes; None where no file can be found."""
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _close_hole(path: str, log: _Log, note: bytes) -> None:
    """Move what follows the hole up to where it begins."""
    with open(path, "r+b", buffering=0) as file:
        target, source = log.start, log.end
        while chunk := os.pread(file.fileno(), CHUNK, source):
            source += len(chunk)
            target = _write(file, note + chunk, target)
            note = b""
        file.truncate(target)
    log.lost += log.end - log.start
    log.start = log.end = 0


def _write(file: IO[bytes], text: bytes, position: int) -> int:
    """Write all of it; the position behind it."""
    while text:
        written = os.pwrite(file.fileno(), text, position)
        text = text[written:]
        position += written
    return position


def _cut_back(path: str, head: int, note: bytes) -> None:
    os.truncate(path, head)
    with open(path, "ab", buffering=0) as file:
        file.write(note)


def scrub(path: str, secrets: Sequence[bytes]) -> None:
    """Overwrite secrets in a file with as many `*`; whoever still appends to it is not disturbed. Raises `OSError`."""
    pattern = re.compile(b"|".join(map(re.escape, secrets)))
    with open(path, "r+b", buffering=0) as file:
        for offset, window in _windows(file, max(map(len, secrets)) - 1):
            for match in pattern.finditer(window):
                _write(file, b"*" * len(match[0]), offset + match.start())


def _windows(file: IO[bytes], overlap: int) -> Iterator[tuple[int, bytes]]:
    """The file piece by piece, each with the end of the one before: nothing is missed that lies across."""
    kept, end = b"", 0
    for offset, chunk in pieces(file):
        window = (kept if offset == end else b"") + chunk
        end = offset + len(chunk)
        yield end - len(window), window
        kept = window[-overlap:] if overlap else b""


def pieces(file: IO[bytes], position: int = 0) -> Iterator[tuple[int, bytes]]:
    """What is in a file from a position on, by offset and in bounded pieces, without the holes."""
    while found := holes.next_data(file.fileno(), position):
        start, end = found
        chunk = os.pread(file.fileno(), CHUNK if end is None else min(CHUNK, end - start), start)
        if not chunk:
            return
        yield start, chunk
        position = start + len(chunk)
