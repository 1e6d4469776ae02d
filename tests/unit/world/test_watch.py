"""Every way to learn of a process's end: the same promises, whatever the system offers."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowmake.world.watch import PidfdWatch, ThreadWatch, Watch, open_watch
from tests.processes import LIMIT, Meeting


@pytest.fixture(params=[PidfdWatch, ThreadWatch])
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    made: Watch = request.param()
    yield made
    made.close()


def next_ended(watch: Watch) -> list[int]:
    assert select.select([watch.fileno()], [], [], LIMIT)[0]
    return watch.ended()


def test_an_end_is_told_once_and_not_collected(watch: Watch) -> None:
    child = subprocess.Popen(["sh", "-c", "exit 3"])
    watch.add(child.pid)
    assert next_ended(watch) == [child.pid]
    assert watch.ended() == []
    assert not select.select([watch.fileno()], [], [], 0)[0]
    assert child.wait() == 3


def test_an_end_is_told_once_while_a_child_about_to_exec_holds_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[int] = []
    pidfd_open = os.pidfd_open

    def open_and_copy(pid: int) -> int:
        fd = pidfd_open(pid)
        copies.append(os.dup(fd))
        return fd

    watch = PidfdWatch()
    monkeypatch.setattr(os, "pidfd_open", open_and_copy)
    child = subprocess.Popen(["true"])
    watch.add(child.pid)
    assert next_ended(watch) == [child.pid]
    assert watch.ended() == []
    assert not select.select([watch.fileno()], [], [], 0)[0]
    assert child.wait() == 0
    watch.close()
    for copy in copies:
        os.close(copy)


def test_one_that_ended_before(watch: Watch) -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    watch.add(child.pid)
    assert next_ended(watch) == [child.pid]
    child.wait()


def test_many(watch: Watch) -> None:
    some = [subprocess.Popen(["true"]) for _ in range(20)]
    for child in some:
        watch.add(child.pid)
    told: list[int] = []
    while len(told) < len(some):
        told += next_ended(watch)
    assert sorted(told) == sorted(child.pid for child in some)
    assert {child.wait() for child in some} == {0}


def test_one_that_is_no_child_of_ours(watch: Watch, tmp_path: Path) -> None:
    met = Meeting(tmp_path)
    subprocess.run(["sh", "-c", f"sh -c 'echo $$ > {met.path}; exec sleep 1000' &"], check=True)
    pid = int(met.wait())
    watch.add(pid)
    assert watch.ended() == []
    os.kill(pid, signal.SIGKILL)
    assert next_ended(watch) == [pid]


def test_closing_while_something_runs(watch: Watch) -> None:
    child = subprocess.Popen(["sleep", "1000"])
    watch.add(child.pid)
    watch.close()
    watch.close()
    assert child.poll() is None  # to stop it is not the watch's business
    child.kill()
    assert child.wait() == -signal.SIGKILL  # nor to collect its end


def no_pidfd(pid: int) -> int:
    raise OSError(38, "Function not implemented")


@pytest.mark.parametrize("found", [no_pidfd, None])
def test_without_pidfd_there_are_threads(found: Callable[[int], int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_watch(), PidfdWatch)
    if found:
        monkeypatch.setattr(os, "pidfd_open", found)
    else:
        monkeypatch.delattr(os, "pidfd_open")
    watch = open_watch()
    assert isinstance(watch, ThreadWatch)
    watch.close()
