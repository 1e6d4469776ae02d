from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowmake.core.events import (
    Event,
    Notice,
    RunStarted,
    TaskFinished,
    TaskJudged,
    TaskQueued,
    TaskRetrying,
    TasksFound,
    TaskStarted,
)
from flowmake.observers.plain import Plain

STALE = ({"kind": "input_changed", "path": "a", "old": "1" * 32, "new": "2" * 32}, {"kind": "env_changed", "name": "X"})


def story(event: Callable[..., Event]) -> list[Event]:
    """A bit of everything that can happen."""
    return [
        event(RunStarted, targets=("all",), jobs=2, argv=("flowmake", "run"), expected=9),
        event(TaskJudged, task="old", verdict="fresh"),
        event(TaskFinished, task="old", status="fresh"),
        event(TaskJudged, task="clean", verdict="stale", reasons=STALE),
        event(
            TaskStarted,
            task="clean",
            attempt=1,
            pid=7,
            command="wash \\\n  raw\n",
            log="l",
            description="wash\nthe data",
        ),
        event(TasksFound, by="split", count=2),
        event(TaskFinished, task="clean", status="succeeded", exit_code=0, seconds=1.24),
        event(TaskStarted, task="flaky", attempt=1, pid=8, command="dice", log="l"),
        event(TaskRetrying, task="flaky", attempt=1, delay=5.0, exit_code=75),
        event(TaskStarted, task="flaky", attempt=2, pid=9, command="dice", log="l"),
        event(TaskFinished, task="flaky", status="succeeded", exit_code=0, seconds=65.0, attempt=2, cut_off=True),
        event(TaskFinished, task="kept", status="restored"),
        event(
            TaskFinished,
            task="bad\x1b[2J",
            status="failed",
            exit_code=2,
            seconds=1.2,
            log="logs/bad.log",
            tail=("one", "two \x1b[31mred\x07"),
        ),
        event(TaskFinished, task="lint", status="failed", exit_code=1, seconds=0.5, allowed=True),
        event(TaskFinished, task="slow", status="timed_out", signal=15, seconds=9.0, log="logs/slow.log"),
        event(TaskFinished, task="shot", status="failed", signal=9, seconds=3.0),
        event(TaskFinished, task="none", status="failed", exit_code=0, seconds=0.1, message="output `x` is missing"),
        event(TaskFinished, task="after", status="skipped"),
        event(TaskFinished, task="cut", status="interrupted", signal=2, seconds=2.0),
        event(Notice, text="waiting for the lock"),
        event(Notice, text="`a` changed while it was read", level="warning"),
        event(Notice, text="hook failed\x1b[0m", level="error"),
    ]


def told(stream: Any, event: Any, **options: Any) -> str:
    plain = Plain(stream, **options)
    for happening in story(event):
        plain.on_event(happening)
    plain.close()
    text: str = stream.getvalue()
    return text


def test_a_line_for_each_thing_that_happens(stream: Any, event: Any) -> None:
    assert told(stream, event) == (
        "[1/9] clean started: wash\\nthe data\n"
        "[ 1/11] split brought 2 more tasks\n"
        "[ 2/11] clean ✓ 1.2s\n"
        "[ 2/11] flaky started\n"
        "[ 2/11] flaky ↻ attempt 1 exit code 75, again in 5.0s\n"
        "[ 2/11] flaky started, attempt 2\n"
        "[ 3/11] flaky ✓ 1m 05s, outputs unchanged\n"
        "[ 4/11] kept ✓ restored\n"
        "[ 5/11] bad\\x1b[2J ✗ exit code 2 after 1.2s\n"
        "[ 6/11] lint ✗ exit code 1 after 0.5s (allowed)\n"
        "[ 7/11] slow ✗ timed out after 9.0s\n"
        "[ 8/11] shot ✗ killed by SIGKILL after 3.0s\n"
        "[ 9/11] none ✗ output `x` is missing after 0.1s\n"
        "[11/11] cut ✗ interrupted after 2.0s\n"
        "waiting for the lock\n"
        "warning: `a` changed while it was read\n"
        "error: hook failed\n"
    )


def test_quiet_says_only_what_failed(stream: Any, event: Any) -> None:
    assert told(stream, event, quiet=True) == (
        "[ 5/11] bad\\x1b[2J ✗ exit code 2 after 1.2s\n"
        "[ 7/11] slow ✗ timed out after 9.0s\n"
        "[ 8/11] shot ✗ killed by SIGKILL after 3.0s\n"
        "[ 9/11] none ✗ output `x` is missing after 0.1s\n"
        "[11/11] cut ✗ interrupted after 2.0s\n"
        "error: hook failed\n"
    )


def test_verbose_adds_reasons_and_commands(stream: Any, event: Any) -> None:
    lines = told(stream, event, verbose=True).splitlines()
    assert lines[:7] == [
        "[1/9] old fresh",
        "clean: stale: input changed: a (111111 → 222222)",
        "clean: stale: environment changed: X",
        "[1/9] clean started: wash\\nthe data",
        "    $ wash \\",
        "    $   raw",
        "[ 1/11] split brought 2 more tasks",
    ]
    assert "[10/11] after skipped" in lines
    failure = lines.index("[ 5/11] bad\\x1b[2J ✗ exit code 2 after 1.2s")
    assert lines[failure + 1 : failure + 4] == ["    one", "    two red\\x07", "    log: logs/bad.log"]


