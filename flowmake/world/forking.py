"""Work shared out to copies of this process, each of which tells what it has found and is gone. Knows not what work."""

from __future__ import annotations

import gc
import marshal
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn, TypeVar

from msgspec import Struct

from flowmake.world.signals import STOPPING, held_back, let_through

Item = TypeVar("Item")
Found = TypeVar("Found")
Work = Callable[[Sequence[Item]], list[Found]]

_STRIDE = 256
"""Items between two looks whether anybody still waits for what is found."""


class _Copy(Struct, frozen=True):
    """A process that works on one share, and where it tells what it has found."""

    pid: int
    reading: int


def can_share() -> bool:
    """Whether this process may be copied: no other thread may hold a lock that nobody would open in the copy."""
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        return False  # the kernel would give the number of a copy that has ended to somebody else
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:  # no Linux
        threading = sys.modules.get("threading")
        return threading is None or threading.active_count() == 1


def share_out(work: Work[Item, Found], shares: Sequence[Sequence[Item]]) -> list[list[Found] | None]:
    """What `work` finds for each share: for the first here, for the others in copies at the same time.

    None for a share whose copy could not be begun or came to no end, for whatever reason. What is found has to be
    such as `marshal` writes. Only where `can_share`. What `work` raises here, and `KeyboardInterrupt`, ends the copies.
    """
    copies: list[_Copy | None] = []
    with held_back():
        try:
            for share in shares[1:]:
                copies.append(_begin(work, share))
            with let_through():
                found: list[list[Found] | None] = [work(shares[0])]
                return found + [None if copy is None else _heard(copy) for copy in copies]
        finally:
            for copy in copies:
                if copy is not None:
                    _end(copy)


def _begin(work: Work[Item, Found], share: Sequence[Item]) -> _Copy | None:
    try:
        reading, writing = os.pipe()
    except OSError:  # no more descriptors
        return None
    parent = os.getpid()
    # Until a copy has put away our handlers, none may be called: it would do once more what we do.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if not pid:
            _be_copy(work, share, before, parent, writing)
        os.close(writing)
        return _Copy(pid, reading)
    except OSError:  # no more processes, or no memory
        os.close(reading)
        os.close(writing)
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _be_copy(work: Work[Item, Found], share: Sequence[Item], mask: set[int], parent: int, writing: int) -> NoReturn:
    """What goes wrong here goes wrong once more, and is told, where the share is then worked on."""
    try:
        _let_go_of_all_but(writing)
        gc.disable()  # it would touch, and so copy, all memory
        _die_of_signals(mask.difference(STOPPING))
        found: list[Found] = []
        for start in range(0, len(share), _STRIDE):
            if os.getppid() != parent:
                break
            found += work(share[start : start + _STRIDE])
        data = memoryview(marshal.dumps(found))
        while data:
            data = data[os.write(writing, data) :]
    finally:
        os._exit(0)


def _let_go_of_all_but(descriptor: int) -> None:
    """Of our lock, which would else be taken after we are killed; and of the other end of the pipe, which would else
    have a reader for ever.
    """
    for name in os.listdir("/dev/fd"):
        if int(name) != descriptor:
            with suppress(OSError):  # it was that of the listing
                os.close(int(name))


def _die_of_signals(mask: set[int]) -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _heard(copy: _Copy) -> list[Found] | None:
    """What it has found, if that came through as a whole."""
    with open(copy.reading, "rb", closefd=False) as file:
        data = file.read()
    try:
        found: list[Found] = marshal.loads(data)
        return found
    except (EOFError, ValueError, TypeError):
        return None


def _end(copy: _Copy) -> None:
    """It is ours until we have waited for it, so its number is nobody else's."""
    os.close(copy.reading)
    os.kill(copy.pid, signal.SIGKILL)
    os.waitpid(copy.pid, 0)
