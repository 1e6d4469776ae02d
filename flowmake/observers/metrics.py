"""A run in the text format of Prometheus, for the textfile collector of node_exporter. Unaware of the disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import get_args

from flowmake.core.events import Event, RunFinished, TaskFinished, TaskStatus
from flowmake.core.text import safe_line
from flowmake.observers.wording import BAD

_GOOD = ("succeeded", "nothing_to_do")
_LAST_SUCCESS = "flowmake_run_last_success_timestamp_seconds"
_HELP = {
    "flowmake_run_success": "Whether the last run did what it was asked for (1) or not (0).",
    "flowmake_run_exit_code": "Exit code of the last run.",
    "flowmake_run_duration_seconds": "How long the last run took.",
    "flowmake_run_last_completion_timestamp_seconds": "When the last run ended, in seconds since the epoch.",
    _LAST_SUCCESS: "When the last run that did what it was asked for ended, in seconds since the epoch.",
    "flowmake_run_tasks": "How many tasks of the last run ended in which way.",
    "flowmake_task_duration_seconds": "How long the last run of the task took.",
    "flowmake_task_success": "Whether the task is as it should be: succeeded or fresh (1), failed or not run (0).",
}
Sample = tuple[str, dict[str, str], float]


class Metrics:
    """Collects what there is to know and hands the text to `write` when it is closed, if the run is over by then.

    Every sample is labelled with the name of the `flow`, so that the files of several flows can lie side by side.
    `durations` are the seconds that fresh tasks took when they last ran, by name. `before` is the text of the file so
    far: a run that fails must not forget when the last good one was.
    """

    def __init__(
        self, flow: str, write: Callable[[bytes], object], durations: Mapping[str, float], before: str = ""
    ) -> None:
        self._flow = flow
        self._write = write
        self._durations = durations
        self._last_success = _last_success(before, flow)
        self._tasks: dict[str, TaskFinished] = {}
        self._end: RunFinished | None = None

    def on_event(self, event: Event) -> None:
        """Keep the ends of tasks and of the run."""
        if isinstance(event, TaskFinished):
            self._tasks[event.task] = event
        elif isinstance(event, RunFinished):
            self._end = event

    def on_tick(self, now: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Write, once."""
        end, self._end = self._end, None
        if end is not None:
            self._write("".join(self._lines(end)).encode())

    def _lines(self, end: RunFinished) -> Iterator[str]:
        """Samples of a metric have to stand together, below what explains it."""
        found = [*self._run_samples(end), *self._task_samples()]
        for name, meaning in _HELP.items():
            samples = [sample for sample in found if sample[0] == name]
            if samples:
                yield f"# HELP {name} {meaning}\n# TYPE {name} gauge\n"
            for _, labels, value in samples:
                shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in {"flow": self._flow, **labels}.items())
                yield f"{name}{{{shown}}} {_number(value)}\n"

    def _run_samples(self, end: RunFinished) -> Iterator[Sample]:
        good = end.status in _GOOD
        yield "flowmake_run_success", {}, float(good)
        yield "flowmake_run_exit_code", {}, float(end.exit_code)
        yield "flowmake_run_duration_seconds", {}, end.seconds
        yield "flowmake_run_last_completion_timestamp_seconds", {}, end.time
        last = end.time if good else self._last_success
        if last is not None:
            yield _LAST_SUCCESS, {}, last
        for status in get_args(TaskStatus):
            yield "flowmake_run_tasks", {"status": status}, float(end.counts.get(status, 0))

    def _task_samples(self) -> Iterator[Sample]:
        for name, event in self._tasks.items():
            seconds = event.seconds if event.attempt else self._durations.get(name)
            if seconds is not None:
                yield "flowmake_task_duration_seconds", {"task": name}, seconds
            yield "flowmake_task_success", {"task": name}, float(event.status not in (*BAD, "skipped"))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 6))


def _escaped(text: str) -> str:
    """A label's value: the format knows three escapes, and everything else stands for itself."""
    return safe_line(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _last_success(text: str, flow: str) -> float | None:
    sample = re.escape(f'{_LAST_SUCCESS}{{flow="{_escaped(flow)}"}}')
    found = re.search(rf"^{sample} ([0-9.e+]+)$", text, re.MULTILINE)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None
