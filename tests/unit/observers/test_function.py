"""A function hears of every event and is spared the rest."""

from __future__ import annotations

from typing import Any

from flowmake.core.events import Event, RunStarted
from flowmake.observers.function import Function


def test_every_event_and_nothing_else(event: Any) -> None:
    heard: list[Event] = []
    listener = Function(heard.append)
    first, second = event(RunStarted, targets=("a",), jobs=1, argv=()), event(RunStarted, targets=(), jobs=2, argv=())
    listener.on_event(first)
    listener.on_tick(1.0)
    listener.on_event(second)
    listener.close()
    assert heard == [first, second]
