from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len

from flowmake.core.events import (
    Notice,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskJudged,
    TaskQueued,
    TaskRetrying,
    TaskStarted,
)
from flowmake.observers.console import Console

CODES = re.compile(r"\x1b\[(\?(25|7)[lh]|[\d;]*[A-Za-z])|\x1b[78]|\r|\n|[^\x1b\r\n]+")


class Screen:
    """What a terminal shows after a text: knows line ends, returns, cursor up and erasing; ignores styles."""

    def __init__(self, text: str) -> None:
        self.lines = [""]
        self.row = self.column = 0
        at = 0
        while at < len(text):
            match = CODES.match(text, at)
            assert match is not None, f"an unexpected control code at {text[at : at + 10]!r}"
            self._feed(match[0])
            at = match.end()

    def _feed(self, piece: str) -> None:
        if piece == "\n":
            self.row, self.column = self.row + 1, 0
            if self.row == len(self.lines):
                self.lines.append("")
        elif piece == "\r":
            self.column = 0
        elif piece.endswith("A") and piece.startswith("\x1b"):
            self.row -= int(piece[2:-1])
            assert self.row >= 0
        elif piece == "\x1b7":
            self.saved = (self.row, self.column)
        elif piece == "\x1b8":
            self.row, self.column = self.saved
        elif piece == "\x1b[B":
            self.row = min(self.row + 1, len(self.lines) - 1)
        elif piece in ("\x1b[K", "\x1b[J"):
            self.lines[self.row] = self.lines[self.row][: self.column]
            if piece == "\x1b[J":
                del self.lines[self.row + 1 :]
        elif not piece.startswith("\x1b"):
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + piece + line[self.column + len(piece) :]
            self.column += len(piece)

    def shown(self) -> list[str]:
        lines = [line.rstrip() for line in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines


class Show:
    """A console on a stream, with events in few words."""

    def __init__(self, stream: Any, event: Any, clock: Any, **options: Any) -> None:
        self.stream, self.event, self.clock = stream, event, clock
        self.console = Console(stream, clock=clock, **options)

    def send(self, kind: Any, **fields: Any) -> None:
        self.console.on_event(self.event(kind, **fields))

    def begin(self, expected: int = 12, jobs: int = 2) -> None:
        self.send(RunStarted, targets=(), jobs=jobs, argv=(), expected=expected)

    def start(self, *tasks: str, attempt: int = 1, **more: Any) -> None:
        for task in tasks:
            self.send(TaskStarted, task=task, attempt=attempt, pid=1, command=f"do {task}\x07", log="l", **more)

    def finish(self, task: str, status: str = "succeeded", **more: Any) -> None:
        self.send(TaskFinished, task=task, status=status, **more)

    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds
        self.console.on_tick(self.clock.seconds)

    def screen(self) -> list[str]:
        return Screen(self.stream.getvalue()).shown()


@pytest.fixture
def show(stream: Any, stream_of: Any, event: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Show]:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "12")

    def make(encoding: str = "utf-8", **options: Any) -> Show:
        return Show(stream_of(encoding, terminal=True), event, clock, **options)

    return make


def test_what_runs_a_bar_and_an_estimate(show: Any) -> None:
    it = show(durations={"fetch": 90.0, "clean": 30.0})
    it.begin(expected=2)
    it.start("fetch", "clean")
    it.wait(10)
    assert it.screen() == [
        "⠹ fetch  10.0s of about 1m 30s",
        "⠹ clean  10.0s of about 30.0s",
        "────────────────────────  0/2  10.0s, about 1m 20s left",
    ]
    it.finish("clean", seconds=10.0)
    it.wait(10)
    assert it.screen() == [
        "⠸ fetch  20.0s of about 1m 30s",
        "━━━━━━━━━━━━────────────  1/2  20.0s, about 1m 10s left",
    ]


def test_what_waits_elsewhere_is_counted_until_it_starts(show: Any) -> None:
    it = show()
    it.begin(expected=4)
    for task in ("a", "b", "c"):
        it.send(TaskQueued, task=task, attempt=1, executor="slurm")
    it.wait(10)
    assert it.screen() == ["────────────────────────  0/4  3 queued  10.0s"]
    it.start("a")
    it.finish("b", "failed", message="Slurm refused it")
    it.wait(10)
    assert it.screen()[-2:] == ["⠸ a  10.0s", "━━━━━━──────────────────  1/4  1 queued  1 failed  20.0s"]


def test_nothing_is_left_on_the_screen_at_the_end(show: Any) -> None:
    it = show()
    it.begin()
    it.start("a")
    it.wait(1)
    it.finish("a", seconds=1.0)
    it.send(RunFinished, status="succeeded", exit_code=0, counts={}, seconds=1.0)
    it.console.close()
    assert it.screen() == []
    assert it.stream.getvalue().count("\x1b[?25l") == it.stream.getvalue().count("\x1b[?25h")


