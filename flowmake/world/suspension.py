"""Being suspended from the keyboard (Ctrl-Z) and continued, with something to be done before and after."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from flowmake.world.signals import Masked


@contextmanager
def suspension(before: Callable[[], None], after: Callable[[], None]) -> Iterator[None]:
    """Meanwhile SIGTSTP calls `before`, stops this process, and calls `after` once it goes on.

    Where it is ignored (a shell without job control), and outside of the main thread, nothing is changed.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        before()
        os.kill(os.getpid(), signal.SIGSTOP)
        after()

    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)


def kept_off() -> AbstractContextManager[None]:
    """Meanwhile a suspension waits: what it does before and after may need what is being worked on."""
    return Masked(signal.SIG_BLOCK, (signal.SIGTSTP,))
