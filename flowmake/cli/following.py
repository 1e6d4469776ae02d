"""The logs of a run that is on, printed while they grow. Knows when a run ends; judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from time import monotonic, sleep
from typing import IO, TYPE_CHECKING

from msgspec import Struct

from flowmake.cli.tasklog import Printer

if TYPE_CHECKING:
    from flowmake.build import Project

PAUSE = 0.1
"""Seconds between two looks at logs that may grow, at least."""
SHARE = 4
"""So many times as long as a look at the records took, none is taken: there may be thousands of tasks."""


class Standing(Struct, frozen=True):
    """The latest run: whether it is still on, which tasks are at work, and which have ended."""

    run: str
    is_on: bool
    running: frozenset[str]
    ended: tuple[str, ...]


def standing(project: Project) -> Standing:
    """Whether it is on is asked first: what ends afterwards is not missed by who looks at the logs then."""
    is_on = project.is_running()
    with closing(project.store) as store:
        runs = store.runs(1)
        run = runs[0].id if runs else ""
        running = (name for name, last in store.attempts().items() if last.run == run and last.status == "running")
        ended = (record.task for record in store.tasks_of(run) if record.attempt)
        return Standing(run, is_on and bool(runs) and not runs[0].finished, frozenset(running), tuple(ended))


class Followed:
    """The logs of the wanted tasks of one run; with `prefix`, each line begins with the name of its task."""

    def __init__(self, project: Project, run: str, wanted: Callable[[str], bool], *, prefix: bool) -> None:
        self._project = project
        self._run = run
        self._wanted = wanted
        self._prefix = prefix
        self._logs: dict[str, tuple[IO[bytes], Printer]] = {}
        self._seen: set[str] = set()
        self.was_shortened = False

    def until_the_end(self, now: Standing, is_enough: Callable[[Standing], bool]) -> None:
        """Print what comes until the run is over, or there is enough; what had ended before is left out."""
        self._seen.update(name for name in now.ended if name not in now.running)
        try:
            while now.is_on and now.run == self._run and not is_enough(now):
                self._look(now)
                begun = monotonic()
                sleep(PAUSE)
                now = standing(self._project)
                sleep(max(0.0, SHARE * (monotonic() - begun - PAUSE)))
            self._look(now)
        finally:
            for file, _ in self._logs.values():
                file.close()

    def _look(self, now: Standing) -> None:
        for name in (*now.ended, *now.running):
            if name not in self._seen and self._wanted(name):
                self._open(name)
        for name in list(self._logs):
            self._logs[name][1].print()
            if name not in now.running or not now.is_on:
                self._end(name)

    def _open(self, name: str) -> None:
        path = self._project.state.log(self._run, name)
        try:
            file = open(path, "rb", buffering=0)  # noqa: SIM115 closed in `_end`, or at the end of all
        except FileNotFoundError:  # not there yet; or it had printed nothing, and its file went to another task
            return
        self._seen.add(name)
        prefix = f"{name} | " if self._prefix else ""
        self._logs[name] = (file, Printer(file, self._project.secrets().as_bytes(), prefix))

    def _end(self, name: str) -> None:
        file, printer = self._logs.pop(name)
        self.was_shortened |= printer.was_shortened()
        printer.finish()
        file.close()
