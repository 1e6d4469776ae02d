from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from flowmake.core.events import (
    Event,
    Notice,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskJudged,
    TaskQueued,
    TaskRetrying,
    TasksFound,
    TaskStarted,
)
from flowmake.core.staleness import Reason, ReasonKind
from flowmake.observers.eventschema import schema
from flowmake.observers.jsonl import Jsonl, as_dict, event_name, iso_time

STORED = Path(__file__).parents[3] / "docs" / "reference" / "events.schema.json"

CASES: list[tuple[type[Event], dict[str, Any], str]] = [
    (
        RunStarted,
        {"targets": ("report",), "jobs": 4, "argv": ("flowmake", "run"), "expected": 3, "fresh": ("a", "b")},
        '"event":"run_started","targets":["report"],"jobs":4,"argv":["flowmake","run"],"expected":3,"fresh":["a","b"]',
    ),
    (TasksFound, {"by": "split", "count": 2}, '"event":"tasks_found","by":"split","count":2'),
    (
        TaskJudged,
        {"task": "a", "verdict": "stale", "reasons": ({"kind": "input_added", "path": "x"},), "estimate": 1.5},
        '"event":"task_judged","task":"a","verdict":"stale","reasons":[{"kind":"input_added","path":"x"}],"estimate":1.5',
    ),
    (
        TaskQueued,
        {"task": "a", "attempt": 2, "executor": "slurm"},
        '"event":"task_queued","task":"a","attempt":2,"executor":"slurm"',
    ),
    (
        TaskStarted,
        {"task": "a", "attempt": 1, "pid": 42, "command": "echo 'hi'\n", "log": "a.log", "description": "d"},
        '"event":"task_started","task":"a","attempt":1,"pid":42,"command":"echo \'hi\'\\n","log":"a.log",'
        '"description":"d","estimate":null,"console":false',
    ),
    (
        TaskRetrying,
        {"task": "a", "attempt": 1, "delay": 5.0, "exit_code": 75},
        '"event":"task_retrying","task":"a","attempt":1,"delay":5.0,"exit_code":75,"signal":null,"timed_out":false',
    ),
    (
        TaskFinished,
        {"task": "a", "status": "succeeded", "exit_code": 0, "seconds": 1.25, "outputs": {"x": "00ff"}, "log": "a.log"},
        '"event":"task_finished","task":"a","status":"succeeded","exit_code":0,"signal":null,"seconds":1.25,'
        '"outputs":{"x":"00ff"},"log":"a.log","attempt":0,"message":"","tail":[],"allowed":false,"cut_off":false,'
        '"host":""',
    ),
    (Notice, {"text": "mind the gap"}, '"event":"notice","text":"mind the gap","level":"info","task":""'),
    (
        RunFinished,
        {"status": "failed", "exit_code": 1, "counts": {"failed": 1}, "seconds": 2.0, "orphans": ("old",)},
        '"event":"run_finished","status":"failed","exit_code":1,"counts":{"failed":1},"seconds":2.0,"total":0,'
        '"orphans":["old"]',
    ),
]


def without_prefix(line: bytes) -> str:
    prefix = '{"v":1,"event":'
    text = line.decode()
    assert text.startswith(prefix)
    assert text.endswith("}\n")
    name, comma, rest = text[len(prefix) : -2].partition(',"time":"2023-11-14T22:13:20.250Z","run":"r1",')
    assert comma
    return f'"event":{name},{rest}'


@pytest.mark.parametrize(("kind", "fields", "line"), CASES, ids=[kind.__name__ for kind, _, _ in CASES])
def test_each_event_is_one_whole_line_that_fits_the_schema(event: Any, kind: Any, fields: Any, line: str) -> None:
    stream = io.BytesIO()
    Jsonl(stream, pytest.fail).on_event(event(kind, **fields))
    assert without_prefix(stream.getvalue()) == line
    jsonschema.validate(json.loads(stream.getvalue()), schema(), jsonschema.Draft202012Validator)


