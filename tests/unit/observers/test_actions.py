from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowmake.core.events import Notice, RunStarted, TaskFinished
from flowmake.observers import actions
from flowmake.observers.actions import Actions
from tests.workflow import Step

TOKEN = "a-token-that-nobody-guesses"


class Said:
    """A listener that prints what it is given to print."""

    def __init__(self, stream: Any, text: str = "") -> None:
        self.stream, self.text, self.ticks = stream, text, 0

    def on_event(self, event: Any) -> None:
        self.stream.write(self.text)

    def on_tick(self, now: float) -> None:
        self.ticks += 1

    def close(self) -> None:
        self.stream.write("the end\n")


@pytest.fixture
def step(stream: Any, event: Callable[..., Any]) -> Callable[..., Step]:
    """What GitHub makes of these events, with `said` printed at each of them."""

    def make(*events: tuple[type, dict[str, Any]], said: str = "") -> Step:
        observer = Actions(stream, [Said(stream, said)], lambda task: ("sub,dir/Flow:file", 7), TOKEN)
        for kind, fields in events:
            observer.on_event(event(kind, **fields))
        observer.close()
        return Step(stream.getvalue())

    return make


def failed(**more: Any) -> tuple[type, dict[str, Any]]:
    return TaskFinished, {"task": "bad", "status": "failed", "exit_code": 3, "seconds": 1.0, **more}


def test_a_failure_is_a_group_and_an_error_where_the_task_is(step: Any, tmp_path: Path) -> None:
    log = tmp_path / "bad.log"
    log.write_text("one\ntwo\n")
    found = step(failed(log=str(log), message="50% of\nit, gone: lost"))
    assert found.groups == {"log of bad": ["one", "two"]}
    assert [command.name for command in found.commands] == ["group", "endgroup", "error"]
    assert found.commands[-1].properties == {"file": "sub,dir/Flow:file", "line": "7", "title": "bad"}
    assert found.commands[-1].data == "exit code 3 after 1.0s: 50% of\\nit, gone: lost"


def test_an_allowed_failure_is_a_warning(step: Any) -> None:
    (command,) = step(failed(allowed=True)).commands
    assert (command.name, command.data) == ("warning", "exit code 3 after 1.0s")


def test_notices_become_annotations_without_a_place(step: Any) -> None:
    texts = {"info": "so it is", "warning": "look\nout", "error": "too late"}
    found = step(*((Notice, {"text": text, "level": level}) for level, text in texts.items()))
    assert [tuple(command) for command in found.commands] == [
        ("warning", {}, "look\nout"),
        ("error", {}, "too late"),
    ]


@pytest.mark.parametrize("status", ["succeeded", "fresh", "skipped", "interrupted", "restored"])
def test_what_did_not_fail_is_not_annotated(step: Any, status: str) -> None:
    assert step(failed(status=status)).commands == []


EVIL = ["::error::x", "  ::set-env name=A::b", "a ##[add-mask]x", "::stop-commands::mine", "::mine::", "::endgroup::"]


def test_nothing_that_is_printed_is_a_command(step: Any, tmp_path: Path) -> None:
    log = tmp_path / "bad.log"
    log.write_text("\n".join(EVIL))
    found = step(failed(log=str(log), task="::error::name"), said="\n".join(EVIL) + "\n")
    assert [command.name for command in found.commands] == ["group", "endgroup", "error"]
    assert found.groups == {"log of ::error::name": EVIL}
    assert found.plain == [*EVIL, "the end"]
    assert not found.is_stopped


def test_before_anything_is_printed_commands_are_stopped(step: Any, stream: Any) -> None:
    step((RunStarted, {"targets": (), "jobs": 1, "argv": (), "expected": 1}), said="hello\n")
    assert stream.getvalue() == f"::stop-commands::{TOKEN}\nhello\nthe end\n::{TOKEN}::\n"


def test_without_events_nothing_is_stopped(step: Any, stream: Any) -> None:
    step()
    assert stream.getvalue() == "the end\n"


def test_of_a_long_log_the_end_is_shown(step: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "LONGEST", 8)
    log = tmp_path / "bad.log"
    log.write_text("a" * 1024 + "\nthe end\n")
    assert step(failed(log=str(log))).groups == {"log of bad": ["(1.0 KiB left out here)", "the end"]}


def test_without_a_log_what_the_event_holds_is_shown(step: Any, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.log")
    found = step(failed(log=gone, tail=("last", "words")), failed(task="none", log=gone))
    assert found.groups == {"log of bad": ["last", "words", f"log: {gone}"]}


def test_ticks_are_passed_on(stream: Any) -> None:
    said = Said(stream)
    Actions(stream, [said], lambda task: None, TOKEN).on_tick(1.0)
    assert said.ticks == 1
