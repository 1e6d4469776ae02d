"""Slurm's commands: how they are called and what their answers mean. Unaware of tasks, and of when to ask.

Only `sbatch`, `squeue`, `scancel` and `scontrol` are used: they need the controller alone, while `sacct` needs a
database of past jobs that many sites do not have.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from flowmake.world.calls import Call, Said

PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TZ|LANG|LC_\w+|LD_LIBRARY_PATH|VIRTUAL_ENV|PYTHON\w+|SLURM_CONF|SBATCH_\w+"
)
"""The variables that a job gets: what the program on the node needs. Those of the command come with the work."""

BUSY = (
    "temporarily",
    "try again",
    "QOSMaxSubmitJob",
    "AssocMaxSubmitJob",
    "Job violates accounting/QOS policy",
    "Unable to contact slurm controller",
    "Socket timed out",
    "Slurm backup controller in standby mode",
    "Zero Bytes were transmitted or received",
    "Resource limits",
)
"""Refusals that pass: the queue is full, or the controller is away."""

LOST = frozenset({"NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "LAUNCH_FAILED", "RECONFIG_FAIL", "REVOKED", "REQUEUED"})
"""Ends of jobs that are no fault of theirs."""

ALIVE = frozenset(
    {"PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "STAGE_OUT", "RESIZING", "SIGNALING"}
)
"""No ends at all: it was listed a moment too early."""

_LISTED = "%i|%T|%k|%j"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.,@=/+:-]")


class Job(Struct, frozen=True):
    """A job that is queued or runs. `comment` and `name` as submitted."""

    id: str
    state: str
    comment: str
    name: str


class Fate(Struct, frozen=True):
    """How a job ended: Slurm's state (empty where it has forgotten the job), exit code and signal of the script."""

    state: str = ""
    exit_code: int = 0
    signal: int = 0


def missing() -> list[str]:
    """Those of the commands that are not installed here."""
    return [name for name in ("sbatch", "squeue", "scancel", "scontrol") if shutil.which(name) is None]


def plain(text: str) -> str:
    """A text that can be part of a job's name."""
    return _UNSAFE.sub("_", text)


class Slurm:
    """The commands of one cluster. `environ` is that of this process, `root` where jobs begin."""

    def __init__(self, environ: Mapping[str, str], root: str) -> None:
        self._environ = {name: value for name, value in environ.items() if PASSED.fullmatch(name)}
        self._root = root

    def sbatch(self, options: Sequence[str], argv: Sequence[str]) -> Call:
        """Submit a script that becomes a program; its answer is for `job_id` or `refusal`."""
        words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in argv)
        script = f"#!/bin/sh\nexec {words}\n"
        return self._call(["sbatch", "--parsable", "--no-requeue", f"--chdir={self._root}", *options], script)

    def squeue(self) -> Call:
        """Ask for all jobs of this user; the answer is for `jobs`."""
        return self._call(["squeue", "--noheader", "--noconvert", f"--user={os.getuid()}", f"--format={_LISTED}"])

    def show(self, job: str) -> Call:
        """Ask what became of a job; the answer is for `fate`."""
        return self._call(["scontrol", "show", "job", "-o", job])

    def cancel(self, jobs: Iterable[str], *, kill: bool = False) -> Call:
        """Ask for the end of jobs: TERM, and KILL when Slurm's own grace is over; or KILL at once, script and all."""
        return self._call(["scancel", *(["--full", "--signal=KILL"] if kill else []), *jobs])

    def _call(self, argv: Sequence[str], stdin: str = "") -> Call:
        return Call(argv, self._environ, self._root, stdin)


def job_id(said: Said) -> str:
    """The id of a submitted job; empty if it was refused."""
    first = said.out.strip().partition(";")[0]
    return first if said.code == 0 and first.isdigit() else ""


def refusal(said: Said) -> tuple[str, bool]:
    """Why a submission failed, in Slurm's words, and whether it may be taken later."""
    why = _last_line(said.err) or f"`sbatch` ended with exit code {said.code}"
    return why, said.code < 0 or _is_busy(said.err)


def complaint(err: str) -> str:
    """Why a submission that is still under way takes so long, from what it has printed; empty if it does not say."""
    return _last_line(err) if _is_busy(err) else ""


def _last_line(err: str) -> str:
    lines = [line.removeprefix("sbatch: ").removeprefix("error: ") for line in err.splitlines()]
    return next((line for line in reversed(lines) if line), "").removeprefix("Batch job submission failed: ")


def _is_busy(err: str) -> bool:
    return any(word.lower() in err.lower() for word in BUSY)


def jobs(said: Said) -> list[Job] | None:
    """The jobs listed; None if there is no answer."""
    if said.code != 0:
        return None
    lines = (line.split("|", 3) for line in said.out.splitlines())
    return [Job(*parts) for parts in lines if len(parts) == 4]


def fate(said: Said) -> Fate | None:
    """What became of a job; None if there is no answer."""
    if said.code != 0:
        return Fate() if "Invalid job id" in said.err else None
    state = re.search(r" JobState=(\w+)", said.out)
    codes = re.search(r" ExitCode=(\d+):(\d+)", said.out)
    if state is None or codes is None:
        return None
    return Fate(state[1], int(codes[1]), int(codes[2]))
