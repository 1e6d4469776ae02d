"""Records and announces how attempts go: what the store keeps and observers hear. Decides nothing about them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from flowmake.core.events import Notice, TaskFinished, TaskQueued, TaskRetrying, TaskStarted
from flowmake.core.evidence import Evidence
from flowmake.core.model import Attempt, Task, TaskRecord, Trace
from flowmake.core.ports import Ended
from flowmake.core.text import safe_text
from flowmake.engine.session import Running, Session

End = Literal["succeeded", "failed", "timed_out", "interrupted"]
"""How an attempt may end for good."""
TAIL_BYTES = 16_384
TAIL_LINES = 20


class Books:
    """Those of one run, opened with its first attempt: a run that finds nothing to do leaves nothing behind."""

    def __init__(self, session: Session, evidence: Evidence) -> None:
        self._session = session
        self._evidence = evidence
        self._begun = False

    def open(self) -> None:
        """Before the first attempt is prepared, or refused."""
        if not self._begun:
            self._session.begin()
            self._begun = True

    def refuse(self, task: Task) -> None:
        """Record that a task failed without an attempt, so that nobody takes it for done, or for never asked for."""
        session, name = self._session, task.name
        self.open()
        now = session.clock.now()
        last = self._evidence.attempt(name)
        # What an attempt left that nobody has ended yet is still to be removed before the next one.
        attempt = Attempt(name, "failed", session.run, now) if last is None or last.status != "running" else last
        session.store.end_task(attempt, TaskRecord(session.run, name, "failed", 0, now, 0.0), None)

    def mark(self, running: Running) -> None:
        """It is under way, for whoever looks while it is, and in case that nobody writes down its end.

        What is out and has not begun has no time of its start.
        """
        started = running.started if running.begun else 0.0
        attempt = Attempt(running.task.name, "running", self._session.run, started, foreign=running.foreign)
        self._session.store.begin_task(attempt)

    def queued(self, running: Running, executor: str) -> None:
        """An attempt waits for its turn elsewhere."""
        self._session.emit(
            TaskQueued(
                time=running.started,
                run=self._session.run,
                task=running.task.name,
                attempt=running.number,
                executor=executor,
            )
        )

    def started(self, running: Running, pid: int) -> None:
        """An attempt began, as the process `pid` (0: elsewhere, or not known)."""
        task = running.task
        trace = running.judged.trace
        self._session.emit(
            TaskStarted(
                time=running.started,
                run=self._session.run,
                task=task.name,
                attempt=running.number,
                pid=pid,
                command=running.command,
                log=running.log,
                description=task.description,
                estimate=trace.seconds if trace is not None else None,
                console=task.declared.console,
            )
        )

    def retrying(self, running: Running, ended: Ended, delay: float) -> None:
        """An attempt failed, and will be repeated after so many seconds."""
        self._session.emit(
            TaskRetrying(
                time=self._session.clock.now(),
                run=self._session.run,
                task=running.task.name,
                attempt=running.number,
                delay=delay,
                exit_code=ended.exit_code,
                signal=ended.signal,
                timed_out=running.timed_out,
            )
        )

    def ended(
        self,
        running: Running,
        ended: Ended,
        status: End,
        *,
        message: str = "",
        trace: Trace | None = None,
        cut_off: bool = False,
    ) -> None:
        """An attempt ended, with a `trace` if all is well; it is not repeated."""
        self._record(running, ended, status, trace)
        session = self._session
        session.emit(
            TaskFinished(
                time=session.clock.now(),
                run=session.run,
                task=running.task.name,
                status=status,
                exit_code=ended.exit_code,
                signal=ended.signal,
                seconds=running.ended - running.started,
                outputs=dict(trace.outputs) if trace is not None else {},
                log=running.log,
                attempt=running.number,
                message=message,
                tail=tuple(_read_tail(running.log)) if message else (),
                allowed=running.task.declared.allow_failure,
                cut_off=cut_off,
                host=ended.host,
            )
        )

    def _record(self, running: Running, ended: Ended, status: End, trace: Trace | None) -> None:
        session, name = self._session, running.task.name
        seconds = running.ended - running.started
        attempt = Attempt(name, status, session.run, running.started, seconds, ended.exit_code, ended.signal)
        record = TaskRecord(
            run=session.run,
            task=name,
            status=status,
            attempt=running.number,
            started=running.started,
            seconds=seconds,
            exit_code=ended.exit_code,
            signal=ended.signal,
            log=running.log,
            reasons=session.secrets.deep(running.judged.reasons),
            host=ended.host,
        )
        session.store.end_task(attempt, record, trace)

    def notice(self, text: str, task: str) -> None:
        """Warn people of something about a task."""
        now = self._session.clock.now()
        self._session.emit(Notice(time=now, run=self._session.run, text=text, level="warning", task=task))


def _read_tail(log: str) -> Sequence[str]:
    try:
        with open(log, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            return safe_text(file.read()).splitlines()[-TAIL_LINES:]
    except OSError:  # it was never made, or cannot be
        return ()
