"""What every listener promises: it takes any event in any order, never raises, and may be closed twice."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowmake.core.events import (
    Event,
    Notice,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskJudged,
    TaskRetrying,
    TasksFound,
    TaskStarted,
)
from flowmake.core.model import Hooks as Declared
from flowmake.core.ports import Observer
from flowmake.observers.console import Console
from flowmake.observers.hooks import Hooks
from flowmake.observers.jsonl import Jsonl
from flowmake.observers.junit import JUnit
from flowmake.observers.metrics import Metrics
from flowmake.observers.plain import Plain
from flowmake.observers.runlog import RunLog
from flowmake.observers.summary import Summary

HOSTILE = ["plain", "", "\x1b[2J\x07", "two\nlines\r", "\udcff", "日本\u202e", "`{{ x }}` [bold]%s"]


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


Factory = Callable[[io.StringIO, Path], Observer]
FACTORIES: dict[str, Factory] = {
    "console": lambda stream, _: Console(stream, verbose=True),
    "plain": lambda stream, _: Plain(stream),
    "plain, quiet": lambda stream, _: Plain(stream, quiet=True),
    "plain, verbose": lambda stream, _: Plain(stream, verbose=True),
    "summary": lambda stream, _: Summary(stream),
    "jsonl": lambda stream, _: Jsonl(io.BytesIO(), stream.write),
    "runlog": lambda stream, folder: RunLog(str(folder / "events.jsonl"), stream.write),
    "junit": lambda _, folder: JUnit("\x1b[2J", (folder / "junit.xml").write_bytes),
    "metrics": lambda _, folder: Metrics("\x1b[2J", (folder / "flow.prom").write_bytes, {}),
    "hooks": lambda stream, _: Hooks(Declared("s", "f", "r", "x"), lambda _text, _stdin: 0, stream.write),
}

texts = st.sampled_from(HOSTILE)
seconds = st.floats(0, 1e6)
codes = st.none() | st.integers(0, 255)
signals = st.none() | st.integers(1, 70)
common = {"time": st.floats(0, 4e9), "run": st.just("r1")}
reasons = st.sampled_from(
    [
        {"kind": "never_ran"},
        {"kind": "recipe_changed", "old": "a\x1b[1m", "new": "b\x07"},
        {"kind": "input_changed", "path": "\x1bc", "old": "0" * 32, "new": ""},
        {"kind": "too_old", "age": 9.0, "max_age": 1.0},
    ]
)
lists = st.lists(texts, max_size=3).map(tuple)
statuses = st.sampled_from(["succeeded", "failed", "timed_out", "interrupted", "skipped", "fresh", "restored"])
counts = st.dictionaries(statuses, st.integers(0, 9))
ends = st.sampled_from(["succeeded", "failed", "interrupted", "nothing_to_do"])
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(RunStarted, **common, targets=lists, jobs=st.integers(0, 9), argv=lists, expected=st.integers(0, 9)),
    st.builds(TasksFound, **common, by=texts, count=st.integers(0, 9)),
    st.builds(
        TaskJudged,
        **common,
        task=texts,
        verdict=st.sampled_from(["fresh", "stale", "waiting"]),
        reasons=st.lists(reasons, max_size=2).map(tuple),
        estimate=st.none() | seconds,
    ),
    st.builds(
        TaskStarted,
        **common,
        task=texts,
        attempt=st.integers(1, 3),
        pid=st.just(1),
        command=texts,
        log=texts,
        description=texts,
        estimate=st.none() | seconds,
        console=st.booleans(),
    ),
    st.builds(
        TaskRetrying,
        **common,
        task=texts,
        attempt=st.integers(1, 3),
        delay=seconds,
        exit_code=codes,
        signal=signals,
        timed_out=st.booleans(),
    ),
    st.builds(
        TaskFinished,
        **common,
        task=texts,
        status=statuses,
        exit_code=codes,
        signal=signals,
        seconds=seconds,
        log=texts,
        message=texts,
        tail=lists,
        allowed=st.booleans(),
        cut_off=st.booleans(),
    ),
    st.builds(Notice, **common, text=texts, level=st.sampled_from(["info", "warning", "error"])),
    st.builds(RunFinished, **common, status=ends, exit_code=st.just(1), counts=counts, seconds=seconds, orphans=lists),
)


def play(observer: Observer, story: Sequence[Event]) -> None:
    observer.on_tick(0.0)
    for number, event in enumerate(story):
        observer.on_event(event)
        observer.on_tick(float(number * 100))
    observer.close()
    observer.close()


@pytest.mark.parametrize("name", FACTORIES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(events, max_size=12))
def test_any_story_is_taken_without_a_word_of_protest(name: str, tmp_path: Path, story: list[Event]) -> None:
    stream = Terminal() if name == "console" else io.StringIO()
    play(FACTORIES[name](stream, tmp_path), story)
    text = stream.getvalue()
    assert not {"\x07", "\x1b[2J", "\x1bc", "\u202e", "\udcff"} & {
        text[i : i + n] for i in range(len(text)) for n in (1, 2, 4)
    }
    if name != "console":
        assert "\x1b" not in text


@pytest.mark.parametrize("name", FACTORIES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(events, max_size=8))
def test_a_broken_stream_is_no_reason_to_raise(name: str, tmp_path: Path, story: list[Event]) -> None:
    class Broken(Terminal):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    stream = Broken() if name in ("console", "plain", "plain, quiet", "plain, verbose", "summary") else io.StringIO()
    play(FACTORIES[name](stream, tmp_path), story)
    assert stream.getvalue() == "" or name in ("jsonl", "runlog", "hooks")
