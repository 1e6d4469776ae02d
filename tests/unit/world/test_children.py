"""Groups of processes: what is waited for, what is killed, what is left alone."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmake.world.children import Children
from flowmake.world.process import CannotStart, Exit, group_members, reap
from flowmake.world.watch import PidfdWatch, ThreadWatch, Watch
from tests.processes import LIMIT, Meeting, wait_gone


@pytest.fixture(params=[PidfdWatch, ThreadWatch])
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    made: Watch = request.param()
    yield made
    made.close()


def spawn(made: Children, script: str, folder: Path) -> int:
    with open(folder / "log", "ab") as log:
        return made.spawn(["sh", "-c", script], env=dict(os.environ), cwd=str(folder), log_fd=log.fileno())


def next_exit(made: Children) -> Exit:
    found: list[Exit] = []
    while not found:
        assert select.select([made.fileno()], [], [], LIMIT)[0]
        found = made.ended()
    (one,) = found
    return one


def test_a_stopped_group_is_waited_for_in_every_way(watch: Watch, tmp_path: Path) -> None:
    met = Meeting(tmp_path)
    os.mkfifo(tmp_path / "deaf")
    made = Children(watch)
    pid = spawn(
        made, "(trap '' TERM; echo $$ > deaf; exec sleep 1000) & echo $! > child; cat deaf > ready; wait", tmp_path
    )
    met.wait()
    made.stop(pid)
    wait_gone([pid])
    assert made.ended() == []
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert (next_exit(made).signal, group_members(pid)) == (signal.SIGTERM, [])


def test_what_cannot_be_watched_is_not_left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Children(PidfdWatch())
    met = Meeting(tmp_path)
    started = []

    def full(pid: int) -> int:
        started.append((pid, int(met.wait())))
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", full)
    with pytest.raises(CannotStart, match=r"^cannot start `sh`: Too many open files$"):
        spawn(made, "sleep 1000 & echo $! > ready; wait", tmp_path)
    ((leader, member),) = started
    assert reap(leader) == Exit(leader), "it was collected"
    wait_gone([member])
    made.close()


def test_stopping_a_stranger_does_nothing(tmp_path: Path) -> None:
    made = Children()
    made.stop(os.getpid(), kill=True)
    pid = spawn(made, "exit 0", tmp_path)
    assert next_exit(made).exit_code == 0
    made.stop(pid, kill=True)
    made.close()
