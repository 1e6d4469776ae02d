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
from flowmake.world.hashing import hash_many

SIZE = 20 << 20
PATHS = [f"{sys.argv[1]}/{name}" for name in "ab"]


def interrupted(at):
    # Ctrl-C before the instruction of that number, of all that this thread carries out.
    left = at

    def trace(frame, event, arg):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGINT)
        return trace

    sys.settrace(trace)
    try:
        hash_many(dict.fromkeys(PATHS, SIZE))
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


for path in PATHS:
    with open(path, "wb") as file:
        file.truncate(SIZE)
hash_many(dict.fromkeys(PATHS, SIZE))  # loads what it needs
descriptors = os.listdir("/dev/fd")
number = 0
while True:
    number += int(sys.argv[2])
    if not interrupted(number):
        break
    assert threading.active_count() == 1, number
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()), number
    assert os.listdir("/dev/fd") == descriptors, number
print(number)
"""


@pytest.mark.parametrize("step", [31, pytest.param(1, marks=pytest.mark.slow)])
def test_an_interruption_at_any_instruction(step: int, tmp_path: object) -> None:
    argv = [sys.executable, "-X", "faulthandler", "-c", PROGRAM, str(tmp_path), str(step)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            said, errors = program.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGABRT)  # and it tells where it was
            said, errors = program.communicate()
    assert program.returncode == 0, errors[-4000:]
    assert int(said) > 1000  # so many it takes, and each of them was looked at, or one in `step`
