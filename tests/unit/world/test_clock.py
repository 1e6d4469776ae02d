"""The real clock waits for descriptors, and not longer than asked."""

from __future__ import annotations

import threading
import time

from flowmake.world.bell import Bell
from flowmake.world.clock import SystemClock


def test_time_is_the_systems() -> None:
    clock = SystemClock()
    before = time.time(), time.monotonic()
    assert before[0] <= clock.now() <= time.time()
    assert before[1] <= clock.monotonic() <= time.monotonic()


def test_a_readable_descriptor_ends_the_wait() -> None:
    bell, other = Bell(), Bell()
    clock = SystemClock()
    threading.Timer(0.01, bell.ring).start()
    clock.wait((other.fileno(), bell.fileno()), None)
    bell.silence()
    before = clock.monotonic()
    clock.wait((bell.fileno(),), 0.01)
    assert clock.monotonic() - before >= 0.01
    bell.close()
    other.close()


def test_a_limit_in_the_past_is_no_wait() -> None:
    SystemClock().wait((), -5)
    SystemClock().wait((), 0)


def test_a_bell_rung_twice_is_silent_after_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    bell.silence()
    bell.silence()
    before = time.monotonic()
    SystemClock().wait((bell.fileno(),), 0.01)
    assert time.monotonic() - before >= 0.01
    bell.close()
    bell.close()
    assert bell.fileno() == -1
