"""What differs between two runs, task by task, as the document of `diff --json`. Reads nothing: it is given records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct

from flowmake.cli.documents import Digest, PastRun, Reason, Seconds
from flowmake.core.model import TaskRecord
from flowmake.views.timeline import is_notable

Change = Literal[
    "broken",
    "interrupted",
    "mended",
    "new",
    "gone",
    "slower",
    "faster",
    "ran",
    "cut_off",
    "recipe",
    "inputs",
    "outputs",
    "did_not_run",
]
_RANKS = {change: rank for rank, change in enumerate(get_args(Change))}
"""What people want to hear of first."""
_RAN = frozenset({"succeeded", "failed", "timed_out", "interrupted", "running"})
_FAILED = frozenset({"failed", "timed_out"})


class Side(Struct):
    """How a task went in one of the runs; without an attempt if nothing of it was run."""

    status: str
    seconds: Seconds
    attempt: int
    exit_code: int | None
    signal: int | None
    cut_off: Annotated[bool, Meta(description="It ran, and its outputs came out as they were before.")] = False


class OutputDiffers(Struct):
    """An output that both runs made, with different content; a digest is empty where one did not make it."""

    path: str
    old: Digest
    new: Digest


class TaskDiffers(Struct):
    """A task that did not go alike. A side is null where that run was not about the task.

    `causes` are what changed between the runs, as far as it was recorded: `recipe_changed`, `env_changed`, and
    `input_…`, in the form that reasons have.
    """

    task: str
    older: Side | None
    newer: Side | None
    changes: list[Change]
    causes: list[Reason]
    outputs: list[OutputDiffers]


class DiffDocument(Struct, kw_only=True):
    """`flowmake diff --json`; `alike` counts the tasks that went the same way in both runs."""

    v: Literal[1] = 1
    older: PastRun
    newer: PastRun
    tasks: list[TaskDiffers]
    alike: int


Facts = Mapping[str, Any]
"""A reason in its `as_dict()` form."""


class Told(Struct, frozen=True):
    """All that is known of the tasks of one run, by name."""

    sides: dict[str, Side]
    commands: dict[str, str]
    outputs: dict[str, dict[str, str]]
    reasons: dict[str, tuple[Facts, ...]]


def told(records: Iterable[TaskRecord], events: Iterable[Mapping[str, Any]], *, running: bool) -> Told:
    """From the records of the store; the events, where they are still there, tell more.

    `running`: the run is still on; otherwise what has no end was interrupted.
    """
    found = Told({}, {}, {}, {})
    for record in records:
        found.sides[record.task] = _side(
            {name: getattr(record, name) for name in ("status", "seconds", "attempt", "exit_code", "signal")}
        )
        found.reasons[record.task] = record.reasons
    for event in events:
        match event["event"]:
            case "task_started":
                open_end = {"status": "running" if running else "interrupted", "seconds": 0.0, "exit_code": None}
                found.sides.setdefault(event["task"], _side({**open_end, **event, "signal": None}))
                found.commands[event["task"]] = event["command"]
            case "task_finished":
                found.sides[event["task"]] = _side(event)
                found.outputs[event["task"]] = event["outputs"]
    return found


def _side(event: Mapping[str, Any]) -> Side:
    return Side(
        status=event["status"],
        seconds=round(event["seconds"], 3),
        attempt=event["attempt"],
        exit_code=event["exit_code"],
        signal=event["signal"],
        cut_off=event.get("cut_off", False),
    )


def compare(older: Told, newer: Told, between: Sequence[Mapping[str, tuple[Facts, ...]]]) -> list[TaskDiffers]:
    """The tasks that did not go alike, what broke first. `between` are the reasons in the runs between, in order."""
    found = _differing(older, newer, between)
    return sorted(found, key=lambda task: (min(_RANKS[change] for change in task.changes), task.task))


def _differing(older: Told, newer: Told, between: Sequence[Mapping[str, tuple[Facts, ...]]]) -> Iterator[TaskDiffers]:
    for task in {*newer.sides, *older.sides}:
        before, after = older.sides.get(task), newer.sides.get(task)
        causes = list(_causes(task, older, newer, between)) if _ran(after) else []
        outputs = _outputs(older.outputs.get(task, {}), newer.outputs.get(task, {}))
        changes: list[Change] = [*_changes(before, after), *_touched(causes)]
        if outputs:
            changes.append("outputs")
        if changes:
            yield TaskDiffers(task, before, after, changes, causes, outputs)


def _ran(side: Side | None) -> bool:
    return side is not None and side.status in _RAN


def _changes(before: Side | None, after: Side | None) -> Iterator[Change]:
    if before is None or after is None:
        yield "new" if before is None else "gone"
        return
    if _ran(before) != _ran(after):
        yield "ran" if _ran(after) else "did_not_run"
    elif after.status in _FAILED and before.status not in _FAILED:
        yield "broken"
    elif after.status == "interrupted" != before.status:
        yield "interrupted"
    elif before.status in _FAILED and after.status == "succeeded":
        yield "mended"
    elif before.status == after.status == "succeeded" and is_notable(before.seconds, after.seconds):
        yield "slower" if after.seconds > before.seconds else "faster"
    if after.cut_off:
        yield "cut_off"


def _touched(causes: Sequence[Reason]) -> Iterator[Change]:
    if any(cause.kind in ("recipe_changed", "env_changed") for cause in causes):
        yield "recipe"
    if any(cause.kind.startswith("input_") for cause in causes):
        yield "inputs"


def _outputs(old: Mapping[str, str], new: Mapping[str, str]) -> list[OutputDiffers]:
    """Of a run that did not make any, nothing is known."""
    if not old or not new:
        return []
    paths = dict.fromkeys((*new, *old))
    return [OutputDiffers(p, old.get(p, ""), new.get(p, "")) for p in paths if old.get(p) != new.get(p)]


# -- what changed between the two -------------------------------------------------------------------------------------


def _causes(
    task: str, older: Told, newer: Told, between: Sequence[Mapping[str, tuple[Facts, ...]]]
) -> Iterator[Reason]:
    at_first = older.reasons.get(task, ())
    after = [reason for reasons in (*between, newer.reasons) for reason in reasons.get(task, ())]
    side = older.sides.get(task)
    yield from _recipe(task, older, newer, after)
    for name in dict.fromkeys(reason["name"] for reason in after if reason["kind"] == "env_changed"):
        yield Reason("env_changed", name=name)
    yield from _inputs(at_first, after, recorded=side is not None and side.status == "succeeded")


def _recipe(task: str, older: Told, newer: Told, after: Sequence[Facts]) -> Iterator[Reason]:
    """By the commands that ran; of what did not run in the older one, by what was recorded since."""
    if task in older.commands and task in newer.commands:
        old, new = older.commands[task], newer.commands[task]
    else:
        changed = [reason for reason in after if reason["kind"] == "recipe_changed"]
        old, new = (changed[0]["old"], changed[-1]["new"]) if changed else ("", "")
    if old != new:
        yield Reason("recipe_changed", old=old, new=new)


def _inputs(at_first: Sequence[Facts], after: Sequence[Facts], *, recorded: bool) -> Iterator[Reason]:
    """Each reason compares with the last success before it. What the older run found counts as its state, therefore;
    `recorded`: it succeeded, so that what nobody mentions after it is still as it was then."""
    then = {reason["path"]: reason for reason in at_first if reason["kind"].startswith("input_")}
    mentions: dict[str, list[Facts]] = {}
    for reason in after:
        if reason["kind"].startswith("input_"):
            mentions.setdefault(reason["path"], []).append(reason)
    for path, found in mentions.items():
        first, last = then.get(path, found[0]), found[-1]
        if {"old", "new"} <= first.keys() & last.keys():
            old = first["new"] if path in then else first["old"]
            if old != last["new"]:
                yield Reason("input_changed", path=path, old=old, new=last["new"])
        elif len(found) == 1 or found[0]["kind"] == last["kind"]:
            yield Reason(**last)
    for path, reason in then.items():
        if not recorded and path not in mentions and reason["kind"] == "input_changed":
            yield Reason("input_changed", path=path, old=reason["new"], new=reason["old"])
