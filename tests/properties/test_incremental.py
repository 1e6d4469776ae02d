"""After any edits and accidents, a run leaves what a clean build leaves, and has run exactly what had to run."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

import flowmake
from tests.answers import run
from tests.properties.machine import INVOCATION, Edits
from tests.properties.oracle import Fate

SALTS = st.sampled_from("012")
WHEN = st.sampled_from(["first", "last"])


class Accidents(Edits):
    """Tasks that fail for a while, are tried again, or always run; runs that are killed or stopped in the middle."""

    @rule(data=st.data(), retries=st.integers(0, 1), always=st.booleans())
    def change_policy(self, data: st.DataObject, retries: int, always: bool) -> None:
        """None of which is part of what a task is judged by."""
        self.oracle.change(self._draw_task(data), retries=retries, always=always)

    @rule(data=st.data(), salt=SALTS, what=st.sampled_from(["fails", "stumbles"]), when=WHEN)
    def doom(self, data: st.DataObject, salt: str, what: str, when: str) -> None:
        """A command that fails is tried in place of one that did not, which comes back; its fate may still hold."""
        name = self._draw_task(data)
        before = self.oracle.specs[name].salt
        self.oracle.change(name, salt=salt)
        self.oracle.fates[name] = Fate(what, when)
        self.check(jobs=2)
        self.oracle.change(name, salt=before)
        self.check(jobs=1)

    @precondition(lambda self: self.oracle.fates)
    @rule(data=st.data())
    def spare(self, data: st.DataObject) -> None:
        self.oracle.spare(data.draw(st.sampled_from(sorted(self.oracle.fates))))

    @rule(data=st.data(), salt=SALTS, what=st.sampled_from(["kills", "stops"]), when=WHEN)
    def cut_short(self, data: st.DataObject, salt: str, what: str, when: str) -> None:
        """One task at a time, so that it is known which were done; if that task need not run, nothing happens.

        The command is as before afterwards: whatever is left of the attempt must not count for it.
        """
        name = self._draw_task(data)
        before = self.oracle.specs[name].salt
        self.oracle.change(name, salt=salt)
        self.oracle.fates[name] = Fate(what, when)
        self.oracle.write_flowfile()
        take_note = self.oracle.run_cut_short(name)
        status = in_a_process_of_its_own(self._run_one_by_one)
        event(f"a run cut short: {status}")
        assert status in (0, 1, -signal.SIGKILL, 128 + signal.SIGTERM)
        take_note()
        self.oracle.spare(name)
        self.oracle.change(name, salt=before)
        self.check(jobs=1)

    def _run_one_by_one(self) -> int:
        options = flowmake.RunOptions(jobs=1, keep_going=True)
        return run(self.root, INVOCATION, lambda event: None, options)[0].exit_code

    def _draw_task(self, data: st.DataObject) -> str:
        name: str = data.draw(st.sampled_from(sorted(self.oracle.specs)))
        return name


def in_a_process_of_its_own(work: Callable[[], int]) -> int:
    """Its exit code, or minus the signal that ended it. A fork: to start Python anew would take most of the time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads, none of which holds a lock
        child = os.fork()
    if child == 0:
        try:
            os._exit(work())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("machine", [Edits, Accidents])
def test_incremental_builds_equal_clean_builds_and_run_nothing_needlessly(
    machine: type[RuleBasedStateMachine],
) -> None:
    run_state_machine_as_test(machine, settings=_settings(examples=80, steps=15))


@pytest.mark.slow
@pytest.mark.parametrize("machine", [Edits, Accidents])
def test_hundreds_of_edit_sequences(machine: type[RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(machine, settings=_settings(examples=400, steps=30))


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
