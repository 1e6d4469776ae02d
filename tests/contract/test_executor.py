"""What every `Executor` promises: the fake, child processes, the pool, and what runs tasks on other machines."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest
from msgspec import structs

from flowmake.core.ports import ABSENT, Clock, Ended, Executor, Made, Site, Work
from flowmake.engine.executors import dask as dask_kind
from flowmake.engine.executors import slurm
from flowmake.engine.executors.local import LocalExecutor
from flowmake.engine.executors.pool import PoolExecutor
from flowmake.engine.executors.slurmoptions import Options
from flowmake.world.files import DiskFiles
from tests.dasks import Dask
from tests.fakes import FakeClock, FakeExecutor
from tests.processes import LIMIT, Bench, Meeting
from tests.slurm import Cluster

FOR_EVER = 1e9


class Subject(Protocol):
    """An executor, and what to ask it for. `settled` returns when a task that was started can take a signal."""

    executor: Executor
    clock: Clock

    def exits(self, task: str, code: int) -> Work: ...

    def hangs(self, task: str, stubborn: bool = False) -> Work: ...

    def cannot_start(self, task: str) -> Work: ...

    def settled(self, task: str) -> None: ...


class Fake:
    def __init__(self, folder: Path) -> None:
        self.clock: Clock = FakeClock()
        assert isinstance(self.clock, FakeClock)
        self._codes: dict[str, int | Ended] = {}
        self._hanging: set[str] = set()
        self._fake = FakeExecutor(
            lambda work: self._codes[work.task],
            self.clock,
            lambda work: FOR_EVER if work.task in self._hanging else 1.0,
        )
        self.executor: Executor = self._fake

    def _work(self, task: str) -> Work:
        return Work(task, 1, "", "", {})

    def exits(self, task: str, code: int) -> Work:
        self._codes[task] = code
        self._hanging.discard(task)
        return self._work(task)

    def hangs(self, task: str, stubborn: bool = False) -> Work:
        self._hanging.add(task)
        if stubborn:
            self._fake.stubborn.add(task)
        return self._work(task)

    def cannot_start(self, task: str) -> Work:
        self._codes[task] = Ended(task, error="there is nothing to start")
        return self._work(task)

    def settled(self, task: str) -> None:
        assert task in self._fake.running


class Local(Bench):
    def __init__(self, folder: Path) -> None:
        super().__init__(LocalExecutor(), folder)
        self._meetings: dict[str, Meeting] = {}

    def exits(self, task: str, code: int) -> Work:
        return self.work(task, "sh", "-c", f"exit {code}")

    def hangs(self, task: str, stubborn: bool = False) -> Work:
        self._meetings[task] = Meeting(self.folder, f"{task}.ready")
        trap = "trap '' TERM;" if stubborn else ""
        return self.work(task, "sh", "-c", f"{trap} echo > {task}.ready; exec sleep 1000")

    def cannot_start(self, task: str) -> Work:
        return self.work(task, "no-such-command")

    def settled(self, task: str) -> None:
        self._meetings[task].wait()


CALLS = """\
import signal, sys, time

def exits(code):
    sys.exit(code)

def hangs(ready, stubborn):
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(ready, "w") as file:
        file.write("ready")
    time.sleep(1000)
"""


class Pool(Bench):
    def __init__(self, folder: Path) -> None:
        super().__init__(PoolExecutor(2), folder)
        (folder / "calls.py").write_text(CALLS)
        self._meetings: dict[str, Meeting] = {}

    def exits(self, task: str, code: int) -> Work:
        return self.work(task, call="calls:exits", args={"code": code})

    def hangs(self, task: str, stubborn: bool = False) -> Work:
        self._meetings[task] = Meeting(self.folder, f"{task}.ready")
        args = {"ready": f"{task}.ready", "stubborn": stubborn}
        return self.work(task, call="calls:hangs", args=args)

    def cannot_start(self, task: str) -> Work:
        return self.work(task, call="no_such_module:function")

    def settled(self, task: str) -> None:
        self._meetings[task].wait()


class Remote(Local):
    """The executor of `examples/own-executor`, by way of a command that changes nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.executor.close()
        site = Site("box", str(folder), str(folder / "box"), 2, dict(os.environ))
        kind = example_kind()
        self.executor = kind.open(kind.options(via=("env",)), site)


