"""Timers fire in order, when they are due, and once."""

from __future__ import annotations

from flowmake.engine.timers import Timers
from tests.fakes import FakeClock


def test_they_fire_in_order_of_time_and_then_of_setting() -> None:
    clock, fired = FakeClock(), []
    timers = Timers(clock)
    for name, seconds in (("late", 5.0), ("a", 2.0), ("b", 2.0), ("now", 0.0)):
        timers.after(seconds, lambda name=name: fired.append(name))
    timers.fire()
    assert (fired, timers.until_next(9.0), timers.until_next(1.0)) == (["now"], 2.0, 1.0)
    clock.wait((), 2.0)
    timers.fire()
    assert (fired, timers.until_next(9.0)) == (["now", "a", "b"], 3.0)
    clock.wait((), 99.0)
    assert timers.until_next(9.0) == 0.0
    timers.fire()
    timers.fire()
    assert (fired, timers.until_next(9.0)) == (["now", "a", "b", "late"], 9.0)


def test_an_action_may_set_another() -> None:
    fired: list[str] = []
    timers = Timers(FakeClock())
    timers.after(0.0, lambda: timers.after(0.0, lambda: fired.append("second")))
    timers.fire()
    assert fired == ["second"]
