"""A run as JUnit XML, which CI systems show as test results: a test case for each task. Unaware of the disk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from flowmake.core.events import Event, RunFinished, RunStarted, TaskFinished
from flowmake.core.expressions import expression
from flowmake.core.text import safe_line, safe_text
from flowmake.observers.wording import BAD, how_it_ended, message_beside

_NO_XML = expression("[\ufffe\uffff]")
"""What XML 1.0 forbids and `safe_text` leaves."""


class JUnit:
    """Collects the ends of tasks and hands the document to `write` when it is closed, if a run has begun by then.

    A failed task is a failure, an interrupted one an error. What was not run (fresh, or an upstream failed) is
    skipped, and so is a failure that is allowed. `flow` is the name of the suite.
    """

    def __init__(self, flow: str, write: Callable[[bytes], object]) -> None:
        self._flow = flow
        self._write = write
        self._tasks: dict[str, TaskFinished] = {}
        self._begin: RunStarted | None = None
        self._end: RunFinished | None = None

    def on_event(self, event: Event) -> None:
        """Keep it."""
        match event:
            case RunStarted():
                self._begin = event
            case TaskFinished():
                self._tasks[event.task] = event
            case RunFinished():
                self._end = event

    def on_tick(self, now: float) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Write, once."""
        begin, self._begin = self._begin, None
        if begin is not None:
            self._write(self._document(begin))

    def _document(self, begin: RunStarted) -> bytes:
        cases = [_case(event, self._flow) for event in self._tasks.values()]
        facts = {
            "name": _line(self._flow),
            "tests": str(len(cases)),
            "failures": _count(cases, "failure"),
            "errors": _count(cases, "error"),
            "time": _seconds(self._end.seconds if self._end is not None else 0.0),
        }
        suites = ET.Element("testsuites", facts)
        moment = datetime.fromtimestamp(begin.time, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        suite = ET.SubElement(suites, "testsuite", {**facts, "skipped": _count(cases, "skipped"), "timestamp": moment})
        properties = ET.SubElement(suite, "properties")
        ET.SubElement(properties, "property", {"name": "run", "value": _line(begin.run)})
        suite.extend(cases)
        ET.indent(suites)
        text = ET.tostring(suites, "unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _count(cases: list[ET.Element], kind: str) -> str:
    return str(sum(case.find(kind) is not None for case in cases))


def _case(event: TaskFinished, flow: str) -> ET.Element:
    """Instances of a `foreach` are the cases of a class of its name."""
    group = f"{_line(flow)}.{_line(event.task.partition('@')[0])}"
    case = ET.Element("testcase", {"classname": group, "name": _line(event.task), "time": _seconds(event.seconds)})
    if event.status in BAD:
        _add_failure(case, event)
    elif event.status in ("fresh", "skipped"):
        why = "fresh: nothing it depends on has changed" if event.status == "fresh" else "something it needs failed"
        ET.SubElement(case, "skipped", {"message": why})
    if event.status in BAD and event.log:
        ET.SubElement(case, "system-err").text = f"log: {_line(event.log)}"
    return case


def _add_failure(case: ET.Element, event: TaskFinished) -> None:
    ended = _line(how_it_ended(event))
    if event.allowed:
        ET.SubElement(case, "skipped", {"message": f"failed, which is allowed: {ended}"})
        return
    kind = "error" if event.status == "interrupted" else "failure"
    beside = _line(message_beside(event))
    element = ET.SubElement(case, kind, {"message": f"{ended}: {beside}" if beside else ended, "type": event.status})
    element.text = "\n".join(_text(line) for line in event.tail)


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _line(text: str) -> str:
    return _NO_XML.sub("\ufffd", safe_line(text))


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", safe_text(text))
