"""How a judged task stands, in words and numbers that tables and `--json` share. Prints nothing, judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flowmake.cli.documents import FileState, Reason, State, TaskStatus
from flowmake.core.staleness import Stale, Verdict, Waiting
from flowmake.core.standing import state_of, verdict_word

if TYPE_CHECKING:
    from flowmake.core.graph import Graph
    from flowmake.core.plan import Judgement, Plan

STATES: tuple[State, ...] = ("failed", "running", "queued", "stale", "waiting", "fresh")


def not_known_yet(plan: Plan) -> list[str]:
    """A sentence for each fan-out of the plan whose instances only a run will tell."""
    fanouts = plan.graph.fanouts
    sources = {name: ", ".join(f"`{source}`" for source in fanouts[name]) for name in plan.order if name in fanouts}
    return [f"the instances of `{name}` are not known before {source} has run" for name, source in sources.items()]


def status_of(judgement: Judgement, *, running: bool) -> TaskStatus:
    attempt = judgement.attempt
    started, seconds = _last(judgement)
    return TaskStatus(
        task=judgement.task.name,
        state=state_of(judgement, running=running),
        verdict=verdict_word(judgement.verdict),
        reasons=reasons_of(judgement.verdict),
        waiting_on=list(judgement.verdict.on) if isinstance(judgement.verdict, Waiting) else [],
        last_status=attempt.status if attempt is not None else "",
        last_run=rfc3339(started),
        seconds=seconds,
    )


def _last(judgement: Judgement) -> tuple[float, float | None]:
    """When the last attempt began and how long it took; of an accepted task, when it was accepted."""
    attempt, trace = judgement.attempt, judgement.trace
    if attempt is not None:
        return attempt.started, round(attempt.seconds, 3) if attempt.status != "running" else None
    return (trace.finished, None) if trace is not None else (0.0, None)


def reasons_of(verdict: Verdict) -> list[Reason]:
    return reason_documents(r.as_dict() for r in verdict.reasons) if isinstance(verdict, Stale) else []


def reason_documents(reasons: Iterable[Mapping[str, Any]]) -> list[Reason]:
    return [Reason(**reason) for reason in reasons]


def inputs_of(judgement: Judgement, graph: Graph) -> list[FileState]:
    """The inputs a verdict rests on; those still to be made come last, without a digest."""
    facts = judgement.facts
    settled = [FileState(path, digest, graph.producer(path) or "") for path, digest in facts.inputs.items()]
    return settled + [FileState(path, None, graph.producer(path) or "") for path in sorted(facts.unsettled)]


def outputs_of(judgement: Judgement) -> list[FileState]:
    """The outputs as found; those of a task that never ran are only known by their declaration."""
    task, found = judgement.task, judgement.facts.outputs
    paths = dict.fromkeys([*(output.path for output in task.outputs if output.kind == "path"), *found])
    return [FileState(path, found.get(path), task.name) for path in paths]


def tally(states: Iterable[str]) -> str:
    """`12 tasks: 1 failed, 3 stale, 8 fresh`"""
    counts = Counter(states)
    total = counts.total()
    parts = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    return f"{total} {'task' if total == 1 else 'tasks'}" + (f": {parts}" if parts else "")


def rfc3339(moment: float) -> str | None:
    """UTC with milliseconds; None for 0, which stands for not known."""
    if not moment:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_time(moment: str | None) -> str:
    """A time from a document for people: local, to the second; empty for None."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def brief_time(shown: str) -> str:
    """A `local_time` in fewer characters: without the date if that is today's, else without year and seconds."""
    date, _, clock = shown.partition(" ")
    today = datetime.now().strftime("%Y-%m-%d")
    return clock if date == today else f"{date if date[:4] != today[:4] else date[5:]} {clock[:5]}"
