"""Signals are counted, wake whoever waits, and leave no trace."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading

import pytest

from flowmake.world.clock import SystemClock
from flowmake.world.signals import STOPPING, Signals


@pytest.mark.parametrize("number", STOPPING)
def test_the_first_is_remembered_and_all_are_counted(number: int) -> None:
    with Signals() as signals:
        assert (signals.first, signals.count) == (0, 0)
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (signals.first, signals.count) == (number, 2)


def test_a_signal_ends_a_wait_without_limit() -> None:
    with Signals() as signals:
        clock = SystemClock(signals)
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        while not signals.first:
            clock.wait((), None)
        assert signals.first == signal.SIGINT


def test_a_signal_between_two_waits_ends_the_next_one_only() -> None:
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        SystemClock(signals).wait((), None)
        assert not select.select([signals.fileno()], [], [], 0)[0]


def test_handlers_and_wakeup_are_put_back() -> None:
    before = [signal.getsignal(number) for number in STOPPING]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    with Signals():
        assert [signal.getsignal(number) for number in STOPPING] != before
    assert [signal.getsignal(number) for number in STOPPING] == before
    assert signal.set_wakeup_fd(-1) == writer
    os.close(reader)
    os.close(writer)


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert (signals.first, signals.count) == (0, 0)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_exit_codes_survive_a_parent_that_ignored_its_children() -> None:
    code = (
        "import os, signal\n"
        "from flowmake.world.signals import Signals\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "with Signals():\n"
        "    pid = os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 7'], {})\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "print(signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "7\nTrue\n"


def test_in_another_thread_nothing_is_caught_and_nothing_breaks() -> None:
    seen = []

    def use() -> None:
        with Signals() as signals:
            SystemClock(signals).wait((), 0)
            seen.append((signals.fileno(), signals.first))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert seen == [(-1, 0)]
