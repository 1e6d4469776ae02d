"""How a judged task stands, in one word. Judges nothing."""

from __future__ import annotations

from typing import Literal

from flowmake.core.plan import Judgement
from flowmake.core.staleness import Fresh, Stale, Verdict, Waiting

VerdictWord = Literal["fresh", "stale", "waiting"]
State = Literal["fresh", "stale", "waiting", "queued", "running", "failed"]


def verdict_word(verdict: Verdict) -> VerdictWord:
    """`fresh`, `stale` or `waiting`."""
    match verdict:
        case Fresh():
            return "fresh"
        case Stale():
            return "stale"
        case Waiting():
            return "waiting"


def state_of(judgement: Judgement, *, running: bool) -> State:
    """The verdict, unless it tells more that the task runs at this moment or queues, or failed and is stale for that.

    `running`: some flowmake is at work in this root; without one, a task recorded as running was interrupted.
    """
    attempt = judgement.attempt
    if attempt is not None and attempt.status == "running" and running:
        return "running" if attempt.started else "queued"
    word = verdict_word(judgement.verdict)
    if word == "stale" and attempt is not None and attempt.status in ("failed", "timed_out"):
        return "failed"
    return word
