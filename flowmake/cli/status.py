"""`flowmake status`: how every task stands, judged as a run would, changing nothing."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from typing import TYPE_CHECKING

import click

from flowmake.cli.given import open_project
from flowmake.cli.options import all_option, flow_options, json_option, targets_argument
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.cli.documents import TaskStatus
    from flowmake.core.plan import Judgement

STALE = 3


@click.command("status", help=help_of("status"))
@targets_argument()
@all_option
@click.option("--check", is_flag=True, help="Exit with 3 if anything is stale.")
@json_option
@flow_options
@click.pass_context
def command(ctx: click.Context, targets: tuple[str, ...], everything: bool, check: bool, as_json: bool) -> int:
    from flowmake.cli import documents
    from flowmake.cli.output import note
    from flowmake.cli.states import not_known_yet, status_of

    project = open_project(ctx)
    plan = project.plan(tuple(project.flow.declarations) if everything else targets, strict=False)
    running = project.is_running()
    judgements = list(plan.tasks())
    tasks = [status_of(judgement, running=running) for judgement in judgements]
    if as_json:
        documents.write(documents.StatusDocument(tasks=tasks))
    else:
        _print(tasks, judgements)
        for sentence in not_known_yet(plan):
            note(sentence)
    return STALE if check and not plan.is_fresh else 0


def _print(tasks: list[TaskStatus], judgements: list[Judgement]) -> None:
    from flowmake.cli.folding import folded
    from flowmake.cli.output import note
    from flowmake.cli.states import brief_time, tally
    from flowmake.views.table import STATUS_STYLES, Column, print_table

    columns = [
        Column("task", middle=True),
        Column("state", keep=True, styles=STATUS_STYLES),
        Column("last run", spare=1, brief=brief_time),
        Column("took", keep=True, right=True, spare=2),
        Column("why"),
    ]
    rows = [(_row(task, judgement), judgement) for task, judgement in zip(tasks, judgements, strict=True)]
    if sys.stdout.isatty():
        rows = list(folded(rows, _likeness, _rest))
    print_table(columns, [row for row, _ in rows], sys.stdout)
    note(tally(task.state for task in tasks))


def _likeness(told: tuple[list[str], Judgement]) -> Hashable:
    from flowmake.core.staleness import Stale
    from flowmake.views.reasons import likeness

    row, judgement = told
    verdict = judgement.verdict
    why = likeness(verdict.reasons) if isinstance(verdict, Stale) else ""
    return judgement.task.declared.name, row[1], why


def _rest(told: tuple[list[str], Judgement], count: int) -> tuple[list[str], Judgement]:
    from flowmake.cli.folding import more_instances

    (name, state, *_), judgement = told
    return [more_instances(name, count), state, "", "", ""], judgement


def _row(task: TaskStatus, judgement: Judgement) -> list[str]:
    from flowmake.cli.states import local_time
    from flowmake.core.staleness import Fresh
    from flowmake.core.text import duration
    from flowmake.views.reasons import verdict_lines

    settled = isinstance(judgement.verdict, Fresh) or task.state in ("running", "queued")
    lines = [] if settled else verdict_lines(judgement.verdict)
    why = lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else "") if lines else ""
    return [
        task.task,
        task.state,
        local_time(task.last_run),
        "" if task.seconds is None else duration(task.seconds),
        why,
    ]
