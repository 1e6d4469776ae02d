"""Metrics, read back by the parser of Prometheus' own client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flowmake.core.events import Event, RunFinished, TaskFinished
from flowmake.observers.metrics import Metrics

Make = Callable[..., Event]
TIME = 1_700_000_000.25
LAST = "flowmake_run_last_success_timestamp_seconds"


def text(event: Make, *ends: dict[str, Any], before: str = "", flow: str = "w", **end: Any) -> str:
    written: list[bytes] = []
    observer = Metrics(flow, written.append, {"old": 3.0}, before)
    for task in ends:
        observer.on_event(event(TaskFinished, **task))
    finished = {"status": "succeeded", "exit_code": 0, "counts": {}, "seconds": 4.5}
    observer.on_event(event(RunFinished, **(finished | end)))
    observer.on_tick(1.0)
    observer.close()
    observer.close()
    assert len(written) == 1
    return written[0].decode()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels, in the order of the labels' names."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        for sample in family.samples:
            found[sample.name, *(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


def test_the_run(event: Make) -> None:
    found = samples(text(event, counts={"succeeded": 2, "fresh": 1}))
    assert found == {
        ("flowmake_run_success", "w"): 1,
        ("flowmake_run_exit_code", "w"): 0,
        ("flowmake_run_duration_seconds", "w"): 4.5,
        ("flowmake_run_last_completion_timestamp_seconds", "w"): TIME,
        (LAST, "w"): TIME,
        ("flowmake_run_tasks", "w", "succeeded"): 2,
        ("flowmake_run_tasks", "w", "fresh"): 1,
        **{("flowmake_run_tasks", "w", status): 0 for status in ("failed", "timed_out", "interrupted")},
        **{("flowmake_run_tasks", "w", status): 0 for status in ("skipped", "restored")},
    }


def test_tasks_whether_they_ran_or_not(event: Make) -> None:
    found = samples(
        text(
            event,
            {"task": "a", "status": "succeeded", "seconds": 1.25, "attempt": 1},
            {"task": "b", "status": "failed", "seconds": 0.5, "attempt": 2},
            {"task": "old", "status": "fresh"},
            {"task": "new", "status": "skipped"},
        )
    )
    tasks = {key: value for key, value in found.items() if "_task_" in key[0]}
    assert tasks == {
        ("flowmake_task_duration_seconds", "w", "a"): 1.25,
        ("flowmake_task_duration_seconds", "w", "b"): 0.5,
        ("flowmake_task_duration_seconds", "w", "old"): 3,
        ("flowmake_task_success", "w", "a"): 1,
        ("flowmake_task_success", "w", "b"): 0,
        ("flowmake_task_success", "w", "old"): 1,
        ("flowmake_task_success", "w", "new"): 0,
    }


def test_a_failure_does_not_forget_the_last_success(event: Make) -> None:
    good = text(event, status="nothing_to_do", flow='a "b" \\ c')
    bad = text(event, status="failed", exit_code=1, before=good, flow='a "b" \\ c')
    found = samples(bad)
    assert found["flowmake_run_success", 'a "b" \\ c'] == 0
    assert found["flowmake_run_exit_code", 'a "b" \\ c'] == 1
    assert found[LAST, 'a "b" \\ c'] == TIME


@pytest.mark.parametrize("before", ["", "nonsense\n\x00", f'{LAST}{{flow="other"}} 5\n', f'{LAST}{{flow="w"}} e.e\n'])
def test_where_there_was_no_success_there_is_no_time_of_it(event: Make, before: str) -> None:
    assert (LAST, "w") not in samples(text(event, status="interrupted", exit_code=130, before=before))


def test_any_name_can_be_a_label(event: Make) -> None:
    name = 'x@"\\\n\x1b[1m{},é\udcff'
    found = samples(text(event, {"task": name, "status": "succeeded", "seconds": 1.0, "attempt": 1}))
    assert found["flowmake_task_duration_seconds", "w", 'x@"\\\\n\\x1b[1m{},é\ufffd'] == 1


def test_a_run_without_an_end_leaves_the_file_as_it_is(event: Make) -> None:
    written: list[bytes] = []
    observer = Metrics("w", written.append, {})
    observer.on_event(event(TaskFinished, task="a", status="succeeded"))
    observer.close()
    assert written == []
