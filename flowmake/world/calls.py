"""Short commands run beside everything else: started, and asked later what they said. Unaware of what they are for."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec import Struct

_CHUNK = 1 << 16


class Said(Struct, frozen=True):
    """How a command ended: exit code (127 with a sentence in `err` if it could not start), what it printed, seconds."""

    code: int
    out: str
    err: str
    seconds: float


class Call:
    """One command under way. Nothing here waits; what is not over after `limit` seconds is killed."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: str, stdin: str = "", limit: float = 60.0
    ) -> None:
        """`stdin` is short: it must fit into a pipe."""
        self._began = time.monotonic()
        self._limit = limit
        self._parts: dict[int, list[bytes]] = {}
        self._said: Said | None = None
        try:
            self._process = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._said = Said(127, "", f"cannot start `{argv[0]}`: {error.strerror}", 0.0)
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._out, self._err = self._process.stdout.fileno(), self._process.stderr.fileno()
        for fd in (self._out, self._err):
            os.set_blocking(fd, False)
            self._parts[fd] = []
        self._open = {self._out, self._err}
        with suppress(BrokenPipeError):  # it did not care to read; its exit code tells
            self._process.stdin.write(stdin.encode("utf-8", "surrogateescape"))
        self._process.stdin.close()

    def fds(self) -> tuple[int, ...]:
        """Readable when `said` may have news."""
        return () if self._said is not None else tuple(self._open)

    def said(self) -> Said | None:
        """How it ended; None while it runs."""
        if self._said is not None:
            return self._said
        late = time.monotonic() > self._began + self._limit
        if late:
            self._process.kill()
        for fd in list(self._open):
            self._read(fd)
        if not late and (self._open or self._process.poll() is None):
            return None
        self._said = Said(self._process.wait(), self._text(self._out), self._text(self._err), self._seconds())
        self._close()
        return self._said

    def errors(self) -> str:
        """What it has printed to stderr, as far as `said` has seen."""
        return self._said.err if self._said is not None else self._text(self._err)

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _read(self, fd: int) -> None:
        try:
            while chunk := os.read(fd, _CHUNK):
                self._parts[fd].append(chunk)
        except BlockingIOError:
            return
        self._open.discard(fd)

    def _text(self, fd: int) -> str:
        return b"".join(self._parts[fd]).decode("utf-8", "surrogateescape")

    def _close(self) -> None:
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def result(self) -> Said:
        """Wait for its end."""
        while (said := self.said()) is None:
            time.sleep(0.005)  # it is short, and has a limit
        return said
