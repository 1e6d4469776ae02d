"""Why a task is stale, told in full: a line for each reason, the word diff of a changed recipe. Unaware of plans."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal

from flowmake.core.staleness import Fresh, Reason, Stale, Verdict, Waiting
from flowmake.core.text import to_ascii
from flowmake.core.wording import diff_lines, is_changed, marked, reason_sentence, waiting_sentence

Style = Literal["", "old", "new"]
Line = tuple[tuple[Style, str], ...]
"""A line in pieces, each with what it stands for in a diff."""


def sentence(reason: Reason | Mapping[str, Any], *, ascii_only: bool = False) -> str:
    """One line for a reason, such as `input changed: data/raw.csv (3f2a1b → 99ab01)`."""
    text = reason_sentence(reason)
    return to_ascii(text) if ascii_only else text


def verdict_lines(verdict: Verdict, limit: int = 10) -> list[str]:
    """A verdict in a few lines; reasons past `limit` are counted."""
    match verdict:
        case Stale(reasons):
            lines = [reason_sentence(reason) for reason in reasons[:limit]]
            return [*lines, f"and {len(reasons) - limit} more"] if len(reasons) > limit else lines
        case Waiting(on):
            return [waiting_sentence(on)]
        case Fresh():
            return ["fresh"]


def explain(reasons: Sequence[Reason | Mapping[str, Any]], *, context: int = 1) -> Iterator[Line]:
    """Every reason in full: a changed recipe with its diff, `context` unchanged lines around each change."""
    for reason in reasons:
        facts = reason.as_dict() if isinstance(reason, Reason) else reason
        if facts["kind"] != "recipe_changed":
            yield (("", reason_sentence(facts)),)
            continue
        yield (("", "recipe changed:"),)
        yield from recipe_diff(facts["old"], facts["new"], context)


def recipe_diff(old: str, new: str, context: int = 1) -> Iterator[Line]:
    """The lines of a recipe that changed, indented, with `…` for what is left out between them."""
    lines = diff_lines(old, new)
    near = {
        other
        for index, line in enumerate(lines)
        if is_changed(line)
        for other in range(index - context, index + context + 1)
    }
    skipped = False
    for index, line in enumerate(lines):
        if index in near:
            yield (("", "    "), *(_piece(kind, text) for kind, text in line))
        elif not skipped:
            yield (("", "    …"),)
        skipped = index not in near


def likeness(reasons: Sequence[Reason | Mapping[str, Any]]) -> Hashable:
    """The same for reasons that can be told about together: a recipe counts by the words that changed in it."""
    return tuple(_likeness(reason.as_dict() if isinstance(reason, Reason) else reason) for reason in reasons)


def _likeness(facts: Mapping[str, Any]) -> Hashable:
    if facts["kind"] != "recipe_changed":
        return tuple(facts.items())
    lines = diff_lines(facts["old"], facts["new"])
    return tuple(piece for line in lines for piece in line if piece[0] != "same")


def plain(line: Line) -> str:
    """A line as text that needs no colour."""
    return "".join(marked([("same" if style == "" else style, text)]) for style, text in line)


def _piece(kind: str, text: str) -> tuple[Style, str]:
    return ("old" if kind == "old" else "new" if kind == "new" else ""), text
