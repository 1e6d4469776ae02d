"""A plain function as a listener, which is all that a notebook needs. Unaware of what it does with the events."""

from __future__ import annotations

from collections.abc import Callable

from flowmake.core.events import Event


class Function:
    """Calls `function` with each event; what it returns does not matter."""

    def __init__(self, function: Callable[[Event], object]) -> None:
        self._function = function

    def on_event(self, event: Event) -> None:
        """Pass it on."""
        self._function(event)

    def on_tick(self, now: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""
