"""What can go wrong, as exceptions that know their exit code. Unaware of how they are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from flowmake.core.source import Place


class Problem(Struct, frozen=True):
    """One thing wrong in a Flowfile: what, where (every place involved), and what to do about it.

    `labels` says what each place shows, one for each of `places`; it may be empty.
    """

    message: str
    places: tuple[Place, ...] = ()
    hint: str = ""
    labels: tuple[str, ...] = ()


class FlowmakeError(Exception):
    """Any failure flowmake explains in a sentence; `exit_code` is what the command returns."""

    exit_code = 4

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(FlowmakeError):
    """The command was asked for something that does not exist or does not fit (exit 2)."""

    exit_code = 2


class FlowfileError(FlowmakeError):
    """The Flowfile is wrong; carries every problem found, not only the first (exit 2).

    `texts` holds the text of files that are not on disk (the output of an including program), by their shown name.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[Problem], texts: Mapping[str, str] | None = None) -> None:
        super().__init__("\n".join(problem.message for problem in problems))
        self.problems = tuple(problems)
        self.texts = dict(texts or {})


class StateError(FlowmakeError):
    """State or another file could not be read or written (exit 4)."""

    exit_code = 4


class LockBusy(FlowmakeError):
    """Another flowmake is writing in this root (exit 75, `EX_TEMPFAIL`)."""

    exit_code = 75


class MissingTool(FlowmakeError):
    """An optional program or package is needed and absent; the hint says what to install (exit 2)."""

    exit_code = 2
