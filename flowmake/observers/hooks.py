"""Hooks: commands that hear of the end of a run or task, a summary as JSON on stdin. Unaware of how they are run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Thread
from typing import Any

from flowmake.core.events import Event, RunFinished, RunStarted, TaskFinished
from flowmake.core.model import Hooks as Declared
from flowmake.core.text import safe_line
from flowmake.observers.jsonl import iso_time
from flowmake.observers.wording import BAD, RAN, how_it_ended

RunCommand = Callable[[str, bytes], int]
"""Runs a command text with bytes on its stdin; the exit code. May raise `OSError`."""

VERSION = 1


class Hooks:
    """Calls hooks one after the other on a thread of their own, so that a slow one does not hold up the run.

    `tasks` maps tasks (the instances of a `foreach` all together) to their `(on_success, on_failure)`;
    `previous_failed` says that the run before this one failed. What goes wrong with a hook is said to `report` and has
    no other consequence.
    """

    def __init__(
        self,
        hooks: Declared,
        run_command: RunCommand,
        report: Callable[[str], None],
        *,
        previous_failed: bool = False,
        tasks: Mapping[str, tuple[str, str]] | None = None,
        flow: str = "",
    ) -> None:
        self._hooks = hooks
        self._run_command = run_command
        self._report = report
        self._previous_failed = previous_failed
        self._tasks = tasks or {}
        self._summary: dict[str, Any] = {"v": VERSION, "flow": flow}
        self._failed: list[dict[str, Any]] = []
        self._queue: SimpleQueue[tuple[str, str, dict[str, Any]] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def on_event(self, event: Event) -> None:
        """Take note; queue the hooks that are due."""
        match event:
            case RunStarted():
                started = {"started": iso_time(event.time), "targets": event.targets, "argv": event.argv}
                self._summary |= {"run": event.run, **started}
            case TaskFinished():
                self._task_finished(event)
            case RunFinished():
                self._run_finished(event)

    def on_tick(self, now: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Wait until all hooks have ended."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _task_finished(self, event: TaskFinished) -> None:
        if event.status not in RAN:
            return
        facts = _facts(event)
        failed = event.status in BAD
        if failed and not event.allowed:
            self._failed.append(facts)
        on_success, on_failure = self._tasks.get(event.task.partition("@")[0], ("", ""))
        which, command = ("on_failure", on_failure) if failed else ("on_success", on_success)
        self._call(f"`{which}` of `{safe_line(event.task)}`", command, {**self._summary, **facts})

    def _run_finished(self, event: RunFinished) -> None:
        if not any(event.counts.get(status) for status in RAN) and event.status in ("succeeded", "nothing_to_do"):
            return
        ended = {"finished": iso_time(event.time), "status": event.status, "exit_code": event.exit_code}
        summary = {**self._summary, **ended, "counts": event.counts, "seconds": event.seconds, "failed": self._failed}
        if event.status == "succeeded":
            self._call("hook `on_success`", self._hooks.on_success, summary)
            if self._previous_failed:
                self._call("hook `on_recovery`", self._hooks.on_recovery, summary)
        elif event.status == "failed" or self._failed:
            self._call("hook `on_failure`", self._hooks.on_failure, summary)
        self._call("hook `finally`", self._hooks.finally_, summary)

    def _call(self, what: str, command: str, summary: dict[str, Any]) -> None:
        if not command:
            return
        if self._thread is None:
            self._thread = Thread(target=self._work, name="flowmake-hooks", daemon=True)
            self._thread.start()
        self._queue.put((what, command, summary))

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            what, command, summary = job
            try:
                code = self._run_command(command, json.dumps(summary).encode() + b"\n")
            except OSError as error:
                self._report(f"{what} could not be started: {error.strerror or error}")
                continue
            if code:
                self._report(f"{what} failed with exit code {code}")


def _facts(event: TaskFinished) -> dict[str, Any]:
    return {
        "task": event.task,
        "status": event.status,
        "exit_code": event.exit_code,
        "signal": event.signal,
        "seconds": event.seconds,
        "log": event.log,
        "message": event.message or (how_it_ended(event) if event.status in BAD else ""),
    }
