"""What a run of the real command line did, read from its events: the one helper of the staleness tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.conftest import Project

RAN = ("succeeded", "failed", "timed_out", "interrupted")


def ran(project: Project, *args: str, code: int = 0, env: Mapping[str, str] | None = None) -> list[str]:
    """`flowmake run ARGS…`: the tasks that really ran, sorted."""
    return sorted(e["task"] for e in events(project, *args, code=code, env=env) if e.get("status") in RAN)


def events(project: Project, *args: str, code: int = 0, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """All events about tasks of a run that must end with `code`."""
    done = project.run("run", "--events", "-", *args, env=env)
    assert done.code == code, done.stderr
    return [event for event in map(json.loads, done.stdout.splitlines()) if "task" in event]


def reasons(project: Project, task: str, *args: str, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Why a task is stale just now, without running anything; empty if it is fresh."""
    (found,) = (found for found in statuses(project, task, *args, env=env) if found["task"] == task)
    return list(found["reasons"])


def verdicts(project: Project, *args: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The verdict on every task just now."""
    return {found["task"]: found["verdict"] for found in statuses(project, *args, env=env)}


def statuses(project: Project, *args: str, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    done = project.run("status", "--json", *args, env=env)
    assert done.code == 0, done.stderr
    return list(json.loads(done.stdout)["tasks"])
