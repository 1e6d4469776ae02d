"""What the attempts of a run share, and what is known of one under way. Does nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from flowmake.core.events import Event
from flowmake.core.model import Attempt, Task, Trace
from flowmake.core.ports import Clock, Executor, Store, Work
from flowmake.core.secrets import Secrets
from flowmake.core.staleness import Facts
from flowmake.engine.fences import Fence
from flowmake.engine.outputs import Outputs
from flowmake.world.logs import KeptLogs


class Session(Struct, frozen=True):
    """What all attempts of a run share.

    `environ` is the base environment of commands, `served` what those of this machine get besides. `log_of` tells
    where a task's log goes, `begin` is called once, before the first attempt. `secrets` learns those that templates
    bring up; `logs` looks after the logs.
    """

    run: str
    root: str
    environ: Mapping[str, str]
    log_of: Callable[[str], str]
    executors: Mapping[str, Executor]
    default_executor: str
    store: Store
    clock: Clock
    emit: Callable[[Event], None]
    begin: Callable[[], None]
    secrets: Secrets = field(default_factory=Secrets)
    logs: KeptLogs = field(default_factory=lambda: KeptLogs(1 << 30))
    served: Mapping[str, str] = field(default_factory=dict)
    grace: float = 10.0

    @property
    def lanes(self) -> dict[str, int]:
        """How much the remote executors take at once."""
        traits = {name: executor.traits for name, executor in self.executors.items()}
        return {name: each.capacity for name, each in traits.items() if each.remote}


NO_FENCE = Fence("")


class Judged(Struct, frozen=True):
    """A task that is to run: why, by which facts, what its last success was made of, and how its last attempt ended.

    `reasons` are `Reason.as_dict()` values.
    """

    facts: Facts
    reasons: tuple[dict[str, Any], ...]
    trace: Trace | None
    attempt: Attempt | None


class Running(Struct):
    """An attempt under way, with all that its end needs."""

    task: Task
    number: int
    judged: Judged
    outputs: Outputs
    log: str
    executor: Executor
    started: float = 0.0
    ended: float = 0.0
    command: str = ""
    work: Work | None = None
    timed_out: bool = False
    stopped: bool = False
    launch_error: str = ""
    failure: str | None = None
    """Why it failed, as far as its end and a look at its outputs tell; None while nobody has looked."""
    foreign: tuple[str, ...] = ()
    begun: bool = True
    """Has the command begun? Only what queues elsewhere has not when it is launched."""
    fence: Fence = NO_FENCE
    lost_before: int = 0
