"""Carries out attempts on the machine it is called on, for an executor elsewhere. Unaware of engines and verdicts.

As a program, `python -m flowmake.engine.node FOLDER FENCE…`, it takes attempts out of a mailbox one after the other.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from msgspec import Struct, structs

from flowmake.core.errors import StateError
from flowmake.core.ports import ABSENT, Ended, Executor, Made, Work
from flowmake.engine.executors.local import LocalExecutor
from flowmake.engine.executors.pool import PoolExecutor
from flowmake.engine.mailbox import Mailbox
from flowmake.world.hashing import hash_entry, hash_link
from flowmake.world.statcache import tick_left
from flowmake.world.trees import TreeHasher

GIVEN_HERE = ("SLURM_", "PBS_", "LSB_", "SGE_", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "TMPDIR")
"""Variables that the engine sets for what it starts here, by how they begin; all others come with the work."""

LOOK = 0.2
"""Seconds between two looks whether an attempt is to be stopped."""


class _Attempt(Struct):
    """An attempt under way: when it is to be stopped and when it is to be killed, in monotonic seconds."""

    work: Work
    executor: Executor
    stop_at: float
    kill_at: float = float("inf")
    timed_out: bool = False


class Node:
    """Attempts under way on this machine, by fence. `calls` is how many Python functions run at once."""

    def __init__(self, calls: int = 1) -> None:
        self._commands = LocalExecutor()
        self._calls = PoolExecutor(calls)
        self._attempts: dict[str, _Attempt] = {}
        self._host = socket.gethostname()

    def start(self, work: Work) -> None:
        """Begin; `poll` tells of the end, even if it could not start."""
        timeout = float("inf") if work.timeout is None else work.timeout
        executor: Executor = self._calls if work.call else self._commands
        self._attempts[work.fence] = _Attempt(work, executor, time.monotonic() + timeout)
        executor.start(structs.replace(work, task=work.fence, env=environment(work.env)))

    def stop(self, fence: str, *, kill: bool = False) -> None:
        """End one that runs: TERM and after its grace KILL, or KILL at once."""
        attempt = self._attempts.get(fence)
        if attempt is not None:
            attempt.stop_at = float("inf")
            attempt.kill_at = min(attempt.kill_at, time.monotonic() + attempt.work.grace)
            attempt.executor.stop(fence, kill=kill)

    def poll(self) -> list[tuple[str, Ended]]:
        """Attempts that ended since the last call, with their outputs measured if they succeeded."""
        self._heed_time()
        return [(ended.task, self._finished(ended)) for each in self._executors() for ended in each.poll()]

    def wait(self, longest: float | None) -> None:
        """Until `poll` may have news, at most so many seconds."""
        news = select.poll()
        for executor in self._executors():
            for fd in executor.fds():
                news.register(fd, select.POLLIN)
        due = min((min(each.stop_at, each.kill_at) for each in self._attempts.values()), default=float("inf"))
        limit = min(due - time.monotonic(), float("inf") if longest is None else longest)
        news.poll(None if limit == float("inf") else max(limit, 0.0) * 1000)

    def close(self) -> None:
        """Kill what still runs."""
        for executor in self._executors():
            executor.close()

    def _executors(self) -> tuple[Executor, ...]:
        return self._commands, self._calls

    def _heed_time(self) -> None:
        now = time.monotonic()
        for fence, attempt in self._attempts.items():
            if now >= attempt.kill_at:
                attempt.kill_at = float("inf")
                attempt.executor.stop(fence, kill=True)
            elif now >= attempt.stop_at:
                attempt.timed_out = True
                self.stop(fence)

    def _finished(self, ended: Ended) -> Ended:
        attempt = self._attempts.pop(ended.task)
        work, ended = attempt.work, structs.replace(ended, host=self._host, timed_out=attempt.timed_out)
        ended = structs.replace(ended, task=work.task)
        if ended.exit_code or ended.signal is not None or ended.error:
            return ended
        try:
            return structs.replace(ended, outputs=measure(work.root, work.outputs))
        except (OSError, StateError) as error:
            return structs.replace(ended, exit_code=None, error=str(error))


def environment(wanted: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: as the coordinator says, but for what the engine has set here."""
    return {**wanted, **{name: value for name, value in os.environ.items() if name.startswith(GIVEN_HERE)}}


def measure(root: str, outputs: Iterable[str]) -> dict[str, Made]:
    """Size and digest of outputs, and of every file in those that are folders. Raises `StateError`.

    What has been written just now is hashed only when any later change would show in its times.
    """
    found: dict[str, Made] = {}
    for path in outputs:
        full = os.path.join(root, path)
        if path.endswith("/"):
            found |= _measure_folder(full, path)
        else:
            found[path] = _measure_file(full)
    return found


def _measure_file(full: str) -> Made:
    try:
        status = os.stat(full)
    except OSError:
        return Made(0, hash_link(full) or ABSENT)
    if os.path.isdir(full):
        return Made(0, ABSENT)
    time.sleep(tick_left(status, time.time_ns()))
    return Made(status.st_size, hash_entry(full).digest)


def _measure_folder(full: str, path: str) -> dict[str, Made]:
    top = full.rstrip("/")
    leaves: dict[str, Made] = {}

    def leaf(at: str, status: os.stat_result) -> str:
        made = leaves[path + at[len(top) + 1 :]] = _measure_file(at)
        return made.digest

    digest = TreeHasher(leaf).digest(top)
    return {path: Made(sum(made.size for made in leaves.values()), digest), **leaves}


def carry_out(work: Work, asked: Callable[[], bool | None] = lambda: None) -> Ended:
    """Run one attempt to its end. `asked` tells whether it is to stop (False) or to be killed (True) by now."""
    node = Node()
    try:
        node.start(work)
        heeded: bool | None = None
        while True:
            for _, ended in node.poll():
                return ended
            wish = asked()
            if wish is not None and wish != heeded:
                node.stop(work.fence, kill=wish)
                heeded = wish
            node.wait(LOOK)
    finally:
        node.close()


class Service:
    """Takes attempts out of a mailbox, one after the other, and reports how they end."""

    def __init__(self, mailbox: Mailbox, fences: Sequence[str]) -> None:
        self._mailbox = mailbox
        self._fences = fences
        self._is_told = False

    def tell(self) -> None:
        """Stop what runs, and start nothing more."""
        self._is_told = True

    def run(self) -> None:
        """All of them, but for those that others have taken or nobody wants any more."""
        for fence in self._fences:
            work = None if self._is_told else self._mailbox.work(fence)
            if work is not None and self._mailbox.claim(fence):
                self._mailbox.report(fence, carry_out(work, partial(self._asked, fence)))

    def _asked(self, fence: str) -> bool | None:
        wish = self._mailbox.asked_to_stop().get(fence)
        return False if wish is None and self._is_told else wish


def main(argv: Sequence[str]) -> int:
    """The program. SIGTERM stops what runs and starts nothing more."""
    folder, *fences = argv
    service = Service(Mailbox(folder), fences)
    signal.signal(signal.SIGTERM, lambda number, frame: service.tell())
    service.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
