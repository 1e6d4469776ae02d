from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flowmake.core.events import RunFinished, RunStarted, TaskFinished
from flowmake.core.model import Hooks as Declared
from flowmake.observers.hooks import Hooks

SCHEMA = Path(__file__).parents[3] / "docs" / "reference" / "hook.schema.json"
ALL = Declared("say success", "say failure", "say recovery", "say finally")


class Shell:
    """Notes what it was asked to run; a command of the form `exit N` ends so, `missing` cannot start."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, text: str, stdin: bytes) -> int:
        if text == "missing":
            raise FileNotFoundError(2, "No such file or directory")
        self.calls.append((text, json.loads(stdin)))
        return int(text.split()[1]) if text.startswith("exit") else 0

    def commands(self) -> list[str]:
        return [text for text, _ in self.calls]


@pytest.fixture
def run(event: Any) -> Any:
    def play(
        hooks: Declared, status: str, *tasks: dict[str, Any], previous_failed: bool = False, **options: Any
    ) -> tuple[Shell, list[str]]:
        shell, told = Shell(), list[str]()
        observer = Hooks(hooks, shell, told.append, previous_failed=previous_failed, flow="weather", **options)
        observer.on_event(event(RunStarted, targets=("all",), jobs=1, argv=("flowmake", "run"), expected=2))
        counts: dict[str, int] = {}
        for task in tasks:
            observer.on_event(event(TaskFinished, **task))
            counts[task["status"]] = counts.get(task["status"], 0) + 1
        code = {"failed": 1, "interrupted": 130}.get(status, 0)
        observer.on_event(event(RunFinished, status=status, exit_code=code, counts=counts, seconds=2.5))
        observer.on_tick(0.0)
        observer.close()
        observer.close()
        return shell, told

    return play


GOOD = {"task": "a", "status": "succeeded", "exit_code": 0, "seconds": 1.0, "log": "a.log"}
BAD = {"task": "b", "status": "failed", "exit_code": 2, "seconds": 1.5, "log": "b.log"}
FRESH = {"task": "c", "status": "fresh"}
CUT = {"task": "d", "status": "interrupted", "signal": 2}


@pytest.mark.parametrize(
    ("status", "tasks", "previous_failed", "commands"),
    [
        ("succeeded", [GOOD], False, ["say success", "say finally"]),
        ("succeeded", [GOOD], True, ["say success", "say recovery", "say finally"]),
        ("succeeded", [{**BAD, "allowed": True}], False, ["say success", "say finally"]),
        ("succeeded", [{"task": "a", "status": "restored"}], False, ["say success", "say finally"]),
        ("failed", [GOOD, BAD], True, ["say failure", "say finally"]),
        ("failed", [], False, ["say failure", "say finally"]),
        ("nothing_to_do", [FRESH], True, []),
        ("interrupted", [CUT], False, ["say failure", "say finally"]),
        ("interrupted", [], False, ["say finally"]),
    ],
)
def test_which_hooks_are_called(
    run: Any, status: str, tasks: list[dict[str, Any]], previous_failed: bool, commands: list[str]
) -> None:
    shell, told = run(ALL, status, *tasks, previous_failed=previous_failed)
    assert (shell.commands(), told) == (commands, [])


def test_the_summary_says_it_all(run: Any) -> None:
    shell, _ = run(Declared(on_failure="notify"), "failed", GOOD, BAD, FRESH)
    assert shell.calls == [
        (
            "notify",
            {
                "v": 1,
                "flow": "weather",
                "run": "r1",
                "started": "2023-11-14T22:13:20.250Z",
                "finished": "2023-11-14T22:13:20.250Z",
                "targets": ["all"],
                "argv": ["flowmake", "run"],
                "status": "failed",
                "exit_code": 1,
                "counts": {"succeeded": 1, "failed": 1, "fresh": 1},
                "seconds": 2.5,
                "failed": [
                    {
                        "task": "b",
                        "status": "failed",
                        "exit_code": 2,
                        "signal": None,
                        "seconds": 1.5,
                        "log": "b.log",
                        "message": "exit code 2",
                    }
                ],
            },
        )
    ]


def test_instances_share_the_hooks_of_their_task(run: Any) -> None:
    some = [GOOD | {"task": "a@1"}, BAD | {"task": "a@2,x"}]
    shell, _ = run(Declared(), "failed", *some, tasks={"a": ("a-good", "a-bad")})
    assert shell.commands() == ["a-good", "a-bad"]


def test_tasks_have_hooks_of_their_own(run: Any) -> None:
    tasks = {"a": ("a-good", "a-bad"), "b": ("", "b-bad"), "c": ("c-good", "c-bad")}
    shell, told = run(Declared(), "failed", GOOD, BAD, FRESH, tasks=tasks)
    assert shell.commands() == ["a-good", "b-bad"]
    facts = shell.calls[1][1]
    assert (facts["task"], facts["status"], facts["exit_code"], facts["flow"]) == ("b", "failed", 2, "weather")
    assert told == []


def test_summaries_fit_their_schema(run: Any) -> None:
    shell, _ = run(ALL, "failed", GOOD, BAD, tasks={"a": ("a-good", ""), "b": ("", "b-bad")})
    assert len(shell.calls) == 4
    for _, summary in shell.calls:
        jsonschema.validate(summary, json.loads(SCHEMA.read_text()), jsonschema.Draft202012Validator)


def test_a_failing_hook_is_reported_and_the_others_still_run(run: Any) -> None:
    hooks = Declared(on_success="exit 3", on_recovery="missing", finally_="say finally")
    shell, told = run(hooks, "succeeded", GOOD, previous_failed=True, tasks={"a": ("exit 7", "")})
    assert shell.commands() == ["exit 7", "exit 3", "say finally"]
    assert told == [
        "`on_success` of `a` failed with exit code 7",
        "hook `on_success` failed with exit code 3",
        "hook `on_recovery` could not be started: No such file or directory",
    ]


def test_a_slow_hook_does_not_hold_up_the_run(event: Any) -> None:
    release, called = threading.Event(), list[str]()

    def slow(text: str, stdin: bytes) -> int:
        assert release.wait(30)
        called.append(text)
        return 0

    observer = Hooks(Declared(), slow, pytest.fail, tasks={"a": ("slow", ""), "b": ("", "slow too")})
    observer.on_event(event(TaskFinished, **GOOD))
    observer.on_event(event(TaskFinished, **BAD))
    assert called == []
    release.set()
    observer.close()
    assert called == ["slow", "slow too"]


def test_a_real_command_gets_the_summary_on_stdin(event: Any, tmp_path: Any) -> None:
    def shell(text: str, stdin: bytes) -> int:
        return subprocess.run(["sh", "-c", text], input=stdin, check=False, cwd=tmp_path).returncode

    observer = Hooks(Declared(finally_="cat > summary.json"), shell, pytest.fail)
    observer.on_event(event(RunFinished, status="failed", exit_code=1, counts={"failed": 1}, seconds=1.0))
    observer.close()
    assert json.loads((tmp_path / "summary.json").read_text())["exit_code"] == 1
