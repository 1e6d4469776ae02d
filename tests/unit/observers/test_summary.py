from __future__ import annotations

from typing import Any

import pytest

from flowmake.core.events import RunFinished, TaskFinished
from flowmake.observers.summary import Summary


@pytest.fixture
def tell(stream: Any, event: Any) -> Any:
    def run(*tasks: dict[str, Any], quiet: bool = False, **end: Any) -> str:
        summary = Summary(stream, quiet=quiet)
        for task in tasks:
            summary.on_event(event(TaskFinished, **task))
        summary.on_event(event(RunFinished, **{"exit_code": 0, "seconds": 65.0, "counts": {}, **end}))
        summary.on_tick(0.0)
        assert stream.getvalue() == ""
        summary.close()
        summary.close()
        text: str = stream.getvalue()
        return text

    return run


BAD = {
    "task": "clean-data",
    "status": "failed",
    "exit_code": 2,
    "seconds": 1.2,
    "log": ".flowmake/logs/clean-data.log",
    "tail": (*tuple(f"line {n}" for n in range(12)), "esc \x1b[31mred"),
}


def test_nothing_to_do(tell: Any) -> None:
    assert tell(status="nothing_to_do", total=12) == "nothing to do: all 12 tasks are fresh\n"


def test_nothing_to_do_for_one(tell: Any) -> None:
    assert tell(status="nothing_to_do", total=1) == "nothing to do: the task is fresh\n"


def test_success_with_counts(tell: Any) -> None:
    counts = {"fresh": 12, "succeeded": 3, "restored": 1, "failed": 1}
    text = tell({**BAD, "allowed": True}, status="succeeded", counts=counts)
    assert text == "done in 1m 05s: 3 succeeded, 1 restored, 1 failed (1 allowed), 12 fresh\n"


def test_every_failure_is_named_with_code_log_and_last_lines(tell: Any) -> None:
    killed = {
        "task": "shot",
        "status": "failed",
        "signal": 9,
        "seconds": 3.0,
        "log": "shot.log",
        "message": "killed by SIGKILL",
    }
    late = {
        "task": "late",
        "status": "timed_out",
        "signal": 15,
        "seconds": 60.0,
        "log": "late.log",
        "message": "timed out after 60 s",
    }
    missing = {"task": "none", "status": "failed", "exit_code": 0, "message": "output `x` is missing"}
    both = {"task": "both", "status": "failed", "exit_code": 3, "seconds": 0.2, "message": "the pool process died"}
    counts = {"failed": 4, "timed_out": 1, "skipped": 2, "succeeded": 1}
    assert tell(BAD, killed, late, missing, both, status="failed", exit_code=1, counts=counts) == (
        "failed: `clean-data`: exit code 2 after 1.2s\n"
        "    line 3\n    line 4\n    line 5\n    line 6\n    line 7\n"
        "    line 8\n    line 9\n    line 10\n    line 11\n    esc red\n"
        "    log: .flowmake/logs/clean-data.log\n"
        "failed: `shot`: killed by SIGKILL after 3.0s\n"
        "    log: shot.log\n"
        "failed: `late`: timed out after 1m 00s\n"
        "    log: late.log\n"
        "failed: `none`: output `x` is missing\n"
        "failed: `both`: exit code 3 after 0.2s\n"
        "    the pool process died\n"
        "failed in 1m 05s: 1 succeeded, 4 failed, 1 timed out, 2 skipped\n"
    )


def test_logs_are_named_as_seen_from_here(tell: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = {**BAD, "tail": (), "log": str(tmp_path / ".flowmake" / "a.log")}
    there = {**BAD, "tail": (), "task": "b", "log": "/elsewhere/b.log"}
    lines = tell(here, there, status="failed", counts={"failed": 2}).splitlines()
    assert [lines[1], lines[3]] == ["    log: .flowmake/a.log", "    log: /elsewhere/b.log"]


def test_of_many_failures_all_are_named_but_not_all_quoted(tell: Any) -> None:
    tasks = [{**BAD, "task": f"t{n}", "tail": ("boom",), "log": ""} for n in range(12)]
    text = tell(*tasks, status="failed", counts={"failed": 12})
    assert text.count("failed: `t") == 12
    assert text.count("    boom\n") == 10


def test_interruption(tell: Any) -> None:
    tasks = [{"task": f"t{n}", "status": "interrupted", "signal": 2, "seconds": 1.0} for n in range(7)]
    assert tell(*tasks, status="interrupted", exit_code=130, counts={"interrupted": 7}) == (
        "interrupted: `t0`, `t1`, `t2`, `t3`, `t4` and 2 more\ninterrupted by SIGINT in 1m 05s: 7 interrupted\n"
    )


def test_interrupted_before_anything_ran(tell: Any) -> None:
    assert tell(status="interrupted", exit_code=143) == "interrupted by SIGTERM in 1m 05s: nothing was run\n"


def test_interrupted_by_the_deadline(tell: Any) -> None:
    counts = {"interrupted": 1, "skipped": 2}
    text = "interrupted by the deadline in 1m 05s: 1 interrupted, 2 skipped\n"
    assert tell(status="interrupted", exit_code=124, counts=counts) == text


@pytest.mark.parametrize(
    ("orphans", "line"),
    [
        (("a.csv",), "orphans: `a.csv` is a file that no task makes any more\n"),
        (("a.csv", "b\n"), "orphans: `a.csv`, `b\\n` are files that no task makes any more\n"),
    ],
)
def test_orphans_are_named_with_what_to_do(tell: Any, orphans: tuple[str, ...], line: str) -> None:
    text = tell(status="nothing_to_do", total=2, orphans=orphans)
    assert text == line + "hint: `flowmake clean --orphans` removes them\nnothing to do: all 2 tasks are fresh\n"


@pytest.mark.parametrize("status", ["succeeded", "nothing_to_do"])
def test_quiet_is_silent_when_all_went_well(tell: Any, status: str) -> None:
    assert tell(status=status, total=2, counts={"succeeded": 2}, orphans=("a",), quiet=True) == ""


def test_quiet_still_tells_failures(tell: Any) -> None:
    text = tell({**BAD, "tail": ()}, status="failed", counts={"failed": 1}, orphans=("a",), quiet=True)
    assert text == (
        "failed: `clean-data`: exit code 2 after 1.2s\n    log: .flowmake/logs/clean-data.log\n"
        "failed in 1m 05s: 1 failed\n"
    )


def test_without_an_end_there_is_nothing_to_close_with(stream: Any) -> None:
    Summary(stream).close()
    assert stream.getvalue() == ""


def test_colours_add_nothing_to_the_meaning(stream: Any, event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    summary = Summary(stream)
    summary.on_event(event(RunFinished, status="succeeded", exit_code=0, counts={"succeeded": 1}, seconds=1.0))
    summary.close()
    assert stream.getvalue() == "\x1b[1;32mdone\x1b[0m in 1.0s: 1 succeeded\n"