def test_failures_appear_at_once_above_with_the_end_of_the_log(show: Any) -> None:
    it = show()
    it.begin(expected=4)
    it.start("good", "bad")
    it.wait(1)
    it.finish("bad", "failed", exit_code=2, seconds=1.0, log="bad.log", tail=("so \x1b[2Jlong", "and \x07thanks"))
    it.finish("soft", "failed", exit_code=1, seconds=1.0, allowed=True)
    it.wait(1)
    assert it.screen() == [
        "✗ bad exit code 2 after 1.0s",
        "    so long",
        "    and \\x07thanks",
        "    log: bad.log",
        "✗ soft exit code 1 after 1.0s (allowed)",
        "⠸ good  2.0s",
        "━━━━━━━━━━━━────────────  2/4  1 failed  2.0s",
    ]


def test_what_was_interrupted_is_only_named(show: Any) -> None:
    it = show()
    it.begin(expected=1)
    it.start("a")
    it.finish("a", "interrupted", signal=15, seconds=1.0, log="a.log", tail=("half a line",))
    it.console.close()
    assert it.screen() == ["✗ a interrupted after 1.0s"]


def test_retries_and_notices_appear_above(show: Any) -> None:
    it = show()
    it.begin(expected=1)
    it.send(TaskRetrying, task="flaky", attempt=1, delay=5.0, timed_out=True)
    it.send(Notice, text="for your information")
    it.send(Notice, text="look out", level="warning")
    it.start("flaky", attempt=2)
    it.wait(1)
    assert it.screen() == [
        "↻ flaky attempt 1 timed out, again in 5.0s",
        "for your information",
        "warning: look out",
        "⠹ flaky  1.0s, attempt 2",
        "────────────────────────  0/1  1.0s",
    ]


def test_verbose_tells_reasons_commands_and_successes(show: Any) -> None:
    it = show(verbose=True)
    it.begin(expected=3)
    it.send(TaskJudged, task="a", verdict="stale", reasons=({"kind": "never_ran"},))
    it.start("a")
    it.finish("a", seconds=1.0, cut_off=True)
    it.finish("b", "fresh")
    it.finish("c", "skipped")
    it.console.close()
    assert it.screen() == ["a: stale: never ran", "    $ do a\\x07", "✓ a 1.0s, outputs unchanged", "✓ b fresh"]


def test_more_tasks_than_rows_are_counted(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "7")
    it = show()
    it.begin(expected=20)
    it.start(*"abcdefgh")
    it.wait(1)
    assert it.screen() == [
        "⠹ a  1.0s",
        "⠹ b  1.0s",
        "⠹ c  1.0s",
        "  … and 5 more",
        "────────────────────────  0/20  1.0s",
    ]


