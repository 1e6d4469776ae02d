"""`flowmake diff`: what differs between two runs, from what was recorded of them. Judges nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import closing
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowmake.cli.given import open_project
from flowmake.cli.options import MINUS_COUNTS, RUN_FORMS, flow_options, json_option, run_argument
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.build import Project
    from flowmake.cli.difference import DiffDocument, Side, TaskDiffers, Told
    from flowmake.cli.documents import Reason
    from flowmake.core.model import RunRecord
    from flowmake.core.ports import Store
    from flowmake.views.reasons import Line

Item = TypeVar("Item")
_Row = tuple[str, str, str, str]
_WORDS = {
    "new": "new",
    "gone": "not in this run",
    "ran": "ran this time",
    "did_not_run": "did not run",
    "broken": "broken",
    "interrupted": "interrupted",
    "mended": "mended",
    "cut_off": "outputs came out unchanged",
    "recipe": "recipe changed",
    "inputs": "inputs changed",
    "outputs": "outputs differ",
}


@click.command(
    "diff",
    help=help_of(
        "diff",
        "What ran in one and not in the other, what broke, got slower or faster, and what had changed: inputs and "
        f"commands. RUN is {RUN_FORMS}. Without any: the last two runs; with one: that run and the last. The older "
        "one comes first, however they are given.",
    ),
    context_settings=MINUS_COUNTS,
)
@run_argument(required=False, nargs=-1)
@json_option
@flow_options
@click.pass_context
def command(ctx: click.Context, runs: tuple[str, ...], as_json: bool) -> int:
    from flowmake.cli import documents

    if len(runs) > 2:
        raise click.UsageError(f"two runs can be compared, and these are {len(runs)}", ctx)
    document = _compared(open_project(ctx), runs)
    if as_json:
        documents.write(document)
    else:
        _print(document)
    return 0


def _compared(project: Project, given: tuple[str, ...]) -> DiffDocument:
    from flowmake.cli.difference import DiffDocument, compare
    from flowmake.cli.records import find_run, past_run

    running = project.is_running()
    first, second = given if len(given) == 2 else (*given, "last") if given else ("-2", "-1")
    with closing(project.store) as store:
        older, newer = sorted((find_run(store, first), find_run(store, second)), key=lambda run: run.started)
        between = [
            {record.task: record.reasons for record in store.tasks_of(run.id)}
            for run in reversed(store.runs())
            if older.started < run.started < newer.started
        ]
        before, after = (_told(project, store, run, running=running) for run in (older, newer))
    tasks = compare(before, after, between)
    document = DiffDocument(
        older=past_run(older, [], running=running),
        newer=past_run(newer, [], running=running),
        tasks=tasks,
        alike=len({*before.sides, *after.sides}) - len(tasks),
    )
    return project.secrets().masked(document)


def _told(project: Project, store: Store, run: RunRecord, *, running: bool) -> Told:
    from flowmake.cli.difference import told
    from flowmake.cli.reporting import read_events

    events = read_events(project.state.events(run.id))
    return told(store.tasks_of(run.id), events, running=running and not run.finished)


# -- for people -------------------------------------------------------------------------------------------------------


def _print(document: DiffDocument) -> None:
    from flowmake.cli.folding import folded
    from flowmake.cli.output import note, say
    from flowmake.cli.records import run_table
    from flowmake.core.text import counted
    from flowmake.views.table import STATUS_STYLES, Column, print_table

    print_table(*run_table([document.older, document.newer]), sys.stdout)
    if document.tasks:
        say("")
    columns = [
        Column("task", middle=True),
        Column("older", styles=STATUS_STYLES),
        Column("newer", styles=STATUS_STYLES),
        Column("difference", styles={"broken": "bold red", "interrupted": "bold magenta", "mended": "bold green"}),
    ]
    rows = [(task.task, _how(task.older), _how(task.newer), _difference(task)) for task in document.tasks]
    told = list(zip(rows, map(_likeness, document.tasks), strict=True))
    if sys.stdout.isatty():
        told = list(folded(told, itemgetter(1), _rest))
    print_table(columns, [row for row, _ in told], sys.stdout)
    _print_causes(document.tasks)
    differ = "differs" if len(document.tasks) == 1 else "differ"
    note(f"{counted(len(document.tasks), 'task')} {differ}, {document.alike} alike")


def _likeness(task: TaskDiffers) -> _Row:
    """The same for instances that differ in the same words; how long each of them took is not asked."""
    from flowmake.cli.folding import declared

    changes = (_WORDS.get(change, change) for change in task.changes)
    return declared(task.task), _ended(task.older), _ended(task.newer), ", ".join(changes)


def _rest(told: tuple[_Row, _Row], count: int) -> tuple[_Row, _Row]:
    from flowmake.cli.folding import more_instances

    (task, *_), (_, older, newer, difference) = told
    return (more_instances(task, count), older, newer, difference), told[1]


def _how(side: Side | None) -> str:
    from flowmake.core.text import duration

    if side is None or not side.attempt or side.status == "running":
        return _ended(side)
    status, comma, ended = _ended(side).partition(",")
    return f"{status} {duration(side.seconds)}{comma}{ended}"


def _ended(side: Side | None) -> str:
    from flowmake.observers.wording import signal_name

    if side is None:
        return ""
    if not side.attempt:
        return side.status
    ended = f", {signal_name(side.signal)}" if side.signal else f", exit {side.exit_code}" if side.exit_code else ""
    return f"{side.status.replace('_', ' ')}{ended}"


def _difference(task: TaskDiffers) -> str:
    return ", ".join(_WORDS.get(change) or _speed(task) for change in task.changes)


def _speed(task: TaskDiffers) -> str:
    """`2.5 times slower`; beside nothing at all, only which way."""
    assert task.older is not None
    assert task.newer is not None
    low, high = sorted((task.older.seconds, task.newer.seconds))
    way = "slower" if task.newer.seconds > task.older.seconds else "faster"
    return f"{high / low:.1f} times {way}" if low >= 0.01 else f"much {way}"


def _print_causes(tasks: Sequence[TaskDiffers]) -> None:
    """What had changed, once for all tasks that it is the same for; on a terminal, of many instances the first ones."""
    from flowmake.cli.folding import NAMED, declared, more_instances
    from flowmake.cli.output import painted, say, say_lines
    from flowmake.core.text import safe_line

    for alike, rest in _counted(_alike(tasks), lambda alike: declared(alike[0].task)):
        if rest:
            say(f"\n{safe_line(more_instances(alike[0].task, rest))}: as `flowmake diff --json` tells")
            continue
        names = ", ".join(safe_line(task.task) for task in alike[:NAMED])
        more = f" and {len(alike) - NAMED} more" if len(alike) > NAMED else ""
        say(f"\n{painted(names, bold=True)}{more}:")
        say_lines(_explained(alike[0].causes), "  ")


def _explained(causes: Iterable[Reason]) -> Iterator[Line]:
    from flowmake.views.reasons import explain

    for cause, rest in _counted(causes, lambda cause: cause.kind):
        if rest:
            yield (("", f"and {rest} more"),)
        else:
            yield from explain([_facts(cause)])


def _counted(items: Iterable[Item], likeness: Callable[[Item], Hashable]) -> Iterator[tuple[Item, int]]:
    """Each with 0; on a terminal, in place of many that are alike, the first of those left out with their number."""
    from flowmake.cli.folding import folded

    told = ((item, 0) for item in items)
    if not sys.stdout.isatty():
        yield from told
        return
    yield from folded(told, lambda one: likeness(one[0]), lambda one, count: (one[0], count))


def _alike(tasks: Sequence[TaskDiffers]) -> Iterator[list[TaskDiffers]]:
    from flowmake.views.reasons import likeness

    groups: dict[Hashable, list[TaskDiffers]] = {}
    for task in tasks:
        if task.causes:
            groups.setdefault(likeness([_facts(cause) for cause in task.causes]), []).append(task)
    yield from groups.values()


def _facts(cause: Reason) -> dict[str, Any]:
    from msgspec.structs import asdict

    return asdict(cause)
