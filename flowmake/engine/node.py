"""Carries out attempts on the machine it is called on, for an executor elsewhere. Unaware of engines and verdicts.

As a program, `python -m flowmake.engine.node FOLDER FENCE…`, it takes these attempts out of a mailbox one after the
other; with `--serve` instead, all there are, as many at once as there are cores.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, structs

from flowmake.core.errors import StateError
from flowmake.core.ports import Ended, Executor, Work
from flowmake.engine.digesting import Digester, Outcome, pays
from flowmake.engine.errand import LOOK, PATIENCE, environment
from flowmake.engine.executors.local import LocalExecutor
from flowmake.engine.executors.pool import PoolExecutor
from flowmake.engine.mailbox import Mailbox
from flowmake.engine.measuring import measure
from flowmake.engine.outputs import remove
from flowmake.world.cpus import available_cpus
from flowmake.world.ticks import FINE_NS, file_time, tick_left

COARSE = 0.01
"""Seconds that the clock which stamps files may be behind: it moves by ticks of the kernel."""
NEXT = 0.02
"""Seconds between two looks whether there is something new to do."""
IDLE = 600.0
"""Seconds after which nobody seems to have anything to do any more."""


class _Attempt(Struct):
    """An attempt under way: when it is to be stopped and when it is to be killed, in monotonic seconds."""

    work: Work
    executor: Executor
    stop_at: float
    kill_at: float = float("inf")
    timed_out: bool = False


class _Settling(Struct, frozen=True):
    """A success whose outputs are not hashed yet: when (monotonic) a later change of them would show."""

    due: float
    attempt: _Attempt
    ended: Ended


class Node:
    """Attempts under way on this machine, by fence. `calls` is how many Python functions run at once."""

    def __init__(self, calls: int = 1) -> None:
        self._commands = LocalExecutor()
        self._calls = PoolExecutor(calls)
        self._attempts: dict[str, _Attempt] = {}
        self._settling: list[_Settling] = []
        self._digester = Digester()
        self._digesting: dict[str, tuple[_Attempt, Ended]] = {}
        self._told: list[tuple[str, Ended]] = []
        self._host = socket.gethostname()

    def start(self, work: Work) -> None:
        """Begin; `poll` tells of the end, even if it could not start."""
        timeout = float("inf") if work.timeout is None else work.timeout
        executor: Executor = self._calls if work.call else self._commands
        self._attempts[work.fence] = _Attempt(work, executor, time.monotonic() + timeout)
        executor.start(structs.replace(work, task=work.fence, env=environment(work.env)))

    def stop(self, fence: str, *, kill: bool = False) -> None:
        """End one: TERM and after its grace KILL, or KILL at once; where the command is over, nothing is hashed."""
        for over, ended in self._taken_back(fence):
            number = int(signal.SIGKILL if kill else signal.SIGTERM)
            self._told.append((fence, self._signed(over, structs.replace(ended, exit_code=None, signal=number))))
        attempt = self._attempts.get(fence)
        if attempt is not None:
            attempt.stop_at = float("inf")
            attempt.kill_at = min(attempt.kill_at, time.monotonic() + attempt.work.grace)
            attempt.executor.stop(fence, kill=kill)

    def _taken_back(self, fence: str) -> Iterator[tuple[_Attempt, Ended]]:
        """The attempt of that name if its command is over, and its outputs are not hashed yet."""
        for each in [each for each in self._settling if each.ended.task == fence]:
            self._settling.remove(each)
            yield each.attempt, each.ended
        if self._digester.forget(fence):
            yield self._digesting.pop(fence)

    def poll(self) -> list[tuple[str, Ended]]:
        """Attempts that ended since the last call, with their outputs measured if they succeeded."""
        self._heed_time()
        for executor in self._executors():
            for ended in executor.poll():
                attempt = self._attempts.pop(ended.task)
                self._settling.append(_Settling(time.monotonic() + _settles_in(attempt.work, ended), attempt, ended))
        told, self._told = self._told, []
        now = time.monotonic()
        over = [each for each in self._settling if each.due <= now]
        self._settling = [each for each in self._settling if each.due > now]
        for each in over:
            told += self._conclude(each.attempt, each.ended)
        for fence, outcome in self._digester.poll():
            told.append((fence, self._measured(*self._digesting.pop(fence), outcome)))
        return told

    def _conclude(self, attempt: _Attempt, ended: Ended) -> list[tuple[str, Ended]]:
        """The end of an attempt, unless there is so much to hash that the others would wait for it."""
        fence, work = ended.task, attempt.work
        if _failed(ended):
            return [(fence, self._signed(attempt, ended))]
        if not pays(work.root, work.outputs):
            return [(fence, self._measured(attempt, ended, _measure(work)))]
        self._digesting[fence] = attempt, ended
        self._digester.begin(fence, work.root, work.outputs, lambda: file_time(work.log))
        return []

    def settling(self) -> list[str]:
        """Fences of attempts whose commands are over, and whose outputs are still to be hashed: they need no core."""
        return [*(each.ended.task for each in self._settling), *self._digester.keys()]

    def wait(self, longest: float | None, also: Sequence[int] = ()) -> None:
        """Until `poll` may have news, or there is something to read at one `also`; at most so many seconds."""
        news = select.poll()
        for fd in [*also, self._digester.fileno(), *(fd for executor in self._executors() for fd in executor.fds())]:
            news.register(fd, select.POLLIN)
        dues = [each.due for each in self._settling]
        dues += [min(each.stop_at, each.kill_at) for each in self._attempts.values()]
        due = min(dues, default=float("inf"))
        limit = min(due - time.monotonic(), float("inf") if longest is None else longest)
        limit = 0.0 if self._told else limit
        news.poll(None if limit == float("inf") else max(limit, 0.0) * 1000)

    def close(self) -> None:
        """Kill what still runs."""
        for executor in self._executors():
            executor.close()
        self._digester.close()

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

    def _measured(self, attempt: _Attempt, ended: Ended, outcome: Outcome) -> Ended:
        if isinstance(outcome, Exception):
            ended = structs.replace(ended, exit_code=None, error=str(outcome))
        else:
            ended = structs.replace(ended, outputs=outcome)
        return self._signed(attempt, ended)

    def _signed(self, attempt: _Attempt, ended: Ended) -> Ended:
        return structs.replace(ended, task=attempt.work.task, host=self._host, timed_out=attempt.timed_out)


def _measure(work: Work) -> Outcome:
    try:
        return measure(work.root, work.outputs, lambda: file_time(work.log))
    except (OSError, StateError) as error:
        return error


def _failed(ended: Ended) -> bool:
    return bool(ended.exit_code or ended.signal is not None or ended.error)


def _settles_in(work: Work, ended: Ended) -> float:
    """Seconds until a later change of its outputs would show in their times; the other attempts go on meanwhile."""
    if _failed(ended) or not work.outputs:
        return 0.0
    now = file_time(work.log)
    left = max(_tick_of(os.path.join(work.root, path), now) for path in work.outputs)
    return left and left + COARSE  # or whoever hashes them would wait for the rest, and all others with him


def _tick_of(full: str, now: int) -> float:
    if full.endswith("/"):  # which of the files below it was written last would cost as much as hashing them
        return FINE_NS / 1e9
    try:
        return tick_left(os.stat(full), now)
    except OSError:
        return 0.0


def remove_outputs(work: Work) -> None:
    """Of an attempt that nobody waits for; their names are nobody else's. Raises `OSError`."""
    for path in work.outputs:
        remove(os.path.join(work.root, path))


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
    """Takes attempts out of a mailbox and reports how they end: those named, or, with `serve`, whatever comes.

    `cpus` bounds what runs at once; an attempt that asks for more than there are gets all of them.
    """

    def __init__(self, mailbox: Mailbox, fences: Sequence[str], *, serve: bool = False, cpus: int = 1) -> None:
        self._mailbox = mailbox
        self._next = deque(fences)
        self._serve = serve
        self._node = Node(cpus)
        self._total = self._free = cpus
        self._taken: dict[str, tuple[Work, int]] = {}
        self._heeded: dict[str, bool] = {}
        self._unreported: dict[str, tuple[Work, Ended, float]] = {}
        self._is_told = False
        self._idle_since = self._looked = time.monotonic()

    def tell(self) -> None:
        """Stop what runs, and start nothing more."""
        self._is_told = True

    def run(self) -> None:
        """Until there is nothing left to do, or nothing has come for too long."""
        try:
            while self._taken or self._unreported or self._has_more():
                self._start()
                self._heed_wishes()
                self._node.wait(NEXT if self._serve else LOOK)
                for fence, ended in self._node.poll():
                    work, cpus = self._taken.pop(fence)
                    self._free += cpus
                    self._heeded.pop(fence, None)
                    self._unreported[fence] = work, ended, time.monotonic() + PATIENCE
                self._report()
        finally:
            self._node.close()

    def _report(self) -> None:
        """Raises `OSError` when the file system will not have it for too long: then nobody here is of any use."""
        for fence, (work, ended, deadline) in list(self._unreported.items()):
            try:
                self._tell_end(work, ended)
                del self._unreported[fence]
            except OSError:
                if time.monotonic() > deadline:
                    raise

    def _tell_end(self, work: Work, ended: Ended) -> None:
        """Who was given up for lost cleans up instead. Raises `OSError`."""
        if self._mailbox.is_wanted(work.fence):
            self._mailbox.report(work.fence, ended)
            return
        self._mailbox.forget(work.fence)
        remove_outputs(work)

    def _has_more(self) -> bool:
        if self._is_told:
            return False
        if self._serve and not self._next:
            self._next.extend(self._mailbox.waiting())
            if not self._next:
                return time.monotonic() - self._idle_since < IDLE
        return bool(self._next)

    def _start(self) -> None:
        while self._free > 0 and self._has_more() and self._next:
            fence = self._next[0]
            work = self._mailbox.work(fence)
            cpus = min(max(work.resources.get("cpu", 1), 1), self._total) if work is not None else 0
            if cpus > self._free:
                return
            self._next.popleft()
            self._idle_since = time.monotonic()
            if work is not None and self._mailbox.claim(fence):
                self._free -= cpus
                self._taken[fence] = work, cpus
                self._node.start(work)

    def _heed_wishes(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK and not self._is_told:
            return
        self._looked = now
        wishes = self._mailbox.asked_to_stop() if self._taken else {}
        for fence in self._taken:
            wish = False if self._is_told else None
            wish = wishes.get(fence, wish)
            if wish is not None and self._heeded.get(fence) != wish:
                self._heeded[fence] = wish
                self._node.stop(fence, kill=wish)


def main(argv: Sequence[str]) -> int:
    """The program. SIGTERM stops what runs and starts nothing more."""
    folder, *fences = argv
    serve = fences == ["--serve"]
    cpus = int(os.environ.get("SLURM_CPUS_ON_NODE") or available_cpus()) if serve else 1
    service = Service(Mailbox(folder), () if serve else fences, serve=serve, cpus=cpus)
    signal.signal(signal.SIGTERM, lambda number, frame: service.tell())
    service.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
