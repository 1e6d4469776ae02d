"""The program that carries out attempts for another: what it is told, what it answers, and when it ends."""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowmake.core.ports import Ended, Work
from flowmake.engine.agent import Begin, Report, Stop, command, packed
from flowmake.engine.executors.local import LocalExecutor
from flowmake.engine.mailbox import Mailbox
from tests.processes import LIMIT, Bench, Meeting, wait_gone


class Parent:
    """One agent, and the other end of its line."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(LocalExecutor(), folder)
        self.mailbox = Mailbox(str(folder / "box"))
        self.mailbox.create()
        self.line, theirs = socket.socketpair()
        self.line.settimeout(LIMIT)
        with theirs:
            fd = theirs.fileno()
            self.agent = subprocess.Popen(command(fd, 1), pass_fds=[fd], stderr=subprocess.PIPE)

    def send(self, *messages: Begin | Stop) -> None:
        self.line.sendall(b"".join(packed(pickle.dumps(message)) for message in messages))

    def begin(self, work: Work) -> None:
        self.send(Begin(self.mailbox.folder, work.fence, pickle.dumps(work)))

    def report(self) -> Report:
        """The next one."""
        report = pickle.loads(self._read(int.from_bytes(self._read(4), "big")))
        assert isinstance(report, Report)
        return report

    def ended(self) -> tuple[str, Ended]:
        """The next end."""
        report = self.report()
        while not report.ended:
            report = self.report()
        ended = pickle.loads(report.ended)
        assert isinstance(ended, Ended)
        return report.fence, ended

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.line.recv(size - len(data))
            assert part, self.said()
            data += part
        return data

    def said(self) -> str:
        """What it printed, once it has ended."""
        return self.agent.communicate(timeout=LIMIT)[1].decode()

    def close(self) -> None:
        self.line.close()
        self.said()
        self.bench.executor.close()


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Parent]:
    made = Parent(tmp_path)
    yield made
    made.close()


def test_an_end_is_told_after_that_of_the_command(parent: Parent) -> None:
    work = parent.bench.work("a", "sh", "-c", "echo text > file", outputs=("file",))
    parent.begin(work)
    assert parent.report() == Report(work.fence)
    fence, ended = parent.ended()
    assert (fence, ended.task, ended.exit_code, list(ended.outputs)) == (work.fence, "a", 0, ["file"])


def test_messages_may_come_in_pieces_and_in_heaps(parent: Parent) -> None:
    works = [parent.bench.work(name, "true") for name in "abc"]
    heap = b"".join(
        packed(pickle.dumps(Begin(parent.mailbox.folder, work.fence, pickle.dumps(work)))) for work in works
    )
    for part in (heap[:2], heap[2:7], heap[7:100], heap[100:]):
        parent.line.sendall(part)
        select.select([parent.line], [], [], 0.02)
    assert {parent.ended()[0] for _ in works} == {work.fence for work in works}


def test_what_somebody_else_has_begun_is_lost(parent: Parent) -> None:
    work = parent.bench.work("a", "touch", "made")
    assert parent.mailbox.claim(work.fence)
    parent.begin(work)
    fence, ended = parent.ended()
    assert (fence, ended.lost, ended.error) == (work.fence, True, "whoever began with it did not come back")
    assert not (parent.bench.folder / "made").exists()


def test_a_folder_that_it_cannot_write_to_is_told(parent: Parent) -> None:
    work = parent.bench.work("a", "true")
    parent.send(Begin("/proc/none", work.fence, pickle.dumps(work)))
    host = socket.gethostname()
    assert parent.ended() == (
        work.fence,
        Ended("", error=f"{host} cannot write to `/proc/none`, which all machines must see: No such file or directory"),
    )


class Unreadable:
    """Something that only those who sent it understand."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


def test_what_cannot_be_read_is_told_and_does_no_harm(parent: Parent) -> None:
    bad = parent.bench.work("bad", call="steps:f", args={"x": Unreadable()})
    good = parent.bench.work("good", "true")
    parent.begin(bad)
    parent.begin(good)
    ends = dict(parent.ended() for _ in range(2))
    assert ends[good.fence].exit_code == 0
    assert ends[bad.fence].error == (
        f"its arguments cannot be read on {socket.gethostname()}: invalid literal for int() with base 10: 'no number'"
    )


@pytest.mark.parametrize(("kill", "number"), [(False, 15), (True, 9)])
def test_stopping_stops_those_named(parent: Parent, kill: bool, number: int) -> None:
    meetings = {name: Meeting(parent.bench.folder, name) for name in "ab"}
    works = {name: parent.bench.work(name, "sh", "-c", f"echo > {name}; exec sleep 1000") for name in "ab"}
    for name in "ab":
        parent.begin(works[name])
        meetings[name].wait()
    parent.send(Stop({works["a"].fence: kill, "never begun": kill}))
    fence, ended = parent.ended()
    assert (fence, ended.signal) == (works["a"].fence, number)


def test_an_attempt_whose_claim_is_gone_ends_and_leaves_nothing(parent: Parent) -> None:
    meeting = Meeting(parent.bench.folder)
    work = parent.bench.work("a", "sh", "-c", "echo > out; echo > ready; exec sleep 1000", outputs=("out",))
    parent.begin(work)
    meeting.wait()
    parent.mailbox.forget(work.fence)
    fence, ended = parent.ended()
    assert (fence, ended.signal) == (work.fence, 15)
    assert not (parent.bench.folder / "out").exists()


@pytest.mark.parametrize("how", ["hangs up", "asks it to end"])
def test_it_ends_with_its_parent_and_so_does_what_it_runs(parent: Parent, how: str) -> None:
    meeting = Meeting(parent.bench.folder)
    parent.begin(parent.bench.work("a", "sh", "-c", "echo $$ > ready; exec sleep 1000"))
    pid = int(meeting.wait())
    if how == "hangs up":
        parent.line.shutdown(socket.SHUT_RDWR)
    else:
        parent.agent.send_signal(signal.SIGTERM)
    assert parent.agent.wait(LIMIT) == 0
    wait_gone([pid])


def test_what_runs_does_not_hold_the_line(parent: Parent) -> None:
    """Or nobody would see that the agent has died."""
    parent.begin(parent.bench.work("a", "sh", "-c", "readlink /proc/$$/fd/*"))
    parent.ended()
    assert "socket:" not in parent.bench.log("a")
    assert os.path.exists(f"/proc/{parent.agent.pid}")
