"""What the fate of a job says of an attempt that never told how it ended."""

from __future__ import annotations

import pytest

from flowmake.core.ports import Ended
from flowmake.engine.executors.slurmends import unbegun, without_result
from flowmake.world.slurm import LOST, Fate


@pytest.mark.parametrize("state", [*sorted(LOST), "FAILED", "COMPLETED", ""])
def test_what_comes_from_the_machine_may_be_repeated(state: str) -> None:
    why = state.lower() or "unknown to Slurm"
    assert without_result("t", Fate(state), wish=None) == Ended(
        "t", error=f"its job ended without a result ({why})", lost=True
    )
    assert unbegun("t", Fate(state), "", wish=None) == Ended(
        "t", error=f"its job ended before the command began ({why})", lost=True
    )


@pytest.mark.parametrize("state", ["TIMEOUT", "OUT_OF_MEMORY", "CANCELLED"])
def test_what_somebody_asked_for_is_not_repeated(state: str) -> None:
    assert not without_result("t", Fate(state), wish=None).lost
    assert not unbegun("t", Fate(state), "", wish=None).lost


def test_the_end_of_its_time_is_a_timeout_and_names_the_resource() -> None:
    ended = without_result("t", Fate("TIMEOUT"), wish=None)
    assert ended.timed_out
    assert "`time` in `resources`" in ended.error
    assert "`mem` in `resources`" in without_result("t", Fate("OUT_OF_MEMORY"), wish=None).error


def test_the_last_words_of_a_job_tell_why_it_did_not_begin() -> None:
    ended = unbegun("t", Fate("FAILED"), "python: not found", wish=None)
    assert ended.error == "its job ended before the command began (failed: python: not found)"


@pytest.mark.parametrize(("wish", "number"), [(False, 15), (True, 9)])
@pytest.mark.parametrize("state", ["CANCELLED", "FAILED", ""])
def test_what_was_to_stop_was_stopped(state: str, wish: bool, number: int) -> None:
    stopped = Ended("t", signal=number)
    assert unbegun("t", Fate(state), "words", wish=wish) == without_result("t", Fate(state), wish=wish) == stopped
