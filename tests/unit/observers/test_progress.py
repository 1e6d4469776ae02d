from __future__ import annotations

from typing import Any

import pytest

from flowmake.core.events import RunStarted, TaskFinished, TaskJudged, TaskRetrying, TasksFound, TaskStarted
from flowmake.observers.progress import Progress


class Driver:
    """Feeds a progress with events in few words."""

    def __init__(self, event: Any, clock: Any, **durations: float) -> None:
        self.progress = Progress(durations, clock)
        self.event = event
        self.clock = clock

    def begin(self, expected: int, jobs: int = 1) -> None:
        self.send(RunStarted, targets=(), jobs=jobs, argv=(), expected=expected)

    def send(self, kind: Any, **fields: Any) -> None:
        self.progress.on_event(self.event(kind, **fields))

    def start(self, task: str, estimate: float | None = None) -> None:
        self.send(TaskStarted, task=task, attempt=1, pid=1, command="x", log="", estimate=estimate)

    def finish(self, task: str, status: str = "succeeded", seconds: float = 0.0, **more: Any) -> None:
        self.send(TaskFinished, task=task, status=status, seconds=seconds, **more)

    def judge(self, task: str, verdict: str = "stale", estimate: float | None = None) -> None:
        self.send(TaskJudged, task=task, verdict=verdict, estimate=estimate)

    def left(self) -> float | None:
        return self.progress.remaining(self.clock.seconds)


@pytest.fixture
def drive(event: Any, clock: Any) -> Any:
    return lambda **durations: Driver(event, clock, **durations)


def test_nothing_is_guessed_while_nothing_is_known(drive: Any) -> None:
    driver = drive()
    driver.begin(3)
    assert driver.left() is None
    driver.start("a")
    driver.finish("a", seconds=4.0)
    assert driver.left() == 8.0


def test_work_left_is_spread_over_the_jobs(drive: Any) -> None:
    driver = drive(a=10.0, b=10.0, c=4.0, d=4.0)
    driver.begin(4, jobs=2)
    assert driver.left() == 14.0
    for task in "abcd":
        driver.judge(task)
    driver.start("a")
    driver.start("b")
    assert driver.left() == 14.0
    driver.clock.seconds += 6
    assert driver.left() == 8.0


def test_it_is_never_less_than_what_the_longest_running_task_needs(drive: Any) -> None:
    driver = drive()
    driver.begin(2, jobs=8)
    driver.start("long", 60.0)
    driver.start("short", 2.0)
    assert driver.left() == 60.0
    driver.clock.seconds += 50
    assert driver.left() == 10.0
    driver.clock.seconds += 50
    assert driver.left() == 0.0


def test_unjudged_tasks_count_by_how_many_of_the_settled_ones_ran(drive: Any) -> None:
    driver = drive(x=10.0)
    driver.begin(10)
    driver.finish("a", "fresh")
    driver.finish("b", "fresh")
    driver.finish("c", "fresh")
    driver.finish("d", "succeeded", 10.0)
    assert driver.left() == 15.0


def test_a_retried_task_is_ahead_again(drive: Any) -> None:
    driver = drive()
    driver.begin(1)
    driver.start("a", 10.0)
    driver.clock.seconds += 9
    driver.send(TaskRetrying, task="a", attempt=1, delay=5.0)
    assert driver.left() == 10.0
    assert driver.progress.running == {}


def test_counts_follow_what_happens(drive: Any) -> None:
    driver = drive()
    driver.begin(1)
    driver.send(TasksFound, by="split", count=3)
    driver.start("a")
    assert list(driver.progress.running) == ["a"]
    driver.finish("a", "failed")
    driver.finish("b", "failed", allowed=True)
    driver.finish("c", "timed_out")
    progress = driver.progress
    assert (progress.total, progress.done, progress.failed, progress.running) == (4, 3, 2, {})
    driver.finish("d")
    driver.finish("e")
    assert progress.total == progress.done == 5


def test_elapsed_begins_with_the_run(drive: Any) -> None:
    driver = drive()
    driver.clock.seconds += 5
    driver.begin(1)
    driver.clock.seconds += 7
    assert driver.progress.elapsed(driver.clock.seconds) == 7.0
