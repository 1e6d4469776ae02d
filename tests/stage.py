"""The scheduler on a stage: a real folder for outputs, everything else fake. Unaware of any one test."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

from flowmake.core.assembly import Assembly
from flowmake.core.events import Event, TaskFinished, TaskRetrying
from flowmake.core.evidence import Evidence
from flowmake.core.flowfile import load_flow
from flowmake.core.plan import Demand, resolve_targets
from flowmake.core.ports import Work
from flowmake.engine.attempts import Attempts
from flowmake.engine.limits import Limits
from flowmake.engine.policy import Outcome, Policy
from flowmake.engine.scheduler import Scheduler
from flowmake.engine.session import Session
from flowmake.wiring import DiskSources
from flowmake.world.files import DiskFiles
from tests.fakes import FakeClock, FakeExecutor, FakeStore
from tests.fakes import Outcome as Ending

Play = Callable[[Work], Ending]


class FakeSignals:
    """Signals that a test sends by calling `send`."""

    def __init__(self) -> None:
        self.first = 0
        self.count = 0

    def send(self, number: int) -> None:
        self.first = self.first or number
        self.count += 1

    def raising(self) -> AbstractContextManager[None]:
        """Here signals come while a clock is waited for, and never while anything is judged."""
        return nullcontext()


class FakeSlots:
    """Job tokens: `total` of them, None for no limit. `asked` is what was acquired, in order."""

    def __init__(self, total: int | None = None) -> None:
        self.total = total
        self.used = 0
        self.asked: list[int] = []

    def acquire(self, n: int = 1) -> bool:
        if self.total is not None and self.used and self.used + n > self.total:
            return False
        self.used += n
        self.asked.append(n)
        return True

    def release(self, n: int = 1) -> None:
        self.used -= n

    def fds(self) -> tuple[int, ...]:
        return ()


@dataclass
class Stage:
    """A folder with a Flowfile whose commands are plays: Python functions of the attempt, by task name.

    Without a play of its own, a command does what its words say: `make PATH…` writes files that hold the task's
    name, `exit N` ends with that code, anything else does nothing. `seconds` is how long tasks take.
    """

    root: Path
    plays: dict[str, Play] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    store: FakeStore = field(default_factory=FakeStore)
    clock: FakeClock = field(default_factory=lambda: FakeClock(time() + 3600.0))
    """Ahead of the disk's: files that a test has written lie in the past."""
    signals: FakeSignals = field(default_factory=FakeSignals)
    slots: FakeSlots = field(default_factory=FakeSlots)
    confirm: Callable[[str, str], bool] = lambda task, question: True
    on_tick: Callable[[float], None] = lambda now: None
    jitter: Callable[[], float] = lambda: 1.0
    events: list[Event] = field(default_factory=list)
    begun: int = 0

    def __post_init__(self) -> None:
        self.executor = FakeExecutor(self._perform, self.clock, lambda work: self.seconds.get(work.task, 1.0))
        self._runs = itertools.count(1)

    def flowfile(self, text: str) -> None:
        self.write("Flowfile", text)

    def write(self, path: str, text: str = "") -> None:
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def run(self, *targets: str, jobs: int = 4, demand: dict[str, Any] | None = None, **policy: Any) -> Outcome:
        """Load everything anew, as a new process would, and bring the targets up to date."""
        self.begin(*targets, jobs=jobs, demand=demand, **policy)
        return self.scheduler.run()

    def begin(self, *targets: str, jobs: int = 4, demand: dict[str, Any] | None = None, **policy: Any) -> None:
        """All of `run` but the running."""
        files = DiskFiles(str(self.root))
        flow = load_flow(
            str(self.root),
            "Flowfile",
            files.read,
            glob=files.glob,
            run_include=lambda argv, inputs: "",
            environ={},
            params={},
        )
        self.graph = Assembly(flow, DiskSources(files))
        evidence = Evidence(self.graph, files, self.store, {}, self.clock.now)
        session = self._session()
        self.events.clear()
        self.executor.started.clear()
        self.scheduler = Scheduler(
            session,
            evidence,
            Attempts(session, evidence, lambda: self.jitter()),
            Limits(jobs, flow.pools, flow.resources, session.lanes),
            Policy(**policy),
            Demand(resolve_targets(self.graph, targets), **(demand or {})),
            self.signals,
            self.slots,
            lambda task, question: self.confirm(task, question),
            lambda now: self.on_tick(now),
        )
        self.scheduler.prepare()

    def _session(self) -> Session:
        def begin() -> None:
            self.begun += 1

        return Session(
            run=f"run{next(self._runs)}",
            root=str(self.root),
            environ={"PATH": "/bin"},
            log_of=lambda task: str(self.root / "logs" / task),
            executors={"local": self.executor},
            default_executor="",
            store=self.store,
            clock=self.clock,
            emit=self.events.append,
            begin=begin,
        )

    def _perform(self, work: Work) -> Ending:
        if work.task in self.plays:
            return self.plays[work.task](work)
        verb, *words = work.argv[-1].split()
        if verb == "make":
            for path in words:
                self.write(path, work.task)
        return int(words[0]) if verb == "exit" else 0

    # -- what happened -----------------------------------------------------------------------------------------

    def started(self) -> list[str]:
        """Tasks in the order in which their attempts began."""
        return self.executor.tasks()

    def statuses(self) -> dict[str, str]:
        """How every task ended, by the events."""
        return {event.task: event.status for event in self.events if isinstance(event, TaskFinished)}

    def messages(self) -> dict[str, str]:
        """What was said of tasks that did not end well."""
        return {e.task: e.message for e in self.events if isinstance(e, TaskFinished) and e.message}

    def delays(self) -> list[float]:
        """Seconds before each repetition."""
        return [event.delay for event in self.events if isinstance(event, TaskRetrying)]

    def recorded(self) -> dict[str, str]:
        """The status of the latest attempt of each task, as a crash now would leave it."""
        return {name: attempt.status for name, attempt in self.store.crashed().attempts().items()}


def state_names(outcome: Outcome) -> dict[str, str]:
    """The final states in lower case."""
    return {name: state.name.lower() for name, state in outcome.states.items()}
