"""What a Dask worker does with attempts: hands them to an agent of its own. Unaware of what they are.

The functions here run in the worker's event loop and never wait for anything but messages.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from distributed import WorkerPlugin, get_worker
from msgspec import Struct

from flowmake import __version__
from flowmake.core.errors import FlowmakeError
from flowmake.core.ports import Ended
from flowmake.engine.agent import Report, Stop, command, packed

PLUGIN = "flowmake"
FAREWELL = 5.0
"""Seconds that an agent gets to kill what it runs."""


async def attempt(order: bytes, fence: str, topic: str, version: str) -> None:
    """The task that Dask runs for each attempt; it lasts as long as the command.

    Its end is an event under `topic`, which needs no fetching and may come a little later. Should this worker be lost
    before, Dask starts the task again elsewhere, where it finds that the attempt is taken, and says so.
    """
    if version != __version__:
        raise FlowmakeError(f"flowmake {__version__} is installed there, and {version} here")
    worker = get_worker()
    if PLUGIN not in worker.plugins:
        await worker.plugin_add(Station(worker.state.nthreads), name=PLUGIN)
    await worker.plugins[PLUGIN].carry_out(fence, order, lambda ended: worker.log_event(topic, [fence, ended]))


async def stop(fences: dict[str, bool], dask_worker: Any) -> None:
    """End those attempts that this worker is at; whether they are to be killed."""
    if PLUGIN in dask_worker.plugins:
        dask_worker.plugins[PLUGIN].stop(fences)


class _Waiting(Struct, frozen=True):
    """An attempt that the agent has: until its command is over, and who is to be told how it ended."""

    over: asyncio.Future[None]
    tell: Callable[[bytes], None]


class Station(WorkerPlugin):  # type: ignore[misc]
    """One worker's line to its agent, which is started when first needed, and again should it die."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._waiting: dict[str, _Waiting] = {}
        self._opening = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._agent: subprocess.Popen[bytes] | None = None
        self._listening: asyncio.Task[None] | None = None

    async def carry_out(self, fence: str, order: bytes, tell: Callable[[bytes], None]) -> None:
        """Return when the command is over; `tell` gets a pickled `Ended`, then or soon after."""
        async with self._opening:
            writer = self._writer or await self._open()
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[fence] = _Waiting(over, tell)
        writer.write(packed(order))
        await over

    def stop(self, fences: dict[str, bool]) -> None:
        """Ask for an end of those that run here."""
        ours = {fence: kill for fence, kill in fences.items() if fence in self._waiting}
        if ours and self._writer is not None:
            self._writer.write(packed(pickle.dumps(Stop(ours))))

    def transition(self, key: Any, start: str, finish: str, **more: Any) -> None:
        """Called by the worker. A task that is let go while it runs is wanted by nobody: its client may be gone."""
        if finish == "released" and start in ("executing", "long-running") and isinstance(key, tuple):
            self.stop({str(key[-1]): False})

    async def teardown(self, worker: Any) -> None:
        """Called by the worker when it closes."""
        await self._close()

    async def _open(self) -> asyncio.StreamWriter:
        ours, theirs = socket.socketpair()
        with theirs:
            self._agent = subprocess.Popen(
                command(theirs.fileno(), self._calls),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._listening = asyncio.create_task(self._listen(reader))
        return self._writer

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionResetError):  # the end of the line
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                report: Report = pickle.loads(await reader.readexactly(size))
                self._heed(report)
        for fence in list(self._waiting):
            self._finish(fence, pickle.dumps(Ended("", error="the process that ran it was killed", lost=True)))
        await self._close()

    def _heed(self, report: Report) -> None:
        if report.ended:
            self._finish(report.fence, report.ended)
        else:
            self._waiting[report.fence].over.set_result(None)

    def _finish(self, fence: str, ended: bytes) -> None:
        waiting = self._waiting.pop(fence)
        waiting.tell(ended)
        if not waiting.over.done():
            waiting.over.set_result(None)

    async def _close(self) -> None:
        writer, self._writer = self._writer, None
        agent, self._agent = self._agent, None
        if writer is not None:
            writer.close()
        if agent is None:
            return
        try:
            await asyncio.to_thread(agent.wait, FAREWELL)
        except subprocess.TimeoutExpired:
            agent.kill()
            await asyncio.to_thread(agent.wait)