class OnSlurm(Local):
    """One job for each task, on a cluster of two nodes."""

    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        super().__init__(folder)
        self.executor.close()
        site = Site("slurm", str(folder), str(folder / "slurm"), 2, {**os.environ, **cluster.env})
        self.executor = slurm.KIND.open(Options(**self.options), site)

    def settled(self, task: str) -> None:
        """It is submitted, and gets to run, while the executor is polled."""
        fifo = os.open(self._meetings[task].path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            self.until(lambda: _read_at_once(fifo), f"{task} to run")
        finally:
            os.close(fifo)

    def until(self, is_so: Callable[[], Any], what: str) -> None:
        limit = self.clock.monotonic() + LIMIT
        while not is_so():
            assert self.clock.monotonic() < limit, f"waited in vain for {what}"
            assert self.executor.poll() == []
            self.clock.wait(self.executor.fds(), self.executor.interval)


def _read_at_once(fifo: int) -> bytes:
    try:
        return os.read(fifo, 10)
    except BlockingIOError:  # somebody has opened it, and not written yet
        return b""


class InBatches(OnSlurm):
    """Up to three tasks in a job."""

    options: ClassVar[dict[str, Any]] = {"batch": 3}


class InAllocation(OnSlurm):
    """All tasks inside one allocation."""

    options: ClassVar[dict[str, Any]] = {"alloc": True}


class OnDask(Local):
    """Two workers."""

    def __init__(self, folder: Path, dask: Dask) -> None:
        super().__init__(folder)
        self.executor.close()
        site = Site("dask", str(folder), str(folder / "dask"), 2, dict(os.environ))
        self.executor = dask_kind.KIND.open(dask_kind.Options(address=dask.address), site)


REMOTE = [Remote, OnSlurm, InBatches, InAllocation, OnDask]


def made_by(request: pytest.FixtureRequest, folder: Path) -> Any:
    if issubclass(request.param, OnSlurm):
        return request.param(folder, request.getfixturevalue("cluster"))
    if issubclass(request.param, OnDask):
        return request.param(folder, request.getfixturevalue("dask"))
    return request.param(folder)


def example_kind() -> Any:
    """What the entry point of the example names."""
    path = Path(__file__).parents[2] / "examples/own-executor/plugin/flowmake_via.py"
    spec = importlib.util.spec_from_file_location("flowmake_via", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["flowmake_via"] = module
    spec.loader.exec_module(module)
    return module.KIND


@pytest.fixture(params=[Fake, Local, Pool, *REMOTE])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    made: Subject = made_by(request, tmp_path)
    yield made
    made.executor.close()


def ends(subject: Subject, count: int) -> dict[str, Ended]:
    """The next ends, by task; waits as a scheduler does, and would fail on one more than asked for."""
    found: list[Ended] = []
    for _ in range(1000):
        found += subject.executor.poll()
        if len(found) >= count:
            break
        interval = subject.executor.interval
        subject.clock.wait(subject.executor.fds(), 10 if interval is None else interval)
    assert len(found) == count
    return {ended.task: ended for ended in found}


@pytest.mark.parametrize("code", [0, 1, 75, 255])
def test_the_exit_code_is_reported_exactly(subject: Subject, code: int) -> None:
    subject.executor.start(subject.exits("a", code))
    ended = ends(subject, 1)["a"]
    assert (ended.exit_code, ended.signal, ended.error) == (code, None, "")
    assert ended.seconds > 0


def test_each_end_is_reported_once(subject: Subject) -> None:
    for code, task in enumerate("abcde"):
        subject.executor.start(subject.exits(task, code))
    assert {task: ended.exit_code for task, ended in ends(subject, 5).items()} == dict(
        zip("abcde", range(5), strict=True)
    )
    assert list(subject.executor.poll()) == []


def test_nothing_is_reported_while_it_runs(subject: Subject) -> None:
    subject.executor.start(subject.hangs("a"))
    subject.settled("a")
    assert list(subject.executor.poll()) == []


def test_what_cannot_start_is_reported_and_not_raised(subject: Subject) -> None:
    subject.executor.start(subject.cannot_start("a"))
    ended = ends(subject, 1)["a"]
    assert (ended.exit_code, ended.signal) == (None, None)
    assert ended.error


def test_stopping_ends_by_signal(subject: Subject) -> None:
    subject.executor.start(subject.hangs("a"))
    subject.settled("a")
    subject.executor.stop("a")
    ended = ends(subject, 1)["a"]
    assert (ended.exit_code, ended.signal) == (None, 15)


def test_killing_ends_what_ignores_stopping(subject: Subject) -> None:
    subject.executor.start(subject.hangs("a", stubborn=True))
    subject.settled("a")
    subject.executor.stop("a")
    assert list(subject.executor.poll()) == []
    subject.executor.stop("a", kill=True)
    ended = ends(subject, 1)["a"]
    assert (ended.exit_code, ended.signal) == (None, 9)


def test_stopping_one_leaves_the_others(subject: Subject) -> None:
    for task in ("a", "b"):
        subject.executor.start(subject.hangs(task))
        subject.settled(task)
    subject.executor.stop("a")
    assert set(ends(subject, 1)) == {"a"}
    subject.executor.stop("b")
    assert set(ends(subject, 1)) == {"b"}


def test_stopping_what_does_not_run_does_nothing(subject: Subject) -> None:
    subject.executor.stop("never started")
    subject.executor.start(subject.exits("a", 0))
    ends(subject, 1)
    subject.executor.stop("a")
    subject.executor.stop("a", kill=True)
    assert list(subject.executor.poll()) == []


def test_a_task_can_start_again_after_its_end(subject: Subject) -> None:
    for code in (3, 0):
        subject.executor.start(subject.exits("a", code))
        assert ends(subject, 1)["a"].exit_code == code


def test_a_task_can_start_again_after_it_was_stopped(subject: Subject) -> None:
    subject.executor.start(subject.hangs("a"))
    subject.settled("a")
    subject.executor.stop("a")
    ends(subject, 1)
    subject.executor.start(subject.exits("a", 4))
    assert ends(subject, 1)["a"].exit_code == 4


def test_closing_does_not_wait_for_what_runs(subject: Subject) -> None:
    subject.executor.start(subject.hangs("a", stubborn=True))
    subject.settled("a")
    subject.executor.close()
    assert not isinstance(subject.executor, FakeExecutor) or subject.executor.closed


# -- what remote executors promise besides ---------------------------------------------------------------------------


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = made_by(request, tmp_path)
    yield made
    made.executor.close()


def test_what_must_be_known_of_it_never_changes(remote: Any) -> None:
    traits = remote.executor.traits
    assert (traits.remote, traits.capacity > 0, traits.latency > 0) == (True, True, True)
    remote.executor.start(remote.exits("a", 0))
    ends(remote, 1)
    assert remote.executor.traits == traits


def test_outputs_are_measured_where_they_are_made(remote: Any) -> None:
    script = "echo one > file; mkdir -p dir/sub; echo three > dir/sub/leaf; : > dir/empty; chmod +x file"
    remote.executor.start(remote.work("a", "sh", "-c", script, outputs=("file", "dir/", "none")))
    ended = ends(remote, 1)["a"]
    files = DiskFiles(str(remote.folder))
    assert ended.outputs == {
        "file": Made(4, files.digest("file")),
        "dir/": Made(6, files.digest("dir/")),
        "dir/sub/leaf": Made(6, files.digest("dir/sub/leaf")),
        "dir/empty": Made(0, files.digest("dir/empty")),
        "none": Made(0, ABSENT),
    }
    assert ended.outputs["file"].digest.endswith("+x")
    assert ended.host == socket.gethostname()


def test_outputs_of_a_failed_attempt_do_not_matter(remote: Any) -> None:
    remote.executor.start(remote.work("a", "sh", "-c", "echo one > file; exit 3", outputs=("file",)))
    ended = ends(remote, 1)["a"]
    assert (ended.exit_code, dict(ended.outputs)) == (3, {})


def test_what_queues_tells_once_that_a_command_has_begun(remote: Any) -> None:
    """Whatever does not queue has nothing to tell."""
    executor, told = remote.executor, []
    executor.start(remote.hangs("a"))
    remote.settled("a")
    limit = remote.clock.monotonic() + LIMIT
    while executor.traits.queues and not told:
        assert remote.clock.monotonic() < limit
        remote.clock.wait(executor.fds(), executor.interval)
        assert executor.poll() == []
        told += executor.begun()
    executor.stop("a")
    while not executor.poll():
        told += executor.begun()
        remote.clock.wait(executor.fds(), executor.interval)
    told += executor.begun()
    assert told == ["a"] * executor.traits.queues


def test_it_is_timed_from_its_start(remote: Any) -> None:
    work = remote.hangs("a")
    remote.executor.start(structs.replace(work, timeout=0.2))
    ended = ends(remote, 1)["a"]
    assert (ended.timed_out, ended.signal) == (True, 15)


def test_after_a_timeout_and_the_grace_it_is_killed(remote: Any) -> None:
    script = "trap '' TERM; echo > a.ready; while :; do read -t 1 line < a.never; done"
    os.mkfifo(remote.folder / "a.never")
    remote.executor.start(remote.work("a", "bash", "-c", script, timeout=0.3, grace=0.3))
    ended = ends(remote, 1)["a"]
    assert (ended.timed_out, ended.signal) == (True, 9)


def test_the_log_is_written_where_it_should_be(remote: Any) -> None:
    remote.executor.start(remote.work("a", "sh", "-c", "echo out; echo err >&2"))
    ends(remote, 1)
    assert remote.log("a") == "out\nerr\n"


def test_names_that_are_not_text_get_through(remote: Any) -> None:
    name = b"caf\xe9 $x".decode("utf-8", "surrogateescape")
    remote.executor.start(remote.work("a", "cp", "/dev/null", name, outputs=(name,)))
    assert ends(remote, 1)["a"].outputs[name].size == 0


def test_calls_run_there_too(remote: Any) -> None:
    (remote.folder / "calls.py").write_text(CALLS)
    remote.executor.start(remote.work("a", call="calls:exits", args={"code": 7}))
    assert ends(remote, 1)["a"].exit_code == 7
