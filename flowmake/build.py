"""The whole pipeline readable on one screen: load, graph, plan, run, why. Signature sheet while the rooms are being built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from flowmake.core.events import RunFinished
from flowmake.core.graph import Graph
from flowmake.core.model import Flow
from flowmake.core.plan import Judgement, Plan
from flowmake.core.ports import Observer, Store


class RunOptions(Struct, frozen=True):
    """How to run. `jobs` 0: the cores this process may use. `deadline` in seconds from the start."""

    jobs: int = 0
    keep_going: bool = False
    fail_fast: bool = False
    force: bool = False
    force_tasks: tuple[str, ...] = ()
    only: bool = False
    failed: bool = False
    yes: bool = False
    deadline: float | None = None
    executor: str = ""
    lock: str = ""  # "wait", "wait=SECS", "fail", "skip"; empty: by terminal


class Project:
    """A Flowfile opened for work, with its state."""

    flow: Flow
    store: Store
    state_dir: str

    @property
    def graph(self) -> Graph: ...

    def plan(self, targets: Sequence[str] = (), options: RunOptions = RunOptions()) -> Plan:
        """Judge everything the targets need, without running or writing anything."""

    def why(self, target: str) -> Judgement: ...

    def run(
        self, targets: Sequence[str] = (), options: RunOptions = RunOptions(), observers: Sequence[Observer] = ()
    ) -> RunFinished: ...

    def accept(self, targets: Sequence[str]) -> list[str]: ...

    def clean(self, targets: Sequence[str], *, orphans: bool = False, dry_run: bool = False) -> list[str]: ...


def load(
    path: str | None = None, params: Mapping[str, Any] | None = None, params_file: str | None = None
) -> Project:
    """Open the Flowfile at `path`, or search for one from the current folder upwards."""


class _PlanSketch:
    """core.plan: `Plan.order`: names, upstream first. `Plan.judgements[name]`: Judgement(task: Task, verdict: Verdict,
    facts: Facts|None, trace: Trace|None, attempt: Attempt|None). core.graph.Graph: `.tasks: dict[str, Task]`,
    `.upstream(name) -> tuple[str,...]`, `.downstream(name)`, `.groups: dict[str, tuple[str,...]]` (foreach name -> instances),
    `.fanouts: set[str]` (foreach names whose instances are not known yet), `.producer(path) -> str|None`, `.needs_all(name)`."""
