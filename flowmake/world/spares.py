"""Empty files handed on from one who did not need his to the next. Unaware of what they are for.

Most small commands print nothing, and making a file can cost more than all else that is done for them: some file
systems look for a free inode for a long time. To hand one on costs as much as two names in a folder.
"""

from __future__ import annotations

import fcntl
import os
import signal
from typing import Final

_LEASE: Final[int] = getattr(fcntl, "F_SETLEASE", -1)
"""Linux only."""


class Spares:
    """Files that may be handed on. Where nobody can tell whether a file is still in use, none ever is."""

    def __init__(self) -> None:
        self._paths: list[str] = []

    def add(self, path: str) -> None:
        """Its owner is done with this file, and has written nothing to it."""
        if _LEASE >= 0:
            self._paths.append(path)

    def give(self, path: str) -> None:
        """Let an empty file stand at `path`, if there is one to spare and nothing is there yet."""
        while self._paths:
            if _is_handed_on(self._paths.pop(), path):
                return


def _is_handed_on(old: str, new: str) -> bool:
    """Give a file another name, unless somebody has it open, or has written to it after all.

    A process that was left in the background may write to it still, and a reader wait for that. The kernel grants a
    lease for writing only on a file that nobody else has open, by whatever name or inherited descriptor.
    """
    try:
        descriptor = os.open(old, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Who opens the file meanwhile is made to wait, and we are told: by a signal that, unlike SIGIO, kills nobody.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, _LEASE, fcntl.F_WRLCK)
        if os.lseek(descriptor, 0, os.SEEK_END):
            return False
        os.link(old, new)
        os.unlink(old)
    except OSError:  # in use, or on a file system that knows no leases; or the new one is there already
        return False
    finally:
        os.close(descriptor)
    return True
