"""Who listens to a run started from the command line: chosen from options and terminal. Prints nothing itself."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, closing
from typing import IO, TYPE_CHECKING

from msgspec import Struct

from flowmake.cli import github
from flowmake.core.errors import StateError
from flowmake.world.terminal import is_interactive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowmake.build import Project
    from flowmake.core.ports import Observer


class Wishes(Struct, frozen=True):
    """What the options say about being told of a run. `progress`: `auto`, `plain`, `none`; `events`: a file or `-`.

    `junit` and `metrics_file` are files, empty for none.
    """

    progress: str = "auto"
    quiet: bool = False
    verbose: bool = False
    events: str = ""
    junit: str = ""
    metrics_file: str = ""

    @property
    def want_files(self) -> bool:
        """Something has to be written even if there is nothing to do."""
        return bool(self.events or self.junit or self.metrics_file)


def default_lock() -> str:
    """A person can wait; a script had better hear at once."""
    return "wait" if sys.stderr.isatty() else "fail"


def tick() -> float:
    """Seconds between two calls of `on_tick`: a live display moves, lines in a log do not."""
    return 0.1 if is_interactive(sys.stderr) else 1.0


def confirmer() -> Callable[[str, str], bool] | None:
    """Asks on the terminal, if there is one to ask on."""
    if not (sys.stdin.isatty() and is_interactive(sys.stderr)):
        return None

    def confirm(task: str, question: str) -> bool:
        import click

        from flowmake.core.text import safe_line

        try:
            return click.confirm(f"{safe_line(task)}: {safe_line(question)}", err=True)
        except click.Abort:  # Ctrl-C, Ctrl-D, or the terminal went away
            return False

    return confirm


def observers(project: Project, wishes: Wishes, stack: ExitStack) -> list[Observer]:
    """The listeners, in the order in which they are to hear and to close. `stack` closes the files they write to."""
    from flowmake.observers.summary import Summary

    found: list[Observer] = []
    if wishes.events:
        from flowmake.observers.jsonl import Jsonl

        name = "stdout" if wishes.events == "-" else f"`{wishes.events}`"
        found.append(Jsonl(_event_stream(wishes.events, stack), _warn, name))
    found += _reports(project, wishes)
    shown = [_progress(project, wishes, stack)] if wishes.progress != "none" else []
    shown.append(Summary(sys.stderr, quiet=wishes.quiet))
    return [*found, *(_for_actions(project, shown) if github.is_on() else shown)]


def _for_actions(project: Project, shown: Sequence[Observer]) -> Iterator[Observer]:
    """What is shown, in a form that GitHub Actions understands."""
    from secrets import token_hex

    from flowmake.observers.actions import Actions

    yield Actions(sys.stderr, shown, lambda task: _declared(project, task), token_hex(16))


def _declared(project: Project, task: str) -> tuple[str, int] | None:
    """Where a task is declared: the file as GitHub names it, relative to the checkout, and the line."""
    from flowmake.core.positions import locate

    place = project.flow.declarations[task.partition("@")[0]].place
    path = os.path.join(project.flow.root, place.file)
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            line = locate(file.read(), place).line
    except OSError:  # what a program printed is in no file
        return None
    return github.path_of(project.flow.root, place.file), line


def _progress(project: Project, wishes: Wishes, stack: ExitStack) -> Observer:
    """A live display where there is a terminal for it, which questions to the user would tear apart."""
    declarations = project.flow.declarations.values()
    asks = any(declaration.confirm for declaration in declarations)
    if wishes.progress == "auto" and not wishes.quiet and not asks and is_interactive(sys.stderr):
        from flowmake.observers.console import Console
        from flowmake.world.suspension import kept_off, suspension

        durations = _durations(project)
        console = Console(sys.stderr, verbose=wishes.verbose, durations=durations, undisturbed=kept_off)
        stack.enter_context(suspension(console.pause, console.resume))
        return console
    from flowmake.observers.plain import Plain

    return Plain(sys.stderr, quiet=wishes.quiet, verbose=wishes.verbose)


def _durations(project: Project) -> dict[str, float]:
    """How many seconds each task took when it last succeeded."""
    with closing(project.store) as store:
        return {name: trace.seconds for name, trace in store.traces().items()}


def _reports(project: Project, wishes: Wishes) -> Iterator[Observer]:
    """Those that write one file about the run when it is over."""
    flow = project.flow.name or os.path.basename(project.flow.root) or "flowmake"
    if wishes.junit:
        from flowmake.observers.junit import JUnit

        yield JUnit(flow, _writer(wishes.junit, "JUnit XML"))
    if wishes.metrics_file:
        from flowmake.observers.metrics import Metrics

        write = _writer(wishes.metrics_file, "metrics")
        yield Metrics(flow, write, _durations(project), _text_of(wishes.metrics_file))


def _writer(path: str, what: str) -> Callable[[bytes], object]:
    """Writes the file whole. That its folder is not there is better said before the run than after it."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise StateError(f"cannot write {what} to `{path}`: there is no folder `{folder}`")

    def write(data: bytes) -> None:
        from flowmake.world.replacing import replace_file

        try:
            replace_file(path, data)
        except OSError as error:
            _warn(f"cannot write {what} to `{path}`: {error.strerror}")

    return write


def _text_of(path: str) -> str:
    """What is in a file so far; nothing if that cannot be read as text."""
    if not os.path.isfile(path):
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise StateError(f"cannot read `{path}`: {error.strerror}") from error


def _event_stream(events: str, stack: ExitStack) -> IO[bytes]:
    try:
        if events == "-":
            ours = stack.enter_context(os.fdopen(os.dup(1), "wb", buffering=0))
            os.dup2(2, 1)  # a task that has the console would print in between
            return ours
        return stack.enter_context(open(events, "ab", buffering=0))
    except OSError as error:
        raise StateError(f"cannot write events to `{events}`: {error.strerror}") from error


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {text}\n")
