from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from flowmake.world.suspension import suspension

PROGRAM = """
import os, signal
from flowmake.world.suspension import suspension
say = lambda text: print(text, flush=True)
with suspension(lambda: say("before"), lambda: say("after")):
    os.kill(os.getpid(), signal.SIGTSTP)
    say("going on")
say(signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL)
"""


def test_what_is_done_before_and_after() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, start_new_session=True) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert os.WSTOPSIG(status) == signal.SIGSTOP
        assert process.stdout is not None
        assert process.stdout.readline() == b"before\n"
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.read() == b"after\ngoing on\nTrue\n"
        assert process.wait(60) == 0


def test_where_it_is_ignored_it_stays_ignored() -> None:
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        with suspension(lambda: None, lambda: None):
            assert signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTSTP, before)


def test_another_thread_changes_nothing() -> None:
    found = []

    def enter() -> None:
        with suspension(lambda: None, lambda: None):
            found.append(signal.getsignal(signal.SIGTSTP))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
