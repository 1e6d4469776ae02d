"""Outputs made elsewhere: believed when they can be seen here, waited for, given up."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from flowmake.core.ports import ABSENT, Ended, Made
from flowmake.engine.arrivals import Arrivals
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def arrivals(tmp_path: Path, clock: FakeClock) -> Arrivals:
    return Arrivals(str(tmp_path), clock)


def end(task: str = "t", **outputs: Made) -> Ended:
    return Ended(task, exit_code=0, outputs=outputs, host="n1")


def test_what_is_here_is_let_through_at_once(tmp_path: Path, arrivals: Arrivals) -> None:
    (tmp_path / "a").write_text("12345")
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    whole = Ended(
        "t", outputs={"a": Made(5, "x"), "d/": Made(0, "tree:"), "link": Made(0, "link:y"), "no": Made(0, ABSENT)}
    )
    assert list(arrivals.sift([end(), whole], 1.0)) == [end(), whole]
    assert arrivals.interval == math.inf


@pytest.mark.parametrize("before", [None, "", "123", "1234567"])
def test_a_file_is_waited_for_until_it_has_its_size(
    tmp_path: Path, arrivals: Arrivals, clock: FakeClock, before: str | None
) -> None:
    if before is not None:
        (tmp_path / "a").write_text(before)
    assert list(arrivals.sift([end(a=Made(5, "x")), end("other")], 10.0)) == [end("other")]
    assert arrivals.interval < math.inf
    clock.wait((), 5.0)
    assert list(arrivals.sift([], 10.0)) == []
    (tmp_path / "a").write_text("12345")
    assert list(arrivals.sift([], 10.0)) == [end(a=Made(5, "x"))]
    assert arrivals.interval == math.inf


def test_what_never_comes_is_lost(arrivals: Arrivals, clock: FakeClock) -> None:
    assert list(arrivals.sift([end(a=Made(5, "x"))], 10.0)) == []
    clock.wait((), 10.0)
    (given_up,) = arrivals.sift([], 10.0)
    assert given_up.error == "`a` (5 bytes on n1) did not arrive here within 10 s; see `latency_wait`"
    assert (given_up.lost, dict(given_up.outputs)) == (True, {})


def test_each_waits_by_the_latency_of_its_own_executor(arrivals: Arrivals, clock: FakeClock) -> None:
    assert list(arrivals.sift([end("slow", a=Made(5, "x"))], 100.0)) == []
    assert list(arrivals.sift([end("fast", a=Made(5, "x"))], 1.0)) == []
    clock.wait((), 1.0)
    assert [ended.task for ended in arrivals.sift([], 50.0)] == ["fast"]
