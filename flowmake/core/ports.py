"""What the pure rooms need from the world, as small protocols. Each has a real adapter, a fake, a contract suite."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Annotated, Any, Protocol

from msgspec import Meta, Struct, field

from flowmake.core.events import Event
from flowmake.core.model import Attempt, Check, RunRecord, TaskRecord, Trace
from flowmake.core.schema_fields import doc
from flowmake.core.units import seconds

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
        """Content digests of many paths, in their order; hashed side by side where that pays."""
        ...

    def foresee(self, paths: Sequence[str], most: int | None = None) -> int:
        """Find out the content digests of files that are about to be asked for, where that pays side by side.

        How many of the paths that was done for: the first ones, until `most` bytes were to be read, and for some more
        where otherwise processors were idle. Nothing is raised: what is odd about a file, whoever asks for it is told.
        """
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

    def touched_since(self, path: str, moment: float) -> bool:
        """Whether its times allow that it changed at that moment (epoch seconds) or later; also if it is not there."""
        ...

    def doubtful(self, digests: Mapping[str, str]) -> list[str]:
        """The paths of which a glance does not tell that this is their content digest now, too; it may yet be."""
        ...

    def vouch(self, path: str, digest: str) -> None:
        """Take this for the content digest of the file that is there now: whoever made it has hashed it."""
        ...


class Store(Protocol):
    """What is remembered from run to run. Loads in bulk; writes wait for `flush`, which is one transaction."""

    def traces(self) -> Mapping[str, Trace]: ...

    def discovered(self, task: str) -> tuple[str, ...]:
        """That part of its trace, which is asked for most often, at less cost than all of it; empty without one."""
        ...

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

    def made_beside(self, declared: Container[str]) -> set[str]:
        """Those of `made` that are not among these: few, where `made` may be a hundred thousand."""
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

    What follows `root` matters to remote executors only. `fence` names this very attempt, once and for ever;
    `outputs` are the paths (root-relative) that its command writes to, which carry the fence in their names, so that
    an attempt given up for lost can write on without harm. `resources` is what the task asks for (`mem` in bytes,
    `time` in seconds), `timeout` and `grace` (between TERM and KILL) are in seconds from when the command starts.
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
    run: str = ""
    fence: str = ""
    identity: str = ""
    """Digest of all that the attempt is judged by: two with the same identity would make the same."""
    outputs: tuple[str, ...] = ()
    resources: Mapping[str, int] = field(default_factory=dict)
    timeout: float | None = None
    grace: float = 10.0
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the task asks of executors, by their kind: checked against `ExecutorKind.of_tasks`."""


class Made(Struct, frozen=True):
    """An output as it was where it was made: bytes (of all files in a folder) and digest, `ABSENT` if not there."""

    size: int
    digest: str


class Ended(Struct, frozen=True):
    """How an attempt ended. `exit_code` xor `signal`, or `error` when it could not even start.

    `error` is a sentence; for a `call` that raised, the exception's last line (the traceback is in the log).
    `seconds` of wall time; `max_rss` in bytes, `cpu_seconds`: 0 where unknown.

    From remote executors: `outputs` as `Work.outputs` came out, with every file in a folder; `host` the machine.
    `timed_out`: it outlived `Work.timeout`. `lost`: nobody can say how it ended, through no fault of the command, so
    it may be repeated.
    """

    task: str
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    error: str = ""
    max_rss: int = 0
    cpu_seconds: float = 0.0
    outputs: Mapping[str, Made] = field(default_factory=dict)
    host: str = ""
    timed_out: bool = False
    lost: bool = False


class Traits(Struct, frozen=True):
    """What must be known of an executor before it is given work.

    `remote`: attempts run where this process, its terminal and its job slots are not; their outputs are fenced and
    measured where they are made. `capacity`: how many attempts it takes at once, queued ones included, instead of
    the local limit. `grants`: the resources it counts itself. `latency`: seconds within which what was written
    there must be seen here. `queues`: between `start` and the start of the command may lie hours, and `begun` tells
    when those are over.
    """

    remote: bool = False
    capacity: int = 0
    grants: frozenset[str] = frozenset()
    latency: float = 0.0
    queues: bool = False


