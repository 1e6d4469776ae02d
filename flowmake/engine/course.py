"""Whether a run goes on: what has been heeded of the signals, and whether anything more is started. Stops nothing."""

from __future__ import annotations

from flowmake.engine.policy import Signals


class Course:
    """That of one run. `stopping`: nothing more is started; `halted`: what ran was asked to end, too."""

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
