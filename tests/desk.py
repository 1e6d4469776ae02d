"""The core at a desk: a Flowfile over files in memory, and make-believe runs that play by the verdicts. No engine."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from datetime import date

from flowmake.core import tracing
from flowmake.core.assembly import Assembly
from flowmake.core.errors import FlowfileError
from flowmake.core.evidence import Evidence
from flowmake.core.flowfile import load_flow
from flowmake.core.graph import Graph
from flowmake.core.model import Attempt, Flow, Task, TaskRecord
from flowmake.core.patterns import covers
from flowmake.core.plan import Demand, Plan, preview, resolve_targets, walk
from flowmake.core.positions import render
from flowmake.core.staleness import Stale, judge
from tests.fakes import FakeClock, FakeFiles, FakeStore

Play = Callable[["Desk", Task], object]
"""Stands for the command of a task: writes its outputs."""


class FakeSources:
    """What `foreach` ranges over, from files in memory."""

    def __init__(self, files: FakeFiles) -> None:
        self.glob = files.glob
        self._files = files

    def read(self, path: str) -> str:
        return self._files.read(path).decode("utf-8", "surrogateescape")

    def today(self) -> date:
        return date(2026, 1, 31)


def write_outputs(desk: Desk, task: Task) -> None:
    """Each output holds its own name and the contents of all inputs."""
    texts = [desk.files.text(entry.path) for entry in desk.evidence.resolve(task) if entry.path in desk.files.files]
    for output in task.outputs:
        desk.files.write(output.path, f"{output.path}:{''.join(texts)}")


class Desk:
    """One project. `text` is its Flowfile; the graph is made anew each time it is asked for, as each command does."""

    def __init__(self, text: str, files: Mapping[str, str] | None = None) -> None:
        self.text = textwrap.dedent(text)
        self.clock = FakeClock()
        self.files = FakeFiles(files, self.clock.now)
        self.store = FakeStore()
        self.environ: dict[str, str] = {}
        self.evidence: Evidence

    def flow(self) -> Flow:
        def read(path: str) -> bytes:
            return self.text.encode() if path == "Flowfile" else self.files.read(path)

        return load_flow(
            "/root", "Flowfile", read, glob=self.files.glob, run_include=lambda *_: "", environ={}, params={}
        )

    def graph(self) -> Graph:
        made = self.store.made()
        return Assembly(self.flow(), FakeSources(self.files), lambda p: p in made and self.files.digest(p) == made[p])

    def look(self) -> Evidence:
        """Evidence as a new command would gather it."""
        self.files.forget()
        self.evidence = Evidence(self.graph(), self.files, self.store, self.environ, self.clock.now)
        return self.evidence

    def edges(self) -> dict[str, tuple[str, ...]]:
        """For each name with upstreams, what it waits for."""
        graph = self.graph()
        return {name: graph.upstream(name) for name in graph.tasks if graph.upstream(name)}

    def complaints(self) -> str:
        """What people see when the graph makes no sense."""
        try:
            self.graph()
        except FlowfileError as error:
            return render(error.problems, lambda file: self.text)
        return ""

    def demand(self, *targets: str, only: bool = False, force: bool = False) -> Demand:
        return Demand(resolve_targets(self.evidence.graph, targets), only, force)

    def preview(self, *targets: str) -> Plan:
        evidence = self.look()
        return preview(evidence.graph, evidence, self.demand(*targets))

    def run(self, *targets: str, plays: Mapping[str, Play] | None = None) -> list[str]:
        """Judge and, where stale, play each task after all it waits for; the names that were played."""
        evidence = self.look()
        played: list[str] = []

        def play(name: str) -> None:
            task = evidence.graph.tasks[name]
            for temp in evidence.temporary.removed(name, evidence.facts(name)):
                play(temp)
            played.append(name)
            self._play(task, (plays or {}).get(task.declared.name, write_outputs))

        def visit(name: str) -> None:
            task, facts = evidence.graph.tasks[name], evidence.facts(name)
            if isinstance(judge(task, evidence.trace(name), evidence.attempt(name), facts), Stale):
                play(name)
            visited[name] = None

        visited: dict[str, None] = {}
        walk(evidence.graph, evidence, self.demand(*targets), visited, lambda name: True, visit)  # type: ignore[arg-type]
        return played

    def _play(self, task: Task, play: Play) -> None:
        evidence, before = self.evidence, self.evidence.facts(task.name)
        trace = evidence.trace(task.name)
        for output in task.outputs if trace is not None else ():
            for path in trace.outputs if output.kind == "glob" and trace is not None else ():
                if covers(output.path, "glob", path):
                    self.files.remove(path)
        play(self, task)
        made = [path for output in task.outputs for path in self._made(output.path, output.kind)]
        evidence.changed(made)
        trace, _ = tracing.settle(evidence, task.name, before, made, (), self.clock.now(), self.clock.now())
        evidence.remember(trace)
        attempt = Attempt(task.name, "succeeded", "run", self.clock.now())
        record = TaskRecord("run", task.name, "succeeded", 1, self.clock.now(), 0.0)
        self.store.end_task(attempt, record, trace)

    def _made(self, path: str, kind: str) -> list[str]:
        return self.files.glob(path) if kind == "glob" else [path]
