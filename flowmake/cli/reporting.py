"""All that is known of one run: its record, its events, what came before it, how the flow stands. Shows nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowmake.cli.records import find_run
from flowmake.core.events import TaskFinished
from flowmake.core.plan import Demand, Plan, preview
from flowmake.observers.jsonl import as_dict
from flowmake.views.timeline import Span, critical_path, spans

if TYPE_CHECKING:
    from flowmake.build import Project
    from flowmake.core.model import RunRecord, TaskRecord

HISTORY = 20
"""How many runs before the reported one are looked at for earlier durations."""


class Account(Struct, frozen=True):
    """One run. `ended` and `started` are the events of its tasks by name, `records` what the store has of them.

    `earlier` are the runs before it with their tasks, latest first; `running`: it is still on.
    """

    run: RunRecord
    running: bool
    plan: Plan
    events: tuple[dict[str, Any], ...]
    records: dict[str, TaskRecord]
    started: dict[str, dict[str, Any]]
    ended: dict[str, dict[str, Any]]
    earlier: tuple[tuple[RunRecord, dict[str, TaskRecord]], ...]
    spans: tuple[Span, ...]
    critical: tuple[str, ...]
    critical_seconds: float

    @property
    def names(self) -> list[str]:
        """The concrete tasks of the flow, upstream first, then those that the run had and the flow has no more."""
        known = [judgement.task.name for judgement in self.plan.tasks()]
        return list(dict.fromkeys([*known, *self.records, *self.ended, *self.started]))


def account(project: Project, given: str) -> Account:
    """What is known of the run that an id, the beginning of one, or `last` means. Raises `UsageError`."""
    with closing(project.store) as store:
        run = find_run(store, given)
        records = {record.task: record for record in store.tasks_of(run.id)}
        before = [other for other in store.runs() if other.started < run.started][:HISTORY]
        earlier = tuple((other, {record.task: record for record in store.tasks_of(other.id)}) for other in before)
    running = not run.finished and project.is_running()
    events = tuple(read_events(project.state.events(run.id)))
    plan = _plan(project)
    found = _spans(run, events, records, running=running)
    seconds = _seconds(found)
    order = [*plan.order, *(name for name in seconds if name not in plan.judgements)]
    critical = critical_path(order, lambda name: _upstream(plan, name), seconds)
    return Account(
        run=run,
        running=running,
        plan=plan,
        events=events,
        records=records,
        started={event["task"]: event for event in events if event["event"] == "task_started"},
        ended={event["task"]: event for event in events if event["event"] == "task_finished"},
        earlier=earlier,
        spans=tuple(found),
        critical=critical,
        critical_seconds=sum(seconds[name] for name in critical),
    )


def read_events(path: str) -> Iterator[dict[str, Any]]:
    """The events a run has kept; none if they are gone. What was being written when it died is left out.

    What was known to be fresh when it began comes as if it had been found fresh one by one.
    """
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines[:-1]:
        event = json.loads(line)
        yield event
        for name in event.get("fresh", ()):
            end = TaskFinished(time=0.0, run=event["run"], task=name, status="fresh")
            yield {**as_dict(end), "time": event["time"]}


def concrete_upstream(plan: Plan, name: str) -> Iterator[str]:
    """The tasks that a task waits for, with groups replaced by what they stand for."""
    stack = list(_upstream(plan, name))[::-1]
    seen = set(stack)
    while stack:
        other = stack.pop()
        if not plan.judgements[other].task.is_group:
            yield other
            continue
        more = [upstream for upstream in _upstream(plan, other) if upstream not in seen]
        seen.update(more)
        stack += more


def _seconds(found: list[Span]) -> dict[str, float]:
    """How long each task held up what comes after it: all its attempts, and the pauses between them."""
    first: dict[str, float] = {}
    return {span.task: span.end - first.setdefault(span.task, span.start) for span in found}


def _upstream(plan: Plan, name: str) -> tuple[str, ...]:
    if name not in plan.judgements:
        return ()
    return tuple(other for other in plan.graph.upstream(name) if other in plan.judgements)


def _plan(project: Project) -> Plan:
    """Every task judged; unlike for a run, an input that is missing is no reason to stop."""
    with project.look() as view:
        return preview(view.graph, view.evidence, Demand(tuple(project.flow.declarations)))


def _spans(
    run: RunRecord, events: tuple[Mapping[str, Any], ...], records: Mapping[str, TaskRecord], *, running: bool
) -> list[Span]:
    """From the events; where they are gone, the last attempt of each task, which the store knows."""
    if events:
        from flowmake import wiring
        from flowmake.views.timeline import epoch

        end = run.finished or (wiring.clock().now() if running else epoch(events[-1]["time"]))
        return spans(events, end, "running" if running else "interrupted")
    from flowmake.views.timeline import in_lanes

    ran = (record for record in records.values() if record.attempt)
    return in_lanes(Span(r.task, r.attempt, r.started, r.started + r.seconds, r.status) for r in ran)
