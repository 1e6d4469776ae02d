"""`flowmake history`: past runs, and the tasks of one of them. Reads the records only."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from flowmake.cli.options import flow_options, json_option, open_project
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.cli.documents import PastRun, TaskInRun


@click.command(
    "history",
    help=help_of(
        "history", "Without RUN: the latest runs. With RUN (an id, the beginning of one, or `last`): its tasks."
    ),
)
@click.argument("run", metavar="[RUN]", required=False)
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
    from flowmake.cli.states import brief_time, local_time
    from flowmake.core.text import duration
    from flowmake.observers.wording import ORDER
    from flowmake.views.table import STATUS_STYLES, Column, print_table

    columns = [
        Column("run", keep=True),
        Column("started", keep=True, spare=3, brief=brief_time),
        Column("took", keep=True, right=True, spare=2),
        Column("status", keep=True, styles=STATUS_STYLES),
        Column("tasks", spare=1),
        Column("targets", spare=4),
    ]
    rows = [
        [
            run.run,
            local_time(run.started),
            "" if run.seconds is None else duration(run.seconds),
            run.status,
            ", ".join(f"{run.counts[status]} {status.replace('_', ' ')}" for status in ORDER if run.counts.get(status)),
            " ".join(run.targets),
        ]
        for run in runs
    ]
    print_table(columns, rows, sys.stdout)


def _print_tasks(run: PastRun) -> None:
    from flowmake.cli.states import brief_time, local_time
    from flowmake.core.text import duration
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
    print_table(columns, rows, sys.stdout)


def _exit(task: TaskInRun) -> str:
    if task.signal is not None:
        return f"signal {task.signal}"
    return "" if task.exit_code is None else str(task.exit_code)
