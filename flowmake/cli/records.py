"""Recorded runs in the form that tables and `--json` share, and which of them is meant. Prints nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowmake.cli.documents import PastRun, TaskInRun
from flowmake.cli.states import reason_documents, rfc3339
from flowmake.core.errors import UsageError

if TYPE_CHECKING:
    from flowmake.core.model import RunRecord, TaskRecord
    from flowmake.core.ports import Store


def find_run(store: Store, given: str) -> RunRecord:
    """The run that an id, the beginning of one, or `last` means. Raises `UsageError`."""
    runs = store.runs(1 if given == "last" else 0)
    found = [record for record in runs if given == "last" or record.id.startswith(given)]
    exact = [record for record in found if record.id == given]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        raise UsageError(f"`{given}` is the beginning of {len(found)} runs", "give more of the id")
    hint = "`flowmake history` lists the runs" if runs else "nothing has been run here yet"
    raise UsageError(f"there is no run `{given}`", hint)


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
    )