@pytest.mark.parametrize(("verbose", "text"), [(False, ""), (True, "[0/3] split brought 2 more tasks\n")])
def test_a_fan_out_is_no_news_before_anything_has_run(stream: Any, event: Any, verbose: bool, text: str) -> None:
    plain = Plain(stream, verbose=verbose)
    plain.on_event(event(RunStarted, targets=("all",), jobs=1, argv=(), expected=1))
    plain.on_event(event(TasksFound, by="split", count=2))
    assert stream.getvalue() == text


def test_a_stream_without_unicode_gets_ascii(stream_of: Any, event: Any) -> None:
    stream = stream_of("ascii")
    text = told(stream, event)
    assert text.isascii()
    assert "[ 2/11] clean ok 1.2s\n" in text
    assert "[ 5/11] bad\\x1b[2J FAILED exit code 2 after 1.2s\n" in text


def test_colours_only_where_asked_for(stream: Any, event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "clean \x1b[32m✓\x1b[0m 1.2s" in told(stream, event)


def test_a_heartbeat_after_a_silent_minute(stream: Any, event: Any, clock: Any) -> None:
    plain = Plain(stream, clock=clock)
    plain.on_event(event(RunStarted, targets=(), jobs=4, argv=(), expected=5))
    for name in ("fetch", "clean", "b", "c"):
        plain.on_event(event(TaskStarted, task=name, attempt=1, pid=1, command="x", log="l"))
        clock.seconds += 1
    begun = len(stream.getvalue())
    for second in range(62):
        plain.on_tick(clock.seconds + second)
    clock.seconds += 61
    assert stream.getvalue()[begun:] == "[0/5] running: fetch 1m 03s, clean 1m 02s, b 1m 01s and 1 more\n"
    plain.on_event(event(TaskFinished, task="c", status="succeeded", seconds=1.0))
    begun = len(stream.getvalue())
    plain.on_tick(clock.seconds + 59)
    assert stream.getvalue()[begun:] == ""
    plain.on_tick(clock.seconds + 60)
    assert stream.getvalue()[begun:] == "[1/5] running: fetch 2m 05s, clean 2m 04s, b 2m 03s\n"


def test_the_heartbeat_knows_of_tasks_to_be_repeated(stream: Any, event: Any, clock: Any) -> None:
    plain = Plain(stream, clock=clock)
    plain.on_event(event(TaskStarted, task="flaky", attempt=1, pid=1, command="x", log="l"))
    plain.on_event(event(TaskRetrying, task="flaky", attempt=1, delay=300.0, exit_code=1))
    plain.on_event(event(TaskStarted, task="other", attempt=1, pid=1, command="x", log="l"))
    plain.on_tick(clock.seconds + 60)
    assert stream.getvalue().splitlines()[-1] == "[0/0] running: other 1m 00s; to be repeated: flaky"
    plain.on_event(event(TaskStarted, task="flaky", attempt=2, pid=1, command="x", log="l"))
    plain.on_event(event(TaskFinished, task="other", status="succeeded", seconds=60.0))
    plain.on_tick(clock.seconds + 60)
    assert stream.getvalue().splitlines()[-1] == "[1/1] running: flaky 1m 00s"


def test_what_waits_elsewhere_is_queued_until_it_starts(stream: Any, event: Any, clock: Any) -> None:
    plain = Plain(stream, clock=clock)
    for name in ("a", "b"):
        plain.on_event(event(TaskQueued, task=name, attempt=1, executor="slurm"))
    plain.on_tick(clock.seconds + 60)
    clock.seconds += 100
    plain.on_event(event(TaskStarted, task="a", attempt=1, pid=0, command="x", log="l"))
    plain.on_tick(clock.seconds + 60)
    plain.on_event(event(TaskRetrying, task="a", attempt=1, delay=0.0))
    plain.on_event(event(TaskQueued, task="a", attempt=2, executor="slurm"))
    plain.on_event(event(TaskFinished, task="b", status="failed", seconds=0.0, message="Slurm refused it"))
    clock.seconds += 100
    plain.on_tick(clock.seconds + 60)
    assert stream.getvalue().splitlines() == [
        "[0/0] a queued on slurm",
        "[0/0] b queued on slurm",
        "[0/0] queued: a, b",
        "[0/0] a started",
        "[0/0] running: a 1m 00s; queued: b",
        "[0/0] a ↻ attempt 1 failed, again in 0.0s",
        "[0/0] a queued on slurm, attempt 2",
        "[1/1] b ✗ Slurm refused it",
        "[1/1] queued: a",
    ]


@pytest.mark.parametrize("quiet", [True, False])
def test_no_heartbeat_when_quiet_or_idle(stream: Any, event: Any, clock: Any, quiet: bool) -> None:
    plain = Plain(stream, clock=clock, quiet=quiet)
    if quiet:
        plain.on_event(event(TaskStarted, task="a", attempt=1, pid=1, command="x", log="l"))
    plain.on_tick(clock.seconds + 600)
    assert stream.getvalue() == ""


def test_a_closed_stream_does_not_end_the_run(stream: Any, event: Any) -> None:
    plain = Plain(stream)
    stream.close()
    for happening in story(event):
        plain.on_event(happening)
    plain.close()
    assert stream.closed


def test_names_that_an_encoding_cannot_carry_are_spelt_out(tmp_path: Any, event: Any) -> None:
    with open(tmp_path / "log", "w", encoding="latin-1") as stream:
        Plain(stream).on_event(event(TaskStarted, task="日本", attempt=1, pid=1, command="x", log="l"))
    assert (tmp_path / "log").read_text() == "[0/0] \\u65e5\\u672c started\n"