def test_every_kind_of_event_is_tried_here() -> None:
    assert {kind for kind, _, _ in CASES} == set(Event.__subclasses__())


def test_the_stored_schema_is_the_one_made_from_the_structs() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(STORED.read_text()) == schema()


@pytest.mark.parametrize(
    "change", [{"v": 2}, {"event": "task_started"}, {"status": "great"}, {"time": "2023-11-14 22:13:20"}, {"task": 1}]
)
def test_the_schema_refuses_what_is_wrong(event: Any, change: dict[str, Any]) -> None:
    fields = json.loads(json.dumps(as_dict(event(TaskFinished, task="a", status="succeeded"))))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**fields, **change}, schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize("kind", get_args(ReasonKind))
def test_every_reason_fits_the_schema_and_only_whole(event: Any, kind: ReasonKind) -> None:
    reason = Reason(kind).as_dict()
    fields = json.loads(json.dumps(as_dict(event(TaskJudged, task="a", verdict="stale", reasons=(reason,)))))
    jsonschema.validate(fields, schema(), jsonschema.Draft202012Validator)
    fields["reasons"][0].popitem()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(fields, schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000.9996, "2023-11-14T22:13:20.999Z"),
        (1_700_000_001, "2023-11-14T22:13:21.000Z"),
    ],
)
def test_times_are_utc_with_milliseconds(seconds: float, text: str) -> None:
    assert iso_time(seconds) == text


def test_names_are_those_of_the_structs() -> None:
    assert [event_name(kind) for kind in (TaskFinished, TasksFound, Notice)] == [
        "task_finished",
        "tasks_found",
        "notice",
    ]


def test_paths_that_are_not_utf8_come_back_as_they_were(event: Any) -> None:
    stream = io.BytesIO()
    path = os.fsdecode(b"caf\xe9")
    Jsonl(stream, pytest.fail).on_event(event(TaskFinished, task="a", status="succeeded", outputs={path: "00"}))
    [back] = json.loads(stream.getvalue())["outputs"]
    assert os.fsencode(back) == b"caf\xe9"


def test_lines_are_there_at_once(tmp_path: Path, event: Any) -> None:
    with open(tmp_path / "events", "wb") as stream:
        observer = Jsonl(stream, pytest.fail)
        for number in range(3):
            observer.on_event(event(Notice, text=str(number)))
            observer.on_tick(0.0)
            lines = (tmp_path / "events").read_bytes().splitlines()
            assert [msgspec.json.decode(line)["text"] for line in lines] == [str(n) for n in range(number + 1)]
        observer.close()


def test_short_writes_are_continued(event: Any) -> None:
    class Narrow(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data[:7]))

    stream = Narrow()
    Jsonl(stream, pytest.fail).on_event(event(Notice, text="a text longer than seven"))
    assert json.loads(stream.getvalue())["text"] == "a text longer than seven"


def test_a_full_disk_is_reported_once(event: Any) -> None:
    told: list[str] = []
    with open("/dev/full", "wb", buffering=0) as stream:
        observer = Jsonl(stream, told.append, "`events.jsonl`")
        observer.on_event(event(Notice, text="a"))
        observer.on_event(event(Notice, text="b"))
        observer.close()
    assert told == ["cannot write events to `events.jsonl`: No space left on device; no more events are written"]


def test_a_closed_pipe_is_reported_once(event: Any) -> None:
    told: list[str] = []
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as stream:
        observer = Jsonl(stream, told.append, "stdout")
        observer.on_event(event(Notice, text="a"))
        observer.on_event(event(Notice, text="b"))
        observer.close()
    assert told == ["cannot write events to stdout: Broken pipe; no more events are written"]


def test_a_closed_stream_is_reported_once(event: Any) -> None:
    told: list[str] = []
    stream = io.BytesIO()
    stream.close()
    observer = Jsonl(stream, told.append)
    observer.on_event(event(Notice, text="a"))
    observer.close()
    assert told == [
        "cannot write events to the event stream: I/O operation on closed file.; no more events are written"
    ]
