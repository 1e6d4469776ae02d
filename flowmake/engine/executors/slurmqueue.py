"""Jobs on their way through Slurm: submitted, looked after all at once, cancelled. Unaware of tasks and results."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from msgspec import Struct

from flowmake.world import slurm
from flowmake.world.calls import Call, Said
from flowmake.world.slurm import Fate, Slurm

AT_ONCE = 4
"""How many submissions are under way: the controller answers each after some milliseconds."""
LISTED_EVERY = 2.0
SHARE = 20.0
"""Listing all jobs takes at most one part in so many of the time, however long it takes."""


class Job(Struct, frozen=True):
    """What is to be submitted. `key` is never used again; `name` and `comment` are found again in Slurm's lists."""

    key: str
    name: str
    comment: str
    options: tuple[str, ...]
    argv: tuple[str, ...]


class Refused(Struct, frozen=True):
    """Slurm will not take a job; why, in its words."""

    key: str
    why: str


class Busy(Struct, frozen=True):
    """Slurm takes no jobs for now; why, in its words. Told once."""

    why: str


class Gone(Struct, frozen=True):
    """A job is neither queued nor running any more."""

    key: str
    fate: Fate


News = Refused | Busy | Gone


class Queue:
    """Never waits for Slurm: each command runs beside everything else, and its answer is taken up by `news`."""

    def __init__(self, commands: Slurm) -> None:
        self._commands = commands
        self._waiting: dict[str, Job] = {}
        self._submitting: list[tuple[Job, Call]] = []
        self._doubtful: dict[str, Job] = {}
        """Refused for now; one listing must tell that they are not there after all before they are tried again."""
        self._has_told = False
        self._ids: dict[str, str] = {}
        self._since: dict[str, float] = {}
        """When each job was there for certain."""
        self._listing: tuple[float, Call] | None = None
        self._listed = 0.0
        self._pause = LISTED_EVERY
        self._asking: dict[str, Call] = {}
        self._cancelling: list[Call] = []
        self._victims: dict[bool, list[str]] = {False: [], True: []}
        """Ids to cancel, and to kill."""
        self._doomed: dict[str, bool] = {}
        """Jobs to cancel as soon as their ids are known; whether to kill them."""

    def __len__(self) -> int:
        parts = (self._waiting, self._submitting, self._doubtful, self._ids, self._cancelling, *self._victims.values())
        return sum(map(len, parts))

    # -- asking for something ----------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        self._waiting[job.key] = job

    def adopt(self, key: str, job: str) -> None:
        """Look after a job that somebody else has submitted."""
        self._ids[key] = job
        self._since[key] = time.monotonic()

    def cancel(self, key: str, *, kill: bool = False) -> bool:
        """See to the end of a job; True if it had not been submitted yet, and never will be."""
        if self._waiting.pop(key, None) is not None:
            return True
        if key in self._ids:
            self._victims[kill].append(self._ids[key])
        elif self._doubtful.pop(key, None) is None:
            self._doomed[key] = kill
        else:
            return True
        return False

    def forget(self, key: str) -> None:
        """It has done its work: how it goes out of Slurm is of no interest."""
        self._ids.pop(key, None)
        self._since.pop(key, None)
        self._asking.pop(key, None)

    # -- what became of it -------------------------------------------------------------------------------------

    def fds(self) -> Sequence[int]:
        """Readable when `news` may have some."""
        return [fd for call in self._calls() for fd in call.fds()]

    def _calls(self) -> Iterator[Call]:
        yield from (call for _, call in self._submitting)
        if self._listing is not None:
            yield self._listing[1]
        yield from self._asking.values()
        yield from self._cancelling

    def news(self) -> Iterator[News]:
        """What has become known since the last call."""
        yield from self._submitted()
        self._start_submissions()
        self._cancel_victims()
        self._list()
        yield from self._gone()

    def _submitted(self) -> Iterator[News]:
        still: list[tuple[Job, Call]] = []
        for job, call in self._submitting:
            said = call.said()
            if said is None:
                still.append((job, call))
                # `sbatch` itself waits and repeats for minutes when the queue is full.
                yield from self._tell_busy(slurm.complaint(call.errors()))
            elif found := slurm.job_id(said):
                self._is_there(job.key, found)
            else:
                why, is_busy = slurm.refusal(said)
                if is_busy:
                    self._doubtful[job.key] = job
                    yield from self._tell_busy(why)
                else:
                    yield Refused(job.key, why)
        self._submitting = still

    def _tell_busy(self, why: str) -> Iterator[News]:
        if why and not self._has_told:
            self._has_told = True
            yield Busy(why)

    def _is_there(self, key: str, job_id: str) -> None:
        """A job was submitted; if nobody wants it any more, it goes at once."""
        self.adopt(key, job_id)
        if key in self._doomed:
            self._victims[self._doomed.pop(key)].append(job_id)

    def _start_submissions(self) -> None:
        while self._waiting and len(self._submitting) < AT_ONCE and not self._doubtful:
            job = self._waiting.pop(next(iter(self._waiting)))
            options = [f"--job-name={job.name}", f"--comment={job.comment}", *job.options]
            self._submitting.append((job, self._commands.sbatch(options, job.argv)))

    def _cancel_victims(self) -> None:
        self._cancelling = [call for call in self._cancelling if call.said() is None]
        for kill, ids in self._victims.items():
            if ids and not self._cancelling:
                self._cancelling.append(self._commands.cancel(ids, kill=kill))
                ids.clear()

    # -- looking after all of them -----------------------------------------------------------------------------

    def _list(self) -> None:
        now = time.monotonic()
        if self._listing is None:
            if (self._ids or self._doubtful) and now - self._listed >= self._pause:
                self._listing = now, self._commands.squeue()
            return
        began, call = self._listing
        said = call.said()
        if said is None:
            return
        self._listing, self._listed = None, now
        self._pause = max(LISTED_EVERY, SHARE * said.seconds)
        found = slurm.jobs(said)
        if found is not None:
            self._compare(began, found)

    def _compare(self, began: float, found: Sequence[slurm.Job]) -> None:
        """What is not listed, and was there when the listing began, has come to its end."""
        by_name = {job.name: job.id for job in found}
        for key, job in list(self._doubtful.items()):
            del self._doubtful[key]
            if job.name in by_name:
                self.adopt(key, by_name[job.name])
            else:
                self._waiting[key] = job
        listed = {job.id for job in found}
        for key, job_id in self._ids.items():
            if job_id not in listed and self._since[key] < began and key not in self._asking:
                self._asking[key] = self._commands.show(job_id)
                if len(self._asking) >= AT_ONCE:
                    return

    def _gone(self) -> Iterator[News]:
        for key, call in list(self._asking.items()):
            said = call.said()
            if said is None:
                continue
            del self._asking[key]
            fate = slurm.fate(said)
            if fate is not None and fate.state not in slurm.ALIVE:
                self.forget(key)
                yield Gone(key, fate)

    def close(self) -> None:
        """Cancel all that is left, and wait until Slurm has taken note."""
        self._waiting.clear()
        self._doubtful.clear()
        for job, call in self._submitting:
            if found := slurm.job_id(call.result()):
                self._is_there(job.key, found)
        ids = {*self._ids.values(), *self._victims[False], *self._victims[True]}
        if ids:
            self._commands.cancel(ids).result()
        calls = list(self._calls())
        for call in calls:
            call.result()


def listed(commands: Slurm) -> list[slurm.Job]:
    """All jobs of this user, now; none if Slurm does not answer."""
    said: Said = commands.squeue().result()
    return slurm.jobs(said) or []
