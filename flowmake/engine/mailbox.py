"""A folder on a shared file system through which attempts go out and their ends come back. Unaware of engines.

`work/FENCE` holds an attempt as long as anybody wants it. Whoever carries it out makes `claims/FENCE` first, which only
one can: an attempt started twice (by an engine that repeats what it lost, or a submission that seemed to fail) runs
once. `results/FENCE` is its end, renamed into place. `stops/FENCE` asks for an end: `TERM` or `KILL`. `said/FENCE` is
for what the program that carries it out may print, should it fail itself.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from flowmake.core.errors import StateError
from flowmake.core.ports import Ended, Leftover, Work
from flowmake.core.text import safe_text

_ROOMS = ("work", "claims", "results", "stops", "said")


class Mailbox:
    """Both sides' view of one such folder. Its files hold environments, so nobody else may read them."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def create(self) -> None:
        """Make the folder. Raises `StateError`."""
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            for room in _ROOMS:
                os.makedirs(os.path.join(self.folder, room), mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateError(f"cannot make `{error.filename}`: {error.strerror}") from error

    def command(self, *fences: str) -> tuple[str, ...]:
        """The program, with its arguments, that carries these attempts out on whatever machine it is started."""
        return (sys.executable, "-m", "flowmake.engine.node", self.folder, *fences)

    def serving(self) -> tuple[str, ...]:
        """The program that carries out whatever there is to do, until it is stopped."""
        return (*self.command(), "--serve")

    def said(self, fence: str) -> str:
        """Where the program that carries an attempt out may print to."""
        return self._path("said", fence)

    def last_words(self, fence: str) -> str:
        """The last line that it printed."""
        try:
            with open(self.said(fence), "rb") as file:
                lines = safe_text(file.read()[-4096:]).splitlines()
        except OSError:  # it has printed nothing
            return ""
        return next((line for line in reversed(lines) if line.strip()), "")

    # -- the coordinator's side --------------------------------------------------------------------------------

    def post(self, work: Work) -> str:
        """Put an attempt out; why that cannot be done, in a sentence, or nothing."""
        try:
            self._write("work", work.fence, pickle.dumps(work, pickle.HIGHEST_PROTOCOL))
        except OSError as error:
            return f"cannot write `{error.filename}`: {error.strerror}"
        except Exception as error:  # whatever an argument's own pickling raises
            return f"the arguments of `{work.call}` cannot be sent: {error}"
        return ""

    def results(self) -> Iterator[tuple[str, Ended]]:
        """The ends that are there now, by fence; one that is not whole, or not wanted any more, is passed over."""
        for fence in self._names("results"):
            ended = self._result(fence)
            if ended is not None:
                yield fence, ended

    def _result(self, fence: str) -> Ended | None:
        try:
            with open(self._path("results", fence), encoding="ascii") as file:
                return msgspec.convert(json.load(file), Ended)
        except (OSError, ValueError, msgspec.ValidationError):  # it is still being copied here, or was cut off
            return None

    def is_claimed(self, fence: str) -> bool:
        """Has anybody begun with it?"""
        return os.path.exists(self._path("claims", fence))

    def void(self, fence: str) -> bool:
        """See to it that nobody begins with this attempt any more; False if somebody has."""
        return self.claim(fence, "nobody")

    def forget(self, fence: str) -> None:
        """Remove all traces of an attempt: without its work, nobody will begin with it."""
        for room in _ROOMS:
            with suppress(OSError):  # it was never made; or it stays, and tells nothing to anyone
                os.unlink(self._path(room, fence))

    def empty(self) -> None:
        """Remove all traces of all attempts."""
        for fence in {name for room in _ROOMS for name in self._names(room)}:
            self.forget(fence)

    def ask_to_stop(self, fence: str, *, kill: bool) -> None:
        """Whoever carries it out will see. Raises `OSError`."""
        self._write("stops", fence, b"KILL" if kill else b"TERM")

    def leftovers(self) -> list[Leftover]:
        """All attempts that are out, as a coordinator finds them that has just begun."""
        found = [self.work(fence) for fence in self._names("work")]
        return [Leftover(work.task, work.fence, work.identity) for work in found if work is not None]

    # -- the side of whoever carries an attempt out --------------------------------------------------------------

    def work(self, fence: str) -> Work | None:
        """The attempt; None if nobody wants it any more."""
        try:
            with open(self._path("work", fence), "rb") as file:
                found = pickle.load(file)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None
        return found if isinstance(found, Work) else None

    def is_wanted(self, fence: str) -> bool:
        """Does anybody wait for its end?"""
        return os.path.exists(self._path("work", fence))

    def waiting(self) -> list[str]:
        """Fences of all attempts that are out and not claimed, in their order."""
        return sorted(set(self._names("work")) - set(self._names("claims")))

    def claim(self, fence: str, who: str = "") -> bool:
        """Take an attempt; False if it is taken. Raises `OSError`."""
        try:
            fd = os.open(self._path("claims", fence), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return False
        with os.fdopen(fd, "w") as file:
            file.write(who or f"{socket.gethostname()} {os.getpid()}")
        return True

    def report(self, fence: str, ended: Ended) -> None:
        """Tell how it ended. Raises `OSError`."""
        self._write("results", fence, json.dumps(msgspec.to_builtins(ended)).encode("ascii"))

    def asked_to_stop(self) -> dict[str, bool]:
        """Attempts that are to end; whether they are to be killed."""
        found: dict[str, bool] = {}
        for fence in self._names("stops"):
            with suppress(OSError), open(self._path("stops", fence), "rb") as file:  # forgotten just now
                found[fence] = file.read() == b"KILL"
        return found

    # -- files -------------------------------------------------------------------------------------------------

    def _path(self, room: str, fence: str) -> str:
        return os.path.join(self.folder, room, fence)

    def _names(self, room: str) -> list[str]:
        try:
            return [name for name in os.listdir(os.path.join(self.folder, room)) if not name.startswith(".")]
        except OSError:
            return []

    def _write(self, room: str, fence: str, data: bytes) -> None:
        """Whole or not at all."""
        draft = self._path(room, f".{fence}.{socket.gethostname()}.{os.getpid()}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            os.replace(draft, self._path(room, fence))
        except BaseException:
            os.unlink(draft)
            raise
