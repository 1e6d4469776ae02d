"""Files by which machines that share a folder tell each other of attempts. Standard library and xxhash only.

What carries out one attempt on a node loads this for each, so it must cost next to nothing. `Mailbox` adds meaning.

`work/FENCE` holds an attempt as long as anybody wants it. Whoever carries it out makes `claims/FENCE` first, which only
one can: an attempt started twice (by an engine that repeats what it lost, or a submission that seemed to fail) runs
once. `results/FENCE` is its end, renamed into place. `stops/FENCE` asks for an end: `TERM` or `KILL`. `said/FENCE` is
for what the program that carries it out may print, should it fail itself.
"""

from __future__ import annotations

import marshal
import os

from xxhash import xxh3_128_digest

TYPE_CHECKING = False  # as from `typing`, whose import alone would cost more than all of this file
if TYPE_CHECKING:
    from typing import Any

ROOMS = ("work", "claims", "results", "stops", "said")
_SEAL = 16
"""Bytes of digest before what they are the digest of."""


def sealed(value: dict[str, Any]) -> bytes:
    """Plain values as bytes that the same Python reads again. Raises `ValueError` for values of other types."""
    data = marshal.dumps(value)
    return xxh3_128_digest(data) + data


def unsealed(data: bytes) -> dict[str, Any] | None:
    """What was sealed; None if a part is missing or wrong: it is still being copied here, or was cut off."""
    if xxh3_128_digest(data[_SEAL:]) != data[:_SEAL]:
        return None
    try:
        found: dict[str, Any] = marshal.loads(data[_SEAL:])
    except (EOFError, TypeError, ValueError):  # a Python that writes otherwise has sealed it
        return None
    return found


class Pigeonholes:
    """One such folder. Its files hold environments, so nobody else may read them."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def is_claimed(self, fence: str) -> bool:
        """Has anybody begun with it?"""
        return os.path.exists(self.path("claims", fence))

    def is_wanted(self, fence: str) -> bool:
        """Does anybody wait for its end?"""
        return os.path.exists(self.path("work", fence))

    def claim(self, fence: str, who: str = "") -> bool:
        """Take an attempt; False if it is taken. Raises `OSError`."""
        try:
            fd = os.open(self.path("claims", fence), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return False
        try:
            os.write(fd, (who or f"{os.uname().nodename} {os.getpid()}").encode())
        finally:
            os.close(fd)
        return True

    def forget(self, fence: str) -> None:
        """Remove all traces of an attempt: without its work, nobody will begin with it."""
        for room in ROOMS:
            try:
                os.unlink(self.path(room, fence))
            except OSError:  # it was never made; or it stays, and tells nothing to anyone
                continue

    def wish(self, fence: str) -> bool | None:
        """Is the attempt to end (False), to be killed (True), or to go on?"""
        word = self.read("stops", fence)
        return None if word is None else word == b"KILL"

    def path(self, room: str, fence: str) -> str:
        """Where one is, or would be."""
        return os.path.join(self.folder, room, fence)

    def names(self, room: str) -> list[str]:
        """Fences of all that are there."""
        try:
            return [name for name in os.listdir(os.path.join(self.folder, room)) if not name.startswith(".")]
        except OSError:
            return []

    def read(self, room: str, fence: str) -> bytes | None:
        """What is there; None if it is not, or cannot be read."""
        try:
            with open(self.path(room, fence), "rb", buffering=0) as file:
                return file.readall()
        except OSError:
            return None

    def write(self, room: str, fence: str, data: bytes) -> None:
        """Whole or not at all. Raises `OSError`."""
        draft = self.path(room, f".{fence}.{os.uname().nodename}.{os.getpid()}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(data)
            os.replace(draft, self.path(room, fence))
        except BaseException:
            os.unlink(draft)
            raise
