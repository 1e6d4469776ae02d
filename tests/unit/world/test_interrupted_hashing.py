"""Ctrl-C while files are hashed side by side, wherever it comes, ends that at once and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

LIMIT = 300
"""Seconds, far longer than all of it takes: then something waits for ever."""

PROGRAM = """\
import os, signal, sys, threading
from flowmake.world import batches, forking
from flowmake.world.batches import hash_many

PATHS = [f"{sys.argv[1]}/{name}" for name in "ab"]
batches.available_cpus = lambda: 2
if sys.argv[3] == "processes":
    batches.PROCESSES_PAY_FROM = batches.OPENING
SIZE = 20 << 20 if sys.argv[3] == "threads" else 10


def interrupted(at):
    # Ctrl-C before the instruction of that number, of all that this thread carries out.
    left, us = at, os.getpid()

    def trace(frame, event, arg):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if not left and os.getpid() == us:
                os.kill(us, signal.SIGINT)
        return trace

    sys.settrace(trace)
    try:
        hash_many(SEEN)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


for path in PATHS:
    with open(path, "wb") as file:
        file.truncate(SIZE)
SEEN = {path: os.stat(path) for path in PATHS}
if sys.argv[3] == "processes":
    os.unlink(PATHS[0])  # our own share: a file just opened is the one thing that may stay open
assert len(hash_many(SEEN)) == sum(map(os.path.exists, PATHS))  # and loads what it needs
assert "concurrent.futures.thread" in sys.modules if sys.argv[3] == "threads" else forking.can_share()
descriptors = os.listdir("/dev/fd")
number = 0
while True:
    number += int(sys.argv[2])
    if not interrupted(number):
        break
    assert threading.active_count() == 1, number
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()), number
    assert os.listdir("/dev/fd") == descriptors, number
    try:
        raise AssertionError(os.waitpid(-1, os.WNOHANG), number)
    except ChildProcessError:
        pass  # none is left
print(number)
"""


@pytest.mark.parametrize("way", ["threads", "processes"])
@pytest.mark.parametrize("step", [31, pytest.param(1, marks=pytest.mark.slow)])
def test_an_interruption_at_any_instruction(step: int, way: str, tmp_path: object) -> None:
    argv = [sys.executable, "-X", "faulthandler", "-c", PROGRAM, str(tmp_path), str(step), way]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            said, errors = program.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGABRT)  # and it tells where it was
            said, errors = program.communicate()
    assert program.returncode == 0, errors[-4000:]
    assert int(said) > 1000  # so many it takes, and each of them was looked at, or one in `step`