@pytest.mark.parametrize("width", [3, 10, 20, 40, 53, 54, 80, 200])
def test_no_line_is_wider_than_the_window(show: Any, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    it = show(durations={"x": 3.0})
    it.begin(expected=20)
    it.start("a-very-long-name-for-a-task@with,many,values-in-it", "日本語のとても長い名前のタスク" * 3)
    it.wait(1)
    assert len(it.screen()) == 3
    assert max(cell_len(line) for line in it.screen()) < max(width, 2)


def test_long_names_are_cut_in_the_middle(show: Any) -> None:
    it = show()
    it.begin()
    it.start("begin-" + "x" * 80 + "-end")
    it.wait(1)
    assert it.screen()[0] == f"⠹ begin-{'x' * 19}…{'x' * 21}-end  1.0s"


def test_a_narrow_window_shows_names_rather_than_estimates(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    it = show(durations={"work@17": 3.0, "a-rather-long-name": 3.0})
    it.begin()
    it.start("work@17", "a-rather-long-name")
    it.wait(1)
    assert it.screen()[:2] == ["⠹ work@17  1.0s of about 3.0s", "⠹ a-rather-long-name  1.0s"]
    monkeypatch.setenv("COLUMNS", "24")
    it.wait(1)
    assert it.screen()[:2] == ["⠸ work@17  2.0s", "⠸ a-rathe…ng-name  2.0s"]


def test_a_tiny_window_still_shows_the_count(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "2")
    it = show()
    it.begin(expected=5)
    it.start("a", "b")
    it.wait(1)
    assert it.screen() == ["────────────────────────  0/5  1.0s"]


def test_redraws_are_few_however_many_events(show: Any) -> None:
    it = show()
    it.begin(expected=10_000)
    for number in range(2_000):
        it.start(f"t{number}")
        it.finish(f"t{number}", seconds=0.1)
    assert it.stream.getvalue().count("/10000") <= 1
    for _ in range(16):
        it.wait(0.0625)
    assert it.stream.getvalue().count("/10000") == 1 + 8


def test_a_task_with_the_terminal_to_itself_is_left_alone(show: Any) -> None:
    it = show()
    it.begin(expected=2)
    it.start("other")
    it.wait(1)
    it.start("edit", console=True)
    it.stream.write("the editor's own text\n")
    before = it.stream.getvalue()
    it.wait(1)
    it.wait(1)
    assert it.stream.getvalue() == before
    it.finish("edit", seconds=2.0)
    it.wait(1)
    assert it.screen()[0] == "the editor's own text"
    assert it.screen()[-1].startswith("━━━━━━━━━━━━────────────  1/2")


def test_a_stream_without_unicode_gets_ascii(show: Any) -> None:
    it = show("ascii")
    it.begin(expected=2)
    it.start("ü")
    it.finish("x", "failed", exit_code=1, seconds=1.0)
    it.wait(1)
    assert it.stream.getvalue().isascii()
    assert it.screen() == [
        "FAILED x exit code 1 after 1.0s",
        "- \\xfc  1.0s",
        "############............  1/2  1 failed  1.0s",
    ]


def test_names_cut_for_ascii_fit_as_well(show: Any) -> None:
    it = show("ascii")
    it.begin()
    it.start("é" * 80)
    it.wait(1)
    assert it.screen()[0] == "- " + "\\xe9" * 6 + "\\.." + "\\xe9" * 6 + "  1.0s"


def test_no_color_leaves_no_styles(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    it = show()
    it.begin()
    it.start("a")
    it.finish("b", "failed", exit_code=1, seconds=1.0)
    it.wait(1)
    assert not re.search(r"\x1b\[[\d;]*m", it.stream.getvalue())


def test_a_broken_terminal_does_not_end_the_run(show: Any) -> None:
    it = show()
    it.begin()
    it.start("a")
    it.stream.close()
    it.wait(1)
    it.finish("a", "failed", exit_code=1, seconds=1.0)
    it.send(RunFinished, status="failed", exit_code=1, counts={}, seconds=1.0)
    it.console.close()
    assert it.stream.closed


def test_the_clock_is_real_unless_told_otherwise(stream_of: Any, event: Any) -> None:
    stream = stream_of(terminal=True)
    console = Console(stream)
    console.on_event(event(RunStarted, targets=(), jobs=1, argv=(), expected=1))
    console.on_tick(time.monotonic() + 3600)
    assert Screen(stream.getvalue()).shown() == ["────────────────────────  0/1  1h 00m"]
    console.close()
    assert Screen(stream.getvalue()).shown() == []


def test_another_window_size_counts_from_the_next_drawing(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    it = show()
    it.begin(expected=5)
    it.start("a-task-with-a-name-of-some-length", "b")
    it.wait(1)
    assert len(it.screen()) == 3
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "4")
    it.wait(1)
    assert it.screen() == ["  … and 2 more", "0/5  2.0s"]


def test_a_pause_leaves_the_terminal_as_it_was(show: Any) -> None:
    it = show()
    it.begin(expected=2)
    it.start("a")
    it.wait(1)
    it.console.pause()
    assert it.screen() == []
    assert it.stream.getvalue().endswith("\x1b[?25h")
    it.wait(1)
    assert it.screen() == []
    it.console.resume()
    it.wait(1)
    assert it.screen()[0] == "⠸ a  3.0s"


def test_a_pause_while_nothing_is_shown_shows_nothing_later(show: Any) -> None:
    it = show()
    it.console.pause()
    it.console.resume()
    it.wait(1)
    assert it.stream.getvalue() == ""


def test_the_cursor_rests_where_the_frame_begins(show: Any) -> None:
    it = show()
    it.begin(expected=5)
    it.start("a", "b")
    it.wait(1)
    it.send(Notice, text="stays")
    screen = Screen(it.stream.getvalue())
    assert (screen.row, screen.column) == (1, 0)
    assert screen.shown()[0] == "stays"


SUSPENDED = """
import io, os, signal, sys
from flowmake.core.events import RunStarted
from flowmake.observers.console import Console
from flowmake.world.suspension import kept_off, suspension

class Terminal(io.RawIOBase):
    typed = False
    def writable(self):
        return True
    def write(self, data):
        if not self.typed:
            self.typed = True
            os.kill(os.getpid(), signal.SIGTSTP)  # Ctrl-Z in the middle of it
        return os.write(1, data)

console = Console(io.TextIOWrapper(io.BufferedWriter(Terminal())), undisturbed=kept_off)
with suspension(console.pause, console.resume):
    console.on_event(RunStarted(time=0.0, run="r", targets=(), jobs=1, argv=(), expected=1))
    console.close()
"""


def test_a_suspension_waits_until_what_is_being_drawn_is_drawn() -> None:
    """And leaves the cursor visible to the shell, and hides it again after."""
    hide, show = b"\x1b[?25l", b"\x1b[?25h"
    with subprocess.Popen([sys.executable, "-c", SUSPENDED], stdout=subprocess.PIPE, start_new_session=True) as program:
        _, status = os.waitpid(program.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert program.stdout is not None
        assert program.stdout.read(len(hide + show)) == hide + show
        os.kill(program.pid, signal.SIGCONT)
        assert program.stdout.read() == hide + show
        assert program.wait(60) == 0
