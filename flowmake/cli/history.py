"""`flowmake history`: past runs, and the tasks of one of them. Reads the records only."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from flowmake.cli.given import open_project
from flowmake.cli.options import MINUS_COUNTS, RUN_FORMS, flow_options, json_option, run_argument
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.cli.documents import PastRun, TaskInRun


@click.command(
    "history",
    help=help_of("history", f"Without RUN: the latest runs. With RUN ({RUN_FORMS}): its tasks."),
    context_settings=MINUS_COUNTS,
)
@run_argument(required=False)
@click.option(
    "-n", "--limit", metavar="N", type=click.IntRange(min=0), default=20, help="How many runs; 0: all of them."
)
@json_option
@flow_options
@click.pass_context
def command(ctx: click.Context, run: str | None, limit: int, as_json: bool) -> int:
    from flowmake.cli import documents
    from flowmake.cli.records import find_run, past_run

    project = open_project(ctx)
    running = project.is_running()
    with closing(project.store) as store:
        records = [find_run(store, run)] if run else store.runs(limit)
        detailed = as_json or run is not None
        runs = [past_run(record, store.tasks_of(record.id) if detailed else [], running=running) for record in records]
    if as_json:
        documents.write(documents.HistoryDocument(runs=runs))
    elif run:
        _print_tasks(runs[0])
    else:
        _print_runs(runs)
    return 0


def _print_runs(runs: list[PastRun]) -> None:
    from flowmake.cli.records import run_table
    from flowmake.views.table import print_table

    print_table(*run_table(runs), sys.stdout)


def _print_tasks(run: PastRun) -> None:
    from flowmake.cli.states import brief_time, local_time
    from flowmake.core.text import duration, safe_line
    from flowmake.views.table import STATUS_STYLES, Column, print_table

    columns = [
        Column("task", middle=True),
        Column("status", keep=True, styles=STATUS_STYLES),
        Column("started", keep=True, spare=2, brief=brief_time),
        Column("took", keep=True, right=True),
        Column("attempt", keep=True, right=True, spare=3),
        Column("exit", keep=True, right=True, spare=1),
    ]
    rows = [
        [task.task, task.status, local_time(task.started), duration(task.seconds), str(task.attempt), _exit(task)]
        for task in run.tasks
    ]
    if any(task.host not in ("", run.host) for task in run.tasks):
        columns.append(Column("host", spare=4))
        for row, task in zip(rows, run.tasks, strict=True):
            row.append(safe_line(task.host or run.host))
    print_table(columns, rows, sys.stdout)


def _exit(task: TaskInRun) -> str:
    if task.signal is not None:
        return f"signal {task.signal}"
    return "" if task.exit_code is None else str(task.exit_code)
