"""What happens during a run, as data. Whoever prints, logs or notifies listens to these; nobody here knows them."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

TaskStatus = Literal["succeeded", "failed", "timed_out", "interrupted", "skipped", "fresh", "restored"]


class Event(Struct, frozen=True, kw_only=True):
    """Common to all events: `time` in seconds since the epoch and the id of the run."""

    time: float
    run: str


class RunStarted(Event, frozen=True, kw_only=True):
    """The run begins; `expected` is how many tasks are in the plan at this moment (more may be discovered).

    `fresh` are those of them that are known to be fresh already; no other event tells of each.
    """

    targets: tuple[str, ...]
    jobs: int
    argv: tuple[str, ...]
    expected: int = 0
    fresh: tuple[str, ...] = ()


class TasksFound(Event, frozen=True, kw_only=True):
    """A fan-out or a list of paths became known and brought `count` more tasks into the plan."""

    by: str
    count: int


class TaskJudged(Event, frozen=True, kw_only=True):
    """A task was found fresh or stale; `reasons` are `Reason.as_dict()` values."""

    task: str
    verdict: Literal["fresh", "stale", "waiting"]
    reasons: tuple[dict[str, Any], ...] = ()
    estimate: float | None = None
    """Seconds its last success took, where known."""


class TaskQueued(Event, frozen=True, kw_only=True):
    """An attempt (numbered from 1) waits for its turn with an executor elsewhere; `task_started` follows."""

    task: str
    attempt: int
    executor: str


class TaskStarted(Event, frozen=True, kw_only=True):
    """An attempt (numbered from 1) began; `command` is what runs, shortened by nobody."""

    task: str
    attempt: int
    pid: int
    command: str
    log: str
    description: str = ""
    estimate: float | None = None
    console: bool = False
    """It has the terminal to itself until it ends."""


class TaskRetrying(Event, frozen=True, kw_only=True):
    """An attempt failed and the next one starts after `delay` seconds."""

    task: str
    attempt: int
    delay: float
    exit_code: int | None = None
    signal: int | None = None
    timed_out: bool = False


class TaskFinished(Event, frozen=True, kw_only=True):
    """A task is settled. For `fresh` and `skipped` nothing was run and `seconds` is 0.

    `outputs` maps paths to digests. `message` says in a sentence what went wrong, `tail` holds the last
    lines of the log as text that is safe to print; both empty unless it failed.
    `cut_off` : it ran, and every output came out as it was before.
    """

    task: str
    status: TaskStatus
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    attempt: int = 0
    message: str = ""
    tail: tuple[str, ...] = ()
    allowed: bool = False
    """It failed, and `allow_failure` says that is all right."""
    cut_off: bool = False
    host: str = ""
    """The machine that an executor elsewhere ran it on."""


class Notice(Event, frozen=True, kw_only=True):
    """Something a person should know that is not the end of a task."""

    text: str
    level: Literal["info", "warning", "error"] = "info"
    task: str = ""


class RunFinished(Event, frozen=True, kw_only=True):
    """The run is over. `counts` maps each task status to how many ended so; `total` is all tasks of the plan."""

    status: Literal["succeeded", "failed", "interrupted", "nothing_to_do"]
    exit_code: int
    counts: dict[str, int]
    seconds: float
    total: int = 0
    orphans: tuple[str, ...] = ()
    """Outputs of earlier runs that no task makes any more."""
