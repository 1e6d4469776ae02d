"""A Dask worker's line to its agent: attempts go out, ends come back, and whatever dies is told."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from flowmake.core.errors import FlowmakeError
from flowmake.core.ports import Ended, Work
from flowmake.engine import station
from flowmake.engine.agent import Begin
from flowmake.engine.executors.local import LocalExecutor
from flowmake.engine.mailbox import Mailbox
from flowmake.engine.station import Station
from tests.processes import LIMIT, Bench, wait_gone


class Worker:
    """What a station sees of its worker: an event loop, and whom to tell."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(LocalExecutor(), folder)
        self.mailbox = Mailbox(str(folder / "box"))
        self.mailbox.create()
        self.station = Station(1)
        self.ends: asyncio.Queue[tuple[str, Ended]] = asyncio.Queue()

    def begin(self, work: Work) -> asyncio.Task[None]:
        order = pickle.dumps(Begin(self.mailbox.folder, work.fence, pickle.dumps(work)))
        tell = self._teller(work.fence)
        return asyncio.create_task(self.station.carry_out(work.fence, order, tell))

    def _teller(self, fence: str) -> Callable[[bytes], None]:
        return lambda ended: self.ends.put_nowait((fence, pickle.loads(ended)))

    async def ended(self) -> tuple[str, Ended]:
        return await asyncio.wait_for(self.ends.get(), LIMIT)

    async def hangs(self, task: str) -> tuple[Work, asyncio.Task[None], int]:
        """One that runs, and its process."""
        gate = self.bench.folder / f"{task}.gate"
        os.mkfifo(gate)
        work = self.bench.work(task, "sh", "-c", f"echo $$ > {task}.gate; exec sleep 1000")
        begun = self.begin(work)
        return work, begun, int(await asyncio.to_thread(gate.read_text))


def play(folder: Path, scene: Callable[[Worker], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        worker = Worker(folder)
        try:
            await scene(worker)
        finally:
            await worker.station.teardown(None)
            worker.bench.executor.close()

    asyncio.run(whole())


def agents() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [each for each in found if any("flowmake.engine.agent" in part for part in each.cmdline())]


def test_many_share_one_agent_which_ends_with_the_worker(tmp_path: Path) -> None:
    async def scene(worker: Worker) -> None:
        works = [worker.bench.work(name, "sh", "-c", f"exit {name}") for name in "012"]
        await asyncio.gather(*(worker.begin(work) for work in works))
        ends = dict([await worker.ended() for _ in works])
        assert [ends[work.fence].exit_code for work in works] == [0, 1, 2]
        pids.extend(agent.pid for agent in agents())

    pids: list[int] = []
    play(tmp_path, scene)
    assert len(pids) == 1
    wait_gone(pids)


def test_it_is_done_with_an_attempt_when_the_command_is_over(tmp_path: Path) -> None:
    """And not when its output, which takes long to read, is hashed."""

    async def scene(worker: Worker) -> None:
        work = worker.bench.work("huge", "truncate", "-s", str(1 << 36), "huge", outputs=("huge",))
        await asyncio.wait_for(worker.begin(work), LIMIT)
        assert worker.ends.empty()
        worker.station.stop({work.fence: True})
        fence, ended = await worker.ended()
        assert (fence, ended.signal) == (work.fence, 9)

    play(tmp_path, scene)


def test_those_that_an_agent_takes_with_it_are_lost_and_the_next_gets_another(tmp_path: Path) -> None:
    async def scene(worker: Worker) -> None:
        work, begun, pid = await worker.hangs("a")
        (agent,) = agents()
        agent.kill()
        fence, ended = await worker.ended()
        assert (fence, ended.lost, ended.error) == (work.fence, True, "the process that ran it was killed")
        await begun
        os.kill(pid, signal.SIGKILL)
        await worker.begin(worker.bench.work("b", "true"))
        assert (await worker.ended())[1].exit_code == 0

    play(tmp_path, scene)


def test_only_what_runs_here_is_stopped(tmp_path: Path) -> None:
    async def scene(worker: Worker) -> None:
        worker.station.stop({"elsewhere": True})
        assert agents() == []
        a, _, _ = await worker.hangs("a")
        b, _, _ = await worker.hangs("b")
        worker.station.stop({a.fence: False, "elsewhere": True})
        assert (await worker.ended())[1].signal == 15
        worker.station.transition(("b", b.fence), "ready", "released")
        worker.station.transition("of somebody else", "executing", "released")
        worker.station.transition(("b", b.fence), "executing", "released")
        fence, ended = await worker.ended()
        assert (fence, ended.signal) == (b.fence, 15)

    play(tmp_path, scene)


def test_a_worker_with_another_version_refuses() -> None:
    with pytest.raises(FlowmakeError, match=r"^flowmake .* is installed there, and 0\.0\.1 here$"):
        asyncio.run(station.attempt(b"", "f", "t", "0.0.1"))
