"""Hooks: what they are told, when they are called, and that their own failure is told but changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

TASK = '[tasks.job]\ninputs = ["in.txt"]\nrun = "grep -q yes in.txt"\n'


def _hooks(*names: str) -> str:
    return "[hooks]\n" + "".join(f'{name} = "cat > {name}.json"\n' for name in names)


@pytest.fixture
def flow(project: Any) -> Any:
    """A task that succeeds if `in.txt` says yes, and hooks that keep what they are told."""
    project.flowfile(_hooks("on_success", "on_failure", "on_recovery", "finally") + TASK)
    return project


def _called(project: Any) -> list[str]:
    """The hooks called since the last time."""
    found = sorted(project.root.glob("*.json"))
    for path in found:
        path.unlink()
    return [path.stem for path in found]


def test_which_hooks_are_called(flow: Any) -> None:
    flow.write("in.txt", "yes\n")
    assert (flow.run("run").code, _called(flow)) == (0, ["finally", "on_success"])
    assert (flow.run("run").code, _called(flow)) == (0, [])
    flow.write("in.txt", "no\n")
    assert (flow.run("run").code, _called(flow)) == (1, ["finally", "on_failure"])
    assert (flow.run("run").code, _called(flow)) == (1, ["finally", "on_failure"])
    flow.write("in.txt", "yes indeed\n")
    assert (flow.run("run").code, _called(flow)) == (0, ["finally", "on_recovery", "on_success"])


def test_what_a_hook_is_told(flow: Any) -> None:
    flow.write("in.txt", "no\n")
    flow.run("run", "job")
    told = json.loads(flow.read("on_failure.json"))
    assert (told["v"], told["status"], told["exit_code"], told["targets"]) == (1, "failed", 1, ["job"])
    assert told["counts"] == {"failed": 1}
    assert [(task["task"], task["exit_code"]) for task in told["failed"]] == [("job", 1)]


@pytest.mark.parametrize("options", [(), ("--events", "events.jsonl")])
def test_a_hook_that_fails_is_reported_and_changes_nothing(project: Any, options: tuple[str, ...]) -> None:
    project.flowfile('[hooks]\non_success = "exit 3"\n' + TASK)
    project.write("in.txt", "yes\n")
    done = project.run("run", *options)
    assert (done.code, project.scrub(done.stderr)) == (
        0,
        "[0/1] job started\n"
        "[1/1] job ✓ SECONDS\n"
        "warning: hook `on_success` failed with exit code 3\n"
        "done in SECONDS: 1 succeeded\n",
    )
