"""Work shared out to copies of the process, whatever becomes of them."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import pytest

from flowmake.world.forking import share_out
from flowmake.world.signals import Signals
from tests.processes import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from 3.12 on, beside threads


def squares(numbers: Sequence[int]) -> list[int]:
    return [number * number for number in numbers]


def in_copies(do: Callable[[], object]) -> Callable[[Sequence[int]], list[int]]:
    """Work in the midst of which that happens, in copies only."""
    parent = os.getpid()

    def work(numbers: Sequence[int]) -> list[int]:
        if os.getpid() != parent:
            do()
        return squares(numbers)

    return work


@contextmanager
def no_child_is_left() -> Iterator[None]:
    """None that was not there before: servers for other tests may have been started from here."""
    before = {child.pid for child in psutil.Process().children()}
    yield
    assert {child.pid for child in psutil.Process().children()} <= before


@pytest.mark.parametrize("shares", [[[]], [[1, 2]], [[1], [], [3, 4]], [range(1000), range(100_000), range(5)]])
def test_each_share_is_told_in_its_place(shares: list[list[int]]) -> None:
    with no_child_is_left():
        assert share_out(squares, shares) == [squares(share) for share in shares]


def test_others_work_elsewhere() -> None:
    first, second, third = share_out(lambda share: [os.getpid()], [[1], [2], [3]])
    assert first == [os.getpid()]
    assert second is not None
    assert third is not None
    assert len({os.getpid(), *second, *third}) == 3


@pytest.mark.parametrize(
    "end",
    [
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: os.kill(os.getpid(), signal.SIGINT),
        lambda: os._exit(0),
        lambda: 1 / 0,
        lambda: os.closerange(3, 1000),
    ],
    ids=["killed", "interrupted", "gone", "an error", "nobody to tell"],
)
def test_a_copy_that_comes_to_no_end_has_found_nothing(end: Callable[[], object], capfd: pytest.CaptureFixture) -> None:
    with no_child_is_left():
        assert share_out(in_copies(end), [[1, 2], [3], [4]]) == [[1, 4], None, None]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("call", ["fork", "pipe"])
def test_where_no_copy_can_be_begun_its_share_stays(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refuse() -> None:
        raise OSError(11, "Resource temporarily unavailable")

    before = set(os.listdir("/dev/fd"))
    monkeypatch.setattr(os, call, refuse)
    assert share_out(squares, [[2], [3]]) == [[4], None]
    assert len(os.listdir("/dev/fd")) == len(before)


def test_an_error_here_ends_the_copies() -> None:
    """One of which would wait for ever, and does not by then hold back anybody."""
    reading, writing = os.pipe()

    def work(numbers: Sequence[int]) -> list[int]:
        if numbers[0]:
            os.read(reading, 1)
        raise KeyboardInterrupt

    with no_child_is_left(), pytest.raises(KeyboardInterrupt):
        share_out(work, [[0], [1]])
    os.close(reading)
    os.close(writing)


def test_a_signal_is_counted_once_and_only_here() -> None:
    """A copy has none of our handlers, nor does it write where we look for signals."""
    with Signals() as signals, no_child_is_left():
        found = share_out(in_copies(lambda: os.kill(os.getpid(), signal.SIGTERM)), [[1], [2]])
        assert found == [[1], None]
        assert signals.count == 0
        with pytest.raises(BlockingIOError):
            os.read(signals.fileno(), 1)


def test_what_is_held_back_is_what_was_held_back_before() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        held = share_out(lambda share: list(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))), [[1], [2]])
        assert held == [[signal.SIGUSR1], [signal.SIGUSR1]]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_a_copy_whose_parent_has_died_does_not_go_on() -> None:
    """It would hold the lock of the root meanwhile."""
    reading, writing = os.pipe()
    gate, opening = os.pipe()
    parent = os.fork()
    if not parent:
        us = os.getpid()

        def work(numbers: Sequence[int]) -> list[int]:
            if os.getpid() == us:
                os.kill(us, signal.SIGKILL)
            os.read(gate, 1)
            os.write(writing, b"x")
            return []

        share_out(work, [[0], range(100_000)])
    os.waitpid(parent, 0)
    os.write(opening, b"xx")
    os.close(writing)
    with open(reading, "rb") as told:
        assert len(told.read()) <= 1  # of hundreds of turns; none where the copy was begun after that death
    for end in (gate, opening):
        os.close(end)


ALONE = """
import threading
from flowmake.world.forking import can_share
before = can_share()
over = threading.Event()
thread = threading.Thread(target=over.wait)
thread.start()
beside = can_share()
over.set()
thread.join()
print(before, beside)
"""
IGNORED = """
import signal
from flowmake.world.forking import can_share
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(can_share())
"""


@pytest.mark.parametrize(("code", "said"), [(ALONE, "True False"), (IGNORED, "False")], ids=["threads", "children"])
def test_where_a_copy_might_not_be_itself_or_not_ours_nothing_is_shared(code: str, said: str) -> None:
    """In a Python of its own: whoever runs the tests may have threads."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == said


KILLED = """
import fcntl, os, signal, sys
from flowmake.world.forking import share_out

lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
parent = os.getpid()

def work(numbers):
    if os.getpid() == parent:
        os.kill(parent, signal.SIGKILL)
    return ["so much that it does not fit into a pipe" * 10_000 for _ in numbers]

share_out(work, [[1], [2], [3]])
"""


def test_copies_of_who_is_killed_keep_neither_its_lock_nor_themselves(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    with path.open() as lock:
        wait_until(lambda: is_free(lock))
    wait_until(
        lambda: not any(str(path) in (process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
    )


def is_free(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
