"""The real clock waits for descriptors, and not longer than asked."""

from __future__ import annotations

import select
import threading
import time

import pytest

from flowmake.world.bell import Bell
from flowmake.world.clock import SystemClock


def test_time_is_the_systems() -> None:
    clock = SystemClock()
    before = time.time(), time.monotonic()
    assert before[0] <= clock.now() <= time.time()
    assert before[1] <= clock.monotonic() <= time.monotonic()


def is_readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def test_a_readable_descriptor_ends_the_wait() -> None:
    bell, other = Bell(), Bell()
    thread = threading.Timer(0.01, bell.ring)
    thread.start()
    SystemClock().wait((other.fileno(), bell.fileno()), None)
    assert (is_readable(bell.fileno()), is_readable(other.fileno())) == (True, False)
    thread.join()
    bell.close()
    other.close()


@pytest.mark.parametrize("timeout", [-5, 0, 0.001])
def test_a_wait_ends_with_its_limit(timeout: float) -> None:
    bell = Bell()
    SystemClock().wait((bell.fileno(),), timeout)
    assert not is_readable(bell.fileno())
    bell.close()


def test_a_bell_rung_twice_is_silent_after_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert is_readable(bell.fileno())
    bell.silence()
    bell.silence()
    assert not is_readable(bell.fileno())
    bell.close()
    bell.close()
    assert bell.fileno() == -1
