"""Recorded runs in the form that tables and `--json` share, and which of them is meant. Prints nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowmake.cli.documents import PastRun, TaskInRun
from flowmake.cli.states import brief_time, local_time, reason_documents, rfc3339
from flowmake.core.errors import UsageError
from flowmake.core.text import duration, first_few

if TYPE_CHECKING:
    from flowmake.core.model import RunRecord, TaskRecord
    from flowmake.core.ports import Store
    from flowmake.views.table import Column


_TARGETS = 8
"""Targets of a run that are named: without any given, it may have thousands."""
_FROM_LAST = re.compile(r"-([1-9]\d{0,8})", re.ASCII)


def find_run(store: Store, given: str) -> RunRecord:
    """The run that an id, the beginning of one, `last`, or `-1`, `-2`… for the latest ones means.

    Raises `UsageError`.
    """
    if back := _FROM_LAST.fullmatch("-1" if given == "last" else given):
        return _from_last(store, given, int(back[1]))
    runs = store.runs()
    found = [record for record in runs if record.id.startswith(given)]
    exact = [record for record in found if record.id == given]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        raise UsageError(f"`{given}` is the beginning of {len(found)} runs", "give more of the id")
    raise _no_run(given, bool(runs))


def _from_last(store: Store, given: str, back: int) -> RunRecord:
    runs = store.runs(back)
    if len(runs) < back:
        raise _no_run(given, bool(runs))
    return runs[-1]


def _no_run(given: str, there_are_others: bool) -> UsageError:
    hint = "`flowmake history` lists the runs" if there_are_others else "nothing has been run here yet"
    return UsageError(f"there is no run `{given}`", hint)


def run_table(runs: Sequence[PastRun]) -> tuple[list[Column], list[list[str]]]:
    """Columns and rows: a line for each run."""
    from flowmake.observers.wording import ORDER
    from flowmake.views.table import STATUS_STYLES, Column

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
            first_few(run.targets, _TARGETS, " "),
        ]
        for run in runs
    ]
    return columns, rows


def past_run(record: RunRecord, tasks: list[TaskRecord], *, running: bool) -> PastRun:
    unfinished = not record.finished
    return PastRun(
        run=record.id,
        status="interrupted" if unfinished and not running else record.status,
        exit_code=None if unfinished else record.exit_code,
        started=rfc3339(record.started),
        finished=rfc3339(record.finished),
        seconds=None if unfinished else round(record.finished - record.started, 3),
        targets=list(record.targets),
        argv=list(record.argv),
        jobs=record.jobs,
        user=record.user,
        host=record.host,
        commit=record.commit,
        counts=dict(record.counts),
        tasks=[_in_run(task) for task in tasks],
    )


def _in_run(task: TaskRecord) -> TaskInRun:
    return TaskInRun(
        task=task.task,
        status=task.status,
        attempt=task.attempt,
        started=rfc3339(task.started),
        seconds=round(task.seconds, 3),
        exit_code=task.exit_code,
        signal=task.signal,
        log=task.log,
        reasons=reason_documents(task.reasons),
        host=task.host,
    )
