"""Runs tasks as Slurm jobs, one each or many in one, or inside one allocation. Unaware of Slurm's commands and answers.

What runs on the nodes is `engine.errand`, in an allocation `engine.node`. Attempts and their ends pass through a
mailbox on the shared file system.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from hashlib import blake2b

from msgspec import Struct

from flowmake.core.errors import UsageError
from flowmake.core.ports import Ended, Executor, ExecutorKind, Leftover, Site, Traits, Work
from flowmake.core.schema_fields import SlurmTask
from flowmake.engine.executors import slurmends, slurmqueue
from flowmake.engine.executors.slurmoptions import Options, allocation, packed, shared_jobs, unpacked
from flowmake.engine.executors.slurmqueue import Busy, Gone, Job, Queue, Refused
from flowmake.engine.mailbox import Mailbox
from flowmake.world import slurm
from flowmake.world.slurm import Fate, Slurm

GRANTED = ("cpu", "mem", "gpu", "time")
INTERVAL = 0.1
"""Seconds between two looks for results."""
BEGUN_EVERY = 0.5
"""Seconds between two looks for what has begun."""
ALLOCATION = "allocation"


class _Entry(Struct):
    """An attempt that is out: the job it is in (empty if unknown), whether it is to stop (True: killed), and, once
    its job is gone, by what fate and until when (monotonic seconds) its result may still come.
    """

    task: str
    key: str
    wish: bool | None = None
    fate: Fate | None = None
    deadline: float = math.inf


class SlurmExecutor(Executor):
    """The `Executor` on one cluster."""

    def __init__(self, options: Options, site: Site) -> None:
        """Raises `UsageError` where Slurm is not installed."""
        if missing := slurm.missing():
            commands = ", ".join(f"`{name}`" for name in missing)
            raise UsageError(f"executor `{site.name}`: {commands} not found", "is this a machine that submits jobs?")
        self._options = options
        self._traits = options.traits(GRANTED, queues=True)
        self._commands = Slurm(site.environ, site.root)
        self._queue = Queue(self._commands)
        self._mailbox = Mailbox(site.folder)
        self._mailbox.create()
        self._prefix = f"flowmake/{blake2b(os.fsencode(site.folder), digest_size=4).hexdigest()}/"
        self._entries: dict[str, _Entry] = {}
        self._fences: dict[str, str] = {}
        self._jobs: dict[str, set[str]] = {}
        """The fences behind each job's key that are still out."""
        self._gathered: list[Work] = []
        self._ended: list[Ended] = []
        self._notices: list[str] = []
        self._left: dict[str, str] = {}
        """Fences of leftovers, with the keys of their jobs."""
        self._allocations = 0
        self._has_noted = False
        self._looked = self._looked_for_begun = 0.0
        self._queued: set[str] = set()
        """Fences of which nobody knows that their commands have begun."""

    @property
    def traits(self) -> Traits:
        return self._traits

    @property
    def interval(self) -> float | None:
        """`fds` tell of answers from Slurm, but not of results."""
        if self._gathered or self._ended:
            return 0.0
        return INTERVAL if self._entries or len(self._queue) else None

    def fds(self) -> Sequence[int]:
        return self._queue.fds()

    # -- beginning ---------------------------------------------------------------------------------------------

    def start(self, work: Work) -> int:
        if problem := self._mailbox.post(work):
            self._ended.append(Ended(work.task, error=problem))
        else:
            self._enter(work, "")
            self._gathered.append(work)
        return 0

    def _enter(self, work: Work, key: str) -> None:
        self._entries[work.fence] = _Entry(work.task, key)
        self._queued.add(work.fence)
        self._fences[work.task] = work.fence
        if key:
            self._jobs.setdefault(key, set()).add(work.fence)

    def _submit(self) -> None:
        """Make jobs of what was started since the last time; what is alike may share one."""
        gathered = [work for work in self._gathered if work.fence in self._entries]
        self._gathered.clear()
        if self._options.alloc:
            for work in gathered:
                self._join(work.fence, ALLOCATION)
                self._note_unheard(work)
            if gathered and not self._allocations:
                self._allocate(gathered[0].fence)
            return
        for works, asked in shared_jobs(gathered, self._options):
            self._submit_one(works, asked)

    def _note_unheard(self, work: Work) -> None:
        """An allocation is asked for once, by what the executor's table says. Told once."""
        if work.options.get("slurm") and not self._has_noted:
            self._has_noted = True
            self._notices.append(f"what `{work.task}` says under `slurm` is for jobs of their own, not for `alloc`")

    def _join(self, fence: str, key: str) -> None:
        self._entries[fence].key = key
        self._jobs.setdefault(key, set()).add(fence)

    def _submit_one(self, works: Sequence[Work], asked: Sequence[str]) -> None:
        fences = [work.fence for work in works]
        for fence in fences:
            self._join(fence, fences[0])
        name = f"{self._prefix}{fences[0]}/{slurm.plain(works[0].task)}"
        options = (f"--output={self._mailbox.said(fences[0])}", *asked)
        self._queue.submit(Job(fences[0], name, packed(fences), options, self._mailbox.command(*fences)))

    def _allocate(self, fence: str) -> None:
        """Ask for an allocation in which each node serves the mailbox."""
        options = (f"--output={self._mailbox.said(ALLOCATION)}", *allocation(self._options))
        serve = ("srun", "--ntasks-per-node=1", "--cpu-bind=none", "--kill-on-bad-exit=0", *self._mailbox.serving())
        self._allocations += 1
        name = f"{self._prefix}{ALLOCATION}/{fence}"
        self._queue.submit(Job(ALLOCATION, name, "", options, serve))

    # -- ending ------------------------------------------------------------------------------------------------

    def poll(self) -> list[Ended]:
        self._submit()
        for news in self._queue.news():
            self._hear(news)
        now = time.monotonic()
        if self._entries and now - self._looked >= INTERVAL / 2:
            self._looked = now
            self._take_results()
            self._give_up(now)
        ended, self._ended = self._ended, []
        return ended

    def _take_results(self) -> None:
        for fence, ended in self._mailbox.results():
            if fence in self._entries:
                self._end(fence, ended)
            elif fence not in self._left:
                self._mailbox.forget(fence)

    def _end(self, fence: str, ended: Ended) -> None:
        """An attempt is over, whatever has become of its job."""
        entry = self._entries.pop(fence)
        self._queued.discard(fence)
        del self._fences[entry.task]
        self._ended.append(ended)
        self._mailbox.forget(fence)
        fences = self._jobs.get(entry.key, set())
        fences.discard(fence)
        if not fences and entry.key != ALLOCATION:
            self._jobs.pop(entry.key, None)
            self._queue.forget(entry.key)

    def begun(self) -> Sequence[str]:
        now = time.monotonic()
        if not self._queued or now - self._looked_for_begun < BEGUN_EVERY:
            return ()
        self._looked_for_begun = now
        begun = self._queued.intersection(self._mailbox.names("claims"))
        self._queued -= begun
        return [self._entries[fence].task for fence in sorted(begun)]

    def notices(self) -> Sequence[str]:
        notices, self._notices = self._notices, []
        return notices

    def _hear(self, news: slurmqueue.News) -> None:
        if isinstance(news, Busy):
            self._notices.append(f"Slurm takes no jobs for now, and is asked again: {news.why}")
            return
        if isinstance(news, Refused):
            if news.key == ALLOCATION:
                self._allocations = 0
            for fence in list(self._jobs.pop(news.key, ())):
                self._end(fence, Ended(self._entries[fence].task, error=f"Slurm refused it: {news.why}"))
            return
        fences = self._jobs.get(news.key, set())
        if news.key == ALLOCATION:
            self._after_allocation(news)
            fences = {fence for fence in fences if self._mailbox.is_claimed(fence)}
        for fence in list(fences):
            self._outlive(fence, news.fate)

    def _after_allocation(self, news: Gone) -> None:
        """Get another one for what nobody has begun, unless allocations do not seem to work at all."""
        waiting = [fence for fence in self._jobs.get(ALLOCATION, ()) if not self._mailbox.is_claimed(fence)]
        if self._allocations < 3 and waiting:
            self._allocate(waiting[0])
            return
        self._allocations = 0
        why = self._mailbox.last_words(ALLOCATION) or news.fate.state.lower()
        for fence in waiting:
            self._end(fence, Ended(self._entries[fence].task, error=f"the allocation came to an end: {why}"))

    def _outlive(self, fence: str, fate: Fate) -> None:
        """The job of an attempt is gone. Its result may still be on its way, if anybody had begun with it."""
        entry = self._entries[fence]
        entry.fate = fate
        if self._mailbox.void(fence):
            words = self._mailbox.last_words(entry.key)
            self._end(fence, slurmends.unbegun(entry.task, fate, words, wish=entry.wish))
        else:
            entry.deadline = time.monotonic() + (0.0 if entry.wish else self._traits.latency)

    def _give_up(self, now: float) -> None:
        """What did not come in time will not come."""
        for fence, entry in list(self._entries.items()):
            if entry.fate is not None and now >= entry.deadline:
                self._end(fence, slurmends.without_result(entry.task, entry.fate, wish=entry.wish))

    # -- stopping ----------------------------------------------------------------------------------------------

    def stop(self, task: str, *, kill: bool = False) -> None:
        fence = self._fences.get(task)
        if fence is None:
            return
        entry = self._entries[fence]
        entry.wish = kill
        if self._mailbox.void(fence):
            self._leave_job(fence, entry, kill)
            self._end(fence, Ended(task, signal=9 if kill else 15))
            return
        self._mailbox.ask_to_stop(fence, kill=kill)
        if len(self._jobs.get(entry.key, ())) == 1 and entry.key != ALLOCATION:
            self._queue.cancel(entry.key, kill=kill)

    def _leave_job(self, fence: str, entry: _Entry, kill: bool) -> None:
        if entry.key and entry.key != ALLOCATION and self._jobs.get(entry.key) == {fence}:
            self._queue.cancel(entry.key, kill=kill)

    # -- what dead runs left -----------------------------------------------------------------------------------

    def leftovers(self) -> Sequence[Leftover]:
        found = self._mailbox.leftovers()
        jobs = slurmqueue.listed(self._commands) if found else []
        for job in jobs:
            if job.name.startswith(self._prefix):
                self._recognise(job)
        self._left |= {left.fence: self._left.get(left.fence, "") for left in found}
        return found

    def _recognise(self, job: slurm.Job) -> None:
        key = job.name.removeprefix(self._prefix).partition("/")[0]
        self._queue.adopt(key, job.id)
        if key == ALLOCATION:
            self._allocations = 1
        else:
            self._left |= dict.fromkeys(unpacked(job.comment), key)

    def resume(self, work: Work) -> None:
        key = self._left.pop(work.fence)
        if not key and self._allocations:
            key = ALLOCATION
        self._enter(work, key)
        if key:
            return
        if self._mailbox.is_claimed(work.fence):
            self._outlive(work.fence, Fate())  # its job is gone; it may have left a result
        else:
            self._gathered.append(work)

    def discard(self, fence: str) -> None:
        key = self._left.pop(fence)
        if not self._mailbox.void(fence):
            self._mailbox.ask_to_stop(fence, kill=True)
        if key and key != ALLOCATION and key not in self._left.values():
            self._queue.cancel(key)
        self._mailbox.forget(fence)

    def close(self) -> None:
        for fence in list(self._left):
            self.discard(fence)
        for fence in self._entries:
            self._mailbox.void(fence)
        self._queue.close()
        for fence in self._entries:
            self._mailbox.forget(fence)
        self._mailbox.forget(ALLOCATION)
        self._entries.clear()


KIND = ExecutorKind(Options, SlurmExecutor, SlurmTask)
