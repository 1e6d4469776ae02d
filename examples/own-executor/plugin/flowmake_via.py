"""An executor that starts tasks through another command, such as `ssh box`, on a file system both machines share."""

from __future__ import annotations

import subprocess
from typing import Annotated

from msgspec import Meta

from flowmake.core.ports import Ended, Executor, ExecutorKind, RemoteOptions, Site, Traits, Work
from flowmake.engine.mailbox import Mailbox


class Options(RemoteOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[executors.NAME]`, besides what every executor has."""

    via: Annotated[tuple[str, ...], Meta(description="What stands before the command that is to be started.")]


class Via(Executor):
    """One process for each task, which ends when the task does."""

    def __init__(self, options: Options, site: Site) -> None:
        self._via = options.via
        self._traits = options.traits(grants=["cpu", "mem"])
        self._mailbox = Mailbox(site.folder)
        self._mailbox.create()
        for left in self._mailbox.leftovers():  # nobody waits for these any more
            self._mailbox.ask_to_stop(left.fence, kill=True)
        self._running: dict[str, tuple[Work, subprocess.Popen[bytes]]] = {}
        self._failed: list[Ended] = []

    @property
    def traits(self) -> Traits:
        return self._traits

    @property
    def interval(self) -> float | None:
        return 0.0 if self._failed else 0.05 if self._running else None

    def fds(self) -> tuple[int, ...]:
        return ()

    def start(self, work: Work) -> int:
        if problem := self._mailbox.post(work):
            self._failed.append(Ended(work.task, error=problem))
            return 0
        process = subprocess.Popen([*self._via, *self._mailbox.command(work.fence)], start_new_session=True)
        self._running[work.fence] = work, process
        return process.pid

    def poll(self) -> list[Ended]:
        over = [fence for fence, (_, process) in self._running.items() if process.poll() is not None]
        ends = {fence: ended for fence, ended in self._mailbox.results() if fence in self._running}
        for fence in over:
            ends.setdefault(fence, Ended(self._running[fence][0].task, error="it ended without a result", lost=True))
        for fence in ends:
            self._running.pop(fence)[1].wait()
            self._mailbox.forget(fence)
        failed, self._failed = self._failed, []
        return [*failed, *ends.values()]

    def stop(self, task: str, *, kill: bool = False) -> None:
        for fence, (work, _) in self._running.items():
            if work.task == task:
                self._mailbox.ask_to_stop(fence, kill=kill)

    def close(self) -> None:
        for fence, (work, process) in self._running.items():
            self.stop(work.task, kill=True)
            process.wait()
            self._mailbox.forget(fence)


KIND = ExecutorKind(Options, Via)
