"""`flowmake log`: what tasks printed, and which log is meant. Reads records and logs, judges nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from flowmake.cli.given import open_project
from flowmake.cli.options import flow_options_without_f, run_option, task_argument
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.build import Project
    from flowmake.cli.tasklog import Printer
    from flowmake.core.ports import Store


class Log(Struct, frozen=True):
    """The log of one task in one run. A task that printed nothing may have no file there."""

    task: str
    run: str
    path: str
    host: str = ""


@click.command(
    "log",
    help=help_of("log", "With TASK: its last log, or those of all its instances. Without: all logs of the last run."),
)
@task_argument(required=False)
@run_option()
@click.option("-f", "--follow", is_flag=True, help="Go on printing while the run is on.")
@flow_options_without_f
@click.pass_context
def command(ctx: click.Context, task: str | None, run: str | None, follow: bool) -> int:
    from flowmake.core.errors import UsageError

    project = open_project(ctx)
    if follow and _follow(project, task, run):
        return 0
    with closing(project.store) as store:
        logs = list(_find(project, store, task, run))
    if not logs:
        asked = f" of `{task}`" if task else ""
        raise UsageError(f"there is no log{asked}", "`flowmake history` lists what was run")
    _print(project, logs)
    return 0


def _find(project: Project, store: Store, task: str | None, run: str | None) -> Iterator[Log]:
    """The logs asked for that are still there, in the order in which the tasks ended; what runs now comes last."""
    from flowmake.cli.records import find_run

    if run is None and task is not None:
        found = {name: last.run for name, last in store.attempts().items() if _is_of(name, task)}
        found = found or {record.task: record.run for record in store.records_of(task, 1)}
    elif run is None and not store.runs(1):
        found = {}
    else:
        chosen = find_run(store, run or "last").id
        names = [record.task for record in store.tasks_of(chosen)]
        names += [name for name, last in store.attempts().items() if last.run == chosen and last.status == "running"]
        found = {name: chosen for name in names if task is None or _is_of(name, task)}
    records = {(record.run, record.task): record for run in set(found.values()) for record in store.tasks_of(run)}
    for name, chosen in found.items():
        path, record = project.state.log(chosen, name), records.get((chosen, name))
        was_silent = record is not None and bool(record.log) and os.path.isdir(os.path.dirname(path))
        if was_silent or os.path.exists(path):
            yield Log(name, chosen, path, record.host if record is not None else "")


def _is_of(name: str, task: str) -> bool:
    return name == task or name.startswith(task + "@")


def _print(project: Project, logs: list[Log]) -> None:
    """One log as it is; several with a heading each."""
    from flowmake.core.text import safe_line

    for index, log in enumerate(logs):
        if len(logs) > 1:
            on = f" on {safe_line(log.host)}" if log.host not in ("", os.uname().nodename) else ""
            sys.stdout.write(f"{chr(10) if index else ''}==> {log.task}{on} <==\n")
        sys.stdout.flush()
        with _open(project, log) as printer:
            printer.finish()


@contextmanager
def _open(project: Project, log: Log) -> Iterator[Printer]:
    from flowmake.cli.tasklog import Printer
    from flowmake.core.errors import StateError

    try:
        try:
            file = open(log.path, "rb", buffering=0)  # noqa: SIM115 closed below
        except FileNotFoundError:
            file = open(os.devnull, "rb", buffering=0)  # noqa: SIM115 likewise
    except OSError as error:
        raise StateError(f"cannot read the log `{log.path}`: {error.strerror}") from error
    with file:
        yield Printer(file, project.secrets().as_bytes())


def _follow(project: Project, task: str | None, run: str | None) -> bool:
    """Print what comes from a run that is on; False if there is none, or it has done with the task already."""
    from flowmake.cli.following import Followed, standing
    from flowmake.cli.output import note

    now = standing(project)
    if not now.is_on or (run is not None and _chosen(project, run) != now.run):
        return False
    if task in now.ended and task not in now.running:
        return False
    followed = Followed(
        project, now.run, lambda name: task is None or _is_of(name, task), prefix=_is_many(project, task)
    )
    followed.until_the_end(now, lambda then: task in then.ended and task not in then.running)
    if followed.was_shortened:
        note("a log grew over its limit: without `-f`, `flowmake log` prints what was kept")
    return True


def _chosen(project: Project, run: str) -> str:
    from flowmake.cli.records import find_run

    with closing(project.store) as store:
        return find_run(store, run).id


def _is_many(project: Project, task: str | None) -> bool:
    """May this mean several tasks?"""
    if task is None:
        return True
    declared = project.flow.declarations.get(task)
    return declared is not None and declared.foreach is not None
