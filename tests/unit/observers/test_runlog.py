from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowmake.core.events import Notice, RunFinished, TaskFinished, TaskStarted
from flowmake.observers.runlog import RunLog

STARTED = {"task": "a", "attempt": 1, "pid": 1, "command": "x", "log": "l"}


def test_a_run_that_runs_nothing_leaves_nothing(tmp_path: Path, event: Any) -> None:
    log = RunLog(str(tmp_path / "runs" / "events.jsonl"), pytest.fail)
    log.on_event(event(TaskFinished, task="a", status="fresh"))
    log.on_event(event(RunFinished, status="nothing_to_do", exit_code=0, counts={}, seconds=0.1))
    log.on_tick(0.0)
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_once_something_runs_all_events_are_kept_from_the_first(tmp_path: Path, event: Any) -> None:
    path = tmp_path / "runs" / "events.jsonl"
    log = RunLog(str(path), pytest.fail)
    log.on_event(event(Notice, text="before"))
    log.on_event(event(TaskStarted, **STARTED))
    log.on_event(event(Notice, text="after"))
    assert path.read_text() == ""
    log.on_tick(0.0)
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["notice", "task_started", "notice"]
    log.on_event(event(Notice, text="last"))
    log.close()
    assert len(path.read_text().splitlines()) == 4


def test_a_folder_that_cannot_be_made_is_reported_once(tmp_path: Path, event: Any) -> None:
    told: list[str] = []
    (tmp_path / "runs").write_text("a file is in the way")
    path = str(tmp_path / "runs" / "events.jsonl")
    log = RunLog(path, told.append)
    log.on_event(event(TaskStarted, **STARTED))
    log.on_event(event(TaskStarted, **STARTED))
    log.close()
    assert told == [f"cannot keep the events of this run: File exists: {path}"]


def test_a_full_disk_is_reported_once(event: Any) -> None:
    told: list[str] = []
    log = RunLog("/dev/full", told.append)
    log.on_event(event(TaskStarted, **STARTED))
    log.on_event(event(Notice, text="more"))
    log.close()
    assert told == ["cannot write events to /dev/full: No space left on device; no more events are written"]