class Leftover(Struct, frozen=True):
    """An attempt that a dead run left with a remote executor: queued, running, or ended with nobody to see it."""

    task: str
    fence: str
    identity: str


class Executor(Protocol):
    """One way to run tasks. Never blocks but in `close`; knows nothing of graphs, staleness or retries.

    Inherit from it: what a local executor has no use for is here already.
    """

    @property
    def traits(self) -> Traits:
        """The same as long as it lives."""
        return Traits()

    @property
    def interval(self) -> float | None:
        """Seconds after which `poll` wants to be called again at the latest; None: `fds` tell when."""
        return None

    def start(self, work: Work) -> int:
        """Begin an attempt; the process id, or 0 where there is none. `poll` tells of a failure to start."""
        ...

    def poll(self) -> list[Ended]:
        """Attempts that ended since the last call."""
        ...

    def begun(self) -> Sequence[str]:
        """Tasks of which it became known since the last call that their commands have begun, and not yet that they
        ended. Only an executor whose traits say that it `queues` needs to tell.
        """
        return ()

    def notices(self) -> Sequence[str]:
        """What a person should know since the last call: sentences about the engine, not about the end of a task.

        Asked for once more after `close`.
        """
        return ()

    def fds(self) -> Sequence[int]:
        """Descriptors that become readable when `poll` may have news."""
        ...

    def stop(self, task: str, *, kill: bool = False) -> None:
        """Ask the task's whole process group to end (TERM, or KILL); its end is still reported by `poll`."""
        ...

    def leftovers(self) -> Sequence[Leftover]:
        """What dead runs of this root left behind. Called once, before any `start`."""
        return ()

    def resume(self, work: Work) -> None:
        """Instead of `start`: go on with the leftover that has the fence of this work; `poll` tells of its end."""
        raise LookupError(f"there is no leftover `{work.fence}`")

    def discard(self, fence: str) -> None:
        """Stop a leftover that nobody wants any more; nothing is reported of it."""
        raise LookupError(f"there is no leftover `{fence}`")

    def close(self) -> None:
        """Release everything; whatever still runs, and leftovers nobody wanted, are killed."""
        ...


class RemoteOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of `[executors.NAME]` that every remote executor has; kinds add their own by inheriting."""

    capacity: Annotated[
        int, Meta(ge=1), doc("How many tasks are with it at once, queued ones included.", example="500")
    ] = 1000
    latency_wait: Annotated[
        float | str,
        doc(
            "How long an output may take to be seen here after it was made there.", expects="a duration", example='"1m"'
        ),
    ] = 30.0

    def traits(self, grants: Iterable[str], *, queues: bool = False) -> Traits:
        """Those of a remote executor with these options."""
        return Traits(True, self.capacity, frozenset(grants), seconds(self.latency_wait), queues)


class Site(Struct, frozen=True):
    """Where an executor works: its `name` in the Flowfile, the `root`, and a folder for its own files.

    `jobs` is `-j`. `folder` (absolute) lies on the same file system as the root's state, and need not exist yet.
    """

    name: str
    root: str
    folder: str
    jobs: int
    environ: Mapping[str, str]


class ExecutorKind(Struct, frozen=True):
    """What an entry point of the group `flowmake.executors` names; the entry point's name is the `kind`.

    `options` is the struct that `[executors.NAME]` is checked against and converted to, `kind` left out. `open` may
    raise `UsageError`: the engine is not there, and what to do about it. `of_tasks` is the struct that what a single
    task says in a table named like the kind is checked against; None: nothing.
    """

    options: type[RemoteOptions]
    open: Callable[[Any, Site], Executor]
    of_tasks: type[Struct] | None = None


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
