"""What the pure rooms need from the world, as small protocols. Each has a real adapter, a fake, a contract suite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from flowmake.core.events import Event
from flowmake.core.model import Attempt, Check, RunRecord, TaskRecord, Trace

ABSENT = ""
"""The digest of a path where nothing is."""


class Files(Protocol):
    """The only door to the disk for judging. Paths are relative to the root, with `/`, or absolute. Reading only."""

    def digest(self, path: str, check: Check = "content") -> str:
        """Digest of what is there now, `ABSENT` if nothing; a path ending in `/` is hashed as a tree.

        Raises `StateError` for what exists but cannot be read.
        """
        ...

    def digests(self, paths: Sequence[str]) -> list[str]:
        """Content digests of many paths, in their order; big ones are hashed side by side."""
        ...

    def exists(self, path: str) -> bool: ...

    def is_dir(self, path: str) -> bool: ...

    def glob(self, pattern: str) -> list[str]:
        """Files that match (directories if it ends in `/`), sorted; state and `.git` folders are left out."""
        ...

    def read(self, path: str) -> bytes:
        """The bytes of a file; raises `FileNotFoundError` or `StateError`."""
        ...

    def forget(self, paths: Iterable[str] | None = None) -> None:
        """Drop what is remembered of these paths (of all, if None) within this run: they may have changed."""
        ...


class Store(Protocol):
    """What is remembered from run to run. Loads in bulk; writes wait for `flush`, which is one transaction."""

    def traces(self) -> Mapping[str, Trace]: ...

    def attempts(self) -> Mapping[str, Attempt]: ...

    def begin_run(self, run: RunRecord) -> None: ...

    def end_run(self, run: RunRecord) -> None: ...

    def begin_task(self, attempt: Attempt) -> None:
        """Mark as running; must be flushed before the command starts."""
        ...

    def end_task(self, attempt: Attempt, record: TaskRecord, trace: Trace | None) -> None:
        """The end of a task in a run; `trace` only after success and verification."""
        ...

    def accept(self, trace: Trace) -> None:
        """Record a trace without a run behind it."""
        ...

    def made(self) -> Mapping[str, str]:
        """Every output ever made by a task and not forgotten by `unmake`, with its last digest."""
        ...

    def unmake(self, paths: Iterable[str]) -> None:
        """These are gone, or nobody's business any more."""
        ...

    def named_orphans(self) -> set[str]:
        """Those of `made` that people were told no task makes any more."""
        ...

    def name_orphans(self, paths: Iterable[str]) -> None:
        """From now on exactly these count as told."""
        ...

    def forget_task(self, task: str) -> None:
        """Drop trace and attempt of a task (after `clean`, or for orphans once removed)."""
        ...

    def flush(self) -> None:
        """Make everything so far durable against the death of this process. Raises `StateError`."""
        ...

    def runs(self, limit: int = 0) -> list[RunRecord]:
        """Latest first; all if `limit` is 0."""
        ...

    def tasks_of(self, run: str) -> list[TaskRecord]: ...

    def records_of(self, task: str, limit: int = 0) -> list[TaskRecord]:
        """Latest first."""
        ...

    def close(self) -> None: ...


class Work(Struct, frozen=True):
    """One attempt, ready to be executed: everything rendered, nothing left to decide.

    `argv` for a process, or `call` (`pkg.module:function`) with `args`. `env` is the whole environment.
    `cwd` and `log` are absolute. `console`: inherit the terminal instead of writing the log.
    """

    task: str
    attempt: int
    log: str
    cwd: str
    env: Mapping[str, str]
    argv: tuple[str, ...] = ()
    call: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    console: bool = False
    root: str = ""
    """Absolute; `call` modules are imported from here."""


class Ended(Struct, frozen=True):
    """How an attempt ended. `exit_code` xor `signal`, or `error` when it could not even start.

    `error` is a sentence; for a `call` that raised, the exception's last line (the traceback is in the log).
    `seconds` of wall time; `max_rss` in bytes, `cpu_seconds`: 0 where unknown.
    """

    task: str
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    error: str = ""
    max_rss: int = 0
    cpu_seconds: float = 0.0


class Executor(Protocol):
    """One way to run tasks. Never blocks but in `close`; knows nothing of graphs, staleness or retries."""

    def start(self, work: Work) -> int:
        """Begin an attempt; the process id, or 0 where there is none. `poll` tells of a failure to start."""
        ...

    def poll(self) -> list[Ended]:
        """Attempts that ended since the last call."""
        ...

    def fds(self) -> Sequence[int]:
        """Descriptors that become readable when `poll` may have news."""
        ...

    def stop(self, task: str, *, kill: bool = False) -> None:
        """Ask the task's whole process group to end (TERM, or KILL); its end is still reported by `poll`."""
        ...

    def close(self) -> None:
        """Release everything; whatever still runs is killed."""
        ...


class Observer(Protocol):
    """A listener to events. Must not raise for what it observes; may be slow only in `close`."""

    def on_event(self, event: Event) -> None: ...

    def on_tick(self, now: float) -> None:
        """Called about once in a tenth of a second while a run waits; `now` is monotonic seconds."""
        ...

    def close(self) -> None: ...


class Clock(Protocol):
    """Time and waiting, so that tests can own both."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float: ...

    def wait(self, fds: Sequence[int], timeout: float | None) -> None:
        """Return when one of the descriptors is readable, a signal came, or `timeout` seconds passed."""
        ...
