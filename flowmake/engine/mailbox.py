"""Attempts that go out to other machines, and their ends that come back. Unaware of engines, and of how files lie."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator

import msgspec
import xxhash

import flowmake
from flowmake.core.errors import StateError
from flowmake.core.ports import Ended, Leftover, Work
from flowmake.core.text import safe_text
from flowmake.engine.pigeonholes import ROOMS, Pigeonholes, sealed, unsealed

_LEAN = "import os, sys; sys.path += sys.argv[1].split(':'); from flowmake.engine.errand import main; os._exit(main())"
"""To end without clearing up saves a tenth of the time."""


class Mailbox(Pigeonholes):
    """Both sides' view of one folder that all machines see."""

    def create(self) -> None:
        """Make the folder. Raises `StateError`."""
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            for room in ROOMS:
                os.makedirs(os.path.join(self.folder, room), mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateError(f"cannot make `{error.filename}`: {error.strerror}") from error

    def command(self, *fences: str) -> tuple[str, ...]:
        """The program, with its arguments, that carries these attempts out on whatever machine it is started."""
        return (sys.executable, "-I", "-S", "-c", _LEAN, ":".join(_homes()), self.folder, *fences)

    def serving(self) -> tuple[str, ...]:
        """The program that carries out whatever there is to do, until it is stopped."""
        return (sys.executable, "-m", "flowmake.engine.node", self.folder, "--serve")

    def said(self, fence: str) -> str:
        """Where the program that carries an attempt out may print to."""
        return self.path("said", fence)

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
            args = pickle.dumps(work.args, pickle.HIGHEST_PROTOCOL) if work.args else b""
            self.write(
                "work",
                work.fence,
                sealed({**msgspec.structs.asdict(work), "env": dict(work.env), "args": args, "options": {}}),
            )
        except OSError as error:
            return f"cannot write `{error.filename}`: {error.strerror}"
        except Exception as error:  # whatever an argument's own pickling raises
            return f"the arguments of `{work.call}` cannot be sent: {error}"
        return ""

    def results(self) -> Iterator[tuple[str, Ended]]:
        """The ends that are there now, by fence; one that is not whole, or not wanted any more, is passed over."""
        for fence in self.names("results"):
            told = unsealed(self.read("results", fence) or b"")
            if told is not None:
                yield fence, msgspec.convert(told, Ended)

    def void(self, fence: str) -> bool:
        """See to it that nobody begins with this attempt any more; False if somebody has."""
        return self.claim(fence, "nobody")

    def empty(self) -> None:
        """Remove all traces of all attempts."""
        for fence in {name for room in ROOMS for name in self.names(room)}:
            self.forget(fence)

    def ask_to_stop(self, fence: str, *, kill: bool) -> None:
        """Whoever carries it out will see. Raises `OSError`."""
        self.write("stops", fence, b"KILL" if kill else b"TERM")

    def leftovers(self) -> list[Leftover]:
        """All attempts that are out, as a coordinator finds them that has just begun."""
        found = [self.work(fence) for fence in self.names("work")]
        return [Leftover(work.task, work.fence, work.identity) for work in found if work is not None]

    # -- the side of whoever carries an attempt out --------------------------------------------------------------

    def work(self, fence: str) -> Work | None:
        """The attempt; None if nobody wants it any more."""
        found = unsealed(self.read("work", fence) or b"")
        if found is None:
            return None
        args = found.pop("args")
        return msgspec.structs.replace(msgspec.convert(found, Work), args=pickle.loads(args) if args else {})

    def waiting(self) -> list[str]:
        """Fences of all attempts that are out and not claimed, in their order."""
        return sorted(set(self.names("work")) - set(self.names("claims")))

    def report(self, fence: str, ended: Ended) -> None:
        """Tell how it ended. Raises `OSError`."""
        self.write("results", fence, sealed(msgspec.to_builtins(ended)))

    def asked_to_stop(self) -> dict[str, bool]:
        """Attempts that are to end; whether they are to be killed."""
        wishes = {fence: self.wish(fence) for fence in self.names("stops")}
        return {fence: wish for fence, wish in wishes.items() if wish is not None}


def _homes() -> list[str]:
    """Where a Python without `site-packages` finds flowmake and the rest; first what is always needed."""
    ours = [os.path.dirname(os.path.dirname(file)) for file in (flowmake.__file__, xxhash.__file__)]
    return list(dict.fromkeys([*ours, *filter(os.path.isabs, sys.path)]))
