"""Reads a command line of `flowmake run` that is right at a glance. Says of no other whether it is wrong, or why.

This is no second way of reading: whatever is more than flags, a number of jobs and targets is left to click, and what
is read here is read so there. It spares loading click, which takes a fifth of the time until a run of 1,000 tasks
starts the first one.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as from `typing`, whose import alone takes longer than all this
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

FLAGS: dict[str, tuple[str, ...]] = {
    "keep_going": ("-k", "--keep-going"),
    "fail_fast": ("--fail-fast",),
    "dry_run": ("-n", "--dry-run"),
    "force": ("-B", "--force"),
    "only": ("--only",),
    "failed": ("--failed",),
    "yes": ("-y", "--yes"),
    "quiet": ("-q", "--quiet"),
    "verbose": ("-v", "--verbose"),
}
"""The options of `run` that are there or not, by what they are called inside."""
JOBS = ("-j", "--jobs")

_NAMES = {spelling: name for name, spellings in FLAGS.items() for spelling in spellings}
_MOST_DIGITS = 6


def read(argv: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]] | None:
    """Targets and options of a run with these arguments, as click finds them; None where that is not obvious."""
    given: dict[str, Any] = {**dict.fromkeys(FLAGS, False), "jobs": None, "lock": ""}
    targets: list[str] = []
    rest = iter(argv)
    for word in rest:
        if word in _NAMES:
            given[_NAMES[word]] = True
        elif word in JOBS:
            given["jobs"] = jobs = _count(next(rest, ""))
            if not jobs:
                return None
        elif not word or word.startswith("-"):
            return None
        else:
            targets.append(word)
    return None if given["keep_going"] and given["fail_fast"] else (tuple(targets), given)


def _count(text: str) -> int:
    """A number of plain digits; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0
