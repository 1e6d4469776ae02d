"""The life of a task within one run: its states and all transitions, pictured in `docs/design/0001-task-states.md`."""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """Where a task stands; those in `SETTLED` are ends."""

    WAITING = auto()
    READY = auto()
    RUNNING = auto()
    RETRYING = auto()
    FRESH = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    TIMED_OUT = auto()
    INTERRUPTED = auto()
    SKIPPED = auto()

    __hash__ = object.__hash__  # that of `Enum` is computed from the name, each time, and every step asks for it


GOOD = frozenset({State.FRESH, State.SUCCEEDED})
SETTLED = GOOD | {State.FAILED, State.TIMED_OUT, State.INTERRUPTED, State.SKIPPED}
STATUS = {state: state.name.lower() for state in SETTLED}
"""What events and records call each end."""

_NEXT = {
    State.WAITING: frozenset({State.READY, State.FRESH, State.SKIPPED, State.FAILED}),
    # A repetition that is not started any more counts as its last attempt ended.
    State.READY: frozenset({State.RUNNING, State.SKIPPED, State.FAILED, State.TIMED_OUT}),
    State.RUNNING: frozenset({State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.INTERRUPTED, State.RETRYING}),
    State.RETRYING: frozenset({State.READY, State.FAILED, State.TIMED_OUT}),
    # A fresh task whose temporary output was removed runs after all when a stale reader needs that output.
    State.FRESH: frozenset({State.WAITING}),
}


def advance(now: State, to: State) -> State:
    """`to`, if a task may go there from `now`. Raises `ValueError` for a step that the picture does not have."""
    if to not in _NEXT.get(now, ()):
        raise ValueError(f"a task cannot go from {now.name} to {to.name}")
    return to
