"""How attempts ended of which no result will come, by what became of their jobs. Asks nobody."""

from __future__ import annotations

from flowmake.core.ports import Ended
from flowmake.world.slurm import Fate

_OWN_FAULT = ("TIMEOUT", "OUT_OF_MEMORY")


def unbegun(task: str, fate: Fate, words: str, *, wish: bool | None) -> Ended:
    """Its job is gone, and nobody had begun with it.

    `words` is the last that was heard of the job, `wish` whether it was to be stopped (True: killed).
    """
    if wish is not None:
        return _stopped(task, kill=wish)
    if fate.state == "CANCELLED":
        return Ended(task, error="cancelled in Slurm before it began")
    why = _in_words(fate) + (f": {words}" if words else "")
    return Ended(task, error=f"its job ended before the command began ({why})", lost=fate.state not in _OWN_FAULT)


def without_result(task: str, fate: Fate, *, wish: bool | None) -> Ended:
    """Its job is gone, and nothing else will ever be heard of what somebody had begun with."""
    if wish is not None:
        return _stopped(task, kill=wish)
    match fate.state:
        case "CANCELLED":
            return Ended(task, error="cancelled in Slurm")
        case "TIMEOUT" | "DEADLINE":
            return Ended(task, error="its job came to the end of its time (`time` in `resources`)", timed_out=True)
        case "OUT_OF_MEMORY":
            return Ended(task, error="its job ran out of memory (`mem` in `resources`)")
        case _:
            # A command that fails is no failure of its job: that comes from the machine, or from what runs the command.
            return Ended(task, error=f"its job ended without a result ({_in_words(fate)})", lost=True)


def _stopped(task: str, *, kill: bool) -> Ended:
    return Ended(task, signal=9 if kill else 15)


def _in_words(fate: Fate) -> str:
    return fate.state.lower() or "unknown to Slurm"
