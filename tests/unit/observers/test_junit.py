"""JUnit XML, read back by a parser of that format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from junitparser import JUnitXml, TestSuite
from junitparser.junitparser import Error, Failure, Skipped, SystemErr

from flowmake.core.events import Event, RunFinished, RunStarted, TaskFinished
from flowmake.observers.junit import JUnit

Make = Callable[..., Event]


def document(event: Make, *ends: dict[str, Any], flow: str = "weather", over: bool = True) -> JUnitXml:
    written: list[bytes] = []
    observer = JUnit(flow, written.append)
    observer.on_event(event(RunStarted, targets=("a",), jobs=2, argv=("flowmake", "run")))
    for end in ends:
        observer.on_event(event(TaskFinished, **end))
    if over:
        observer.on_event(event(RunFinished, status="failed", exit_code=1, counts={}, seconds=4.5))
    observer.on_tick(1.0)
    observer.close()
    observer.close()
    assert len(written) == 1
    return JUnitXml.fromstring(written[0])


def case(event: Make, **end: Any) -> Any:
    suite = next(iter(document(event, end)))
    return next(iter(suite))


def test_a_suite_for_the_run_with_its_counts(event: Make) -> None:
    xml = document(
        event,
        {"task": "a", "status": "succeeded", "seconds": 1.5, "attempt": 1},
        {"task": "b@1", "status": "failed", "exit_code": 2, "seconds": 2.0, "attempt": 1},
        {"task": "b@2", "status": "interrupted", "seconds": 1.0, "attempt": 1},
        {"task": "c", "status": "skipped"},
        {"task": "d", "status": "fresh"},
    )
    assert (xml.name, xml.tests, xml.failures, xml.errors, xml.time) == ("weather", 5, 1, 1, 4.5)
    (suite,) = xml
    assert isinstance(suite, TestSuite)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 1, 2)
    assert [(p.name, p.value) for p in suite.properties()] == [("run", "r1")]
    assert suite.timestamp == "2023-11-14T22:13:20"
    assert [(c.classname, c.name, c.time, c.is_passed) for c in suite] == [
        ("weather.a", "a", 1.5, True),
        ("weather.b", "b@1", 2.0, False),
        ("weather.b", "b@2", 1.0, False),
        ("weather.c", "c", 0.0, False),
        ("weather.d", "d", 0.0, False),
    ]


@pytest.mark.parametrize(
    ("end", "kind", "message", "type_"),
    [
        ({"status": "failed", "exit_code": 2}, Failure, "exit code 2", "failed"),
        ({"status": "failed", "signal": 9}, Failure, "killed by SIGKILL", "failed"),
        (
            {"status": "failed", "exit_code": 0, "message": "`x` was not made"},
            Failure,
            "`x` was not made",
            "failed",
        ),
        ({"status": "failed", "exit_code": 1, "message": "why"}, Failure, "exit code 1: why", "failed"),
        ({"status": "timed_out", "signal": 15}, Failure, "timed out", "timed_out"),
        ({"status": "interrupted"}, Error, "interrupted", "interrupted"),
        ({"status": "fresh"}, Skipped, "fresh: nothing it depends on has changed", None),
        ({"status": "skipped"}, Skipped, "something it needs failed", None),
        (
            {"status": "failed", "exit_code": 3, "allowed": True},
            Skipped,
            "failed, which is allowed: exit code 3",
            None,
        ),
    ],
)
def test_how_a_task_ended(event: Make, end: dict[str, Any], kind: type, message: str, type_: str | None) -> None:
    (result,) = case(event, task="a", attempt=1, **end).result
    assert (type(result), result.message, result.type) == (kind, message, type_)


def test_a_failure_comes_with_the_end_of_its_log(event: Make) -> None:
    found = case(event, task="a", status="failed", exit_code=1, log="/p/a.log", tail=("one", "\x1b[31mtwo\x1b[0m <&>"))
    assert found.result[0].text == "one\ntwo <&>"
    assert found.system_err == "log: /p/a.log"
    assert isinstance(found.child(SystemErr), SystemErr)


def test_what_xml_cannot_hold_is_spelt_out_or_replaced(event: Make) -> None:
    hostile = "\x00\x1b]0;t\x07\ud800\ufffe\uffff]]>&\"'é\n"
    found = case(event, task=hostile, status="failed", exit_code=1, message=hostile, tail=(hostile,), log=hostile)
    assert found.name == "\\x00\\x1b]0;t\\x07\ufffd\ufffd\ufffd]]>&\"'é\\n"
    assert found.result[0].text == "\\x00\ufffd\ufffd\ufffd]]>&\"'é\n"


def test_a_run_that_was_cut_short_is_written_as_far_as_it_went(event: Make) -> None:
    xml = document(event, {"task": "a", "status": "succeeded", "attempt": 1}, over=False)
    assert (xml.tests, xml.time) == (1, 0.0)


def test_a_run_that_did_not_begin_writes_nothing() -> None:
    written: list[bytes] = []
    JUnit("weather", written.append).close()
    assert written == []
