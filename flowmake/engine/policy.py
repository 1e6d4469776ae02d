"""What a run is told and comes to: signals, job slots, how and whether to go on, the outcome. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from flowmake.engine.states import State


class Signals(Protocol):
    """Signals received so far: the number of the first one (0: none), and how many came."""

    first: int
    count: int

    def raising(self) -> AbstractContextManager[None]:
        """Meanwhile a signal that comes raises `KeyboardInterrupt`, too."""
        ...


class Course:
    """Whether a run goes on. `stopping`: nothing more is started; `halted`: what ran was asked to end, too."""

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        self.stopping = False
        self.halted = False
        self.deadline_passed = False
        self._seen = 0

    def is_signalled(self) -> bool:
        """Has a signal come that nobody has heeded yet?"""
        return self.signals.count > self._seen

    def heed(self) -> int:
        """Take note of the signals that have come; how many that are by now, 0 if none is new."""
        seen, self._seen = self._seen, self.signals.count
        return self._seen if self._seen > seen else 0


class Slots(Protocol):
    """Job tokens shared with other programs; a running task holds one for each of its cores."""

    def acquire(self, n: int = 1) -> bool: ...

    def release(self, n: int = 1) -> None: ...

    def fds(self) -> Sequence[int]: ...


class Policy(Struct, frozen=True):
    """How to go on when something fails, and how long to wait. Times in seconds.

    `grace` lies between TERM and KILL; `tick` is how often observers are called while waiting.
    """

    keep_going: bool = False
    fail_fast: bool = False
    deadline: float | None = None
    grace: float = 10.0
    tick: float = 1.0


class Outcome(Struct, frozen=True):
    """What a run came to: `counts` by task status, the tasks that failed and were not allowed to, the ending signal.

    Tasks that were stopped while others failed, time was up or a signal came are not among `failed`.
    """

    counts: dict[str, int]
    failed: tuple[str, ...]
    only_timeouts: bool
    signal: int
    deadline_passed: bool
    states: dict[str, State]
