"""Reasons and verdicts as sentences for people, the same ones everywhere. Unaware of colours, widths and streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from flowmake.core.expressions import expression
from flowmake.core.staleness import Reason
from flowmake.core.text import counted, duration, first_few, safe_line, safe_text

Change = Literal["same", "old", "new"]

_DIGITS = 6
_DIGEST = expression(r"^$|^[0-9a-f]+(\+x)?$|^[a-z]+:|^exists$")
_WORDS = expression(r"\s+|[^\s\w]|\w+")
_DIFF_LIMIT = 2_000
"""Words; beyond, a word diff costs more than it tells, and lines are compared instead."""

_PIECE_LIMIT = 120
"""Characters; of a longer piece of a line only both ends are shown."""

_MARKS: dict[Change, tuple[str, str]] = {"same": ("", ""), "old": ("[-", "-]"), "new": ("{+", "+}")}
_PLAIN = {
    "never_ran": "never ran",
    "last_run_failed": "the last run failed",
    "interrupted": "the last run was interrupted",
    "always": "always runs",
    "forced": "forced",
}


def reason_sentence(reason: Reason | Mapping[str, Any]) -> str:
    """One line for a reason, given as such or as its `as_dict()` form."""
    facts = reason.as_dict() if isinstance(reason, Reason) else reason
    kind = facts["kind"]
    match kind:
        case "recipe_changed":
            return f"recipe changed: {_first_change(facts['old'], facts['new'])}"
        case "env_changed":
            return f"environment changed: {safe_line(facts['name'])}"
        case "output_changed" if not facts["old"]:
            return f"output not made by the last run: {safe_line(facts['path'])}"
        case "input_changed" | "output_changed":
            what = "input changed" if kind == "input_changed" else "output edited"
            return f"{what}: {safe_line(facts['path'])} ({digest_change(facts['old'], facts['new'])})"
        case "input_added" | "input_removed" | "input_missing" | "output_missing":
            return f"{kind.replace('_', ' ')}: {safe_line(facts['path'])}"
        case "too_old":
            return f"too old: {duration(facts['age'])}, at most {duration(facts['max_age'])} allowed"
        case _:
            return _PLAIN.get(kind, str(kind).replace("_", " "))


def waiting_sentence(on: Sequence[str], shown: int = 3) -> str:
    """What a waiting task waits for, in one line."""
    return "waiting on " + first_few([safe_line(name) for name in on], shown)


def digest_change(old: str, new: str) -> str:
    """`3f2a1b → 99ab01`; says what the short forms would hide, such as the executable bit.

    Where a remark was recorded instead of a digest, the remark.
    """
    if not _DIGEST.search(old):
        return safe_line(old)
    before, after = short_digest(old), short_digest(new)
    if before != after:
        return f"{before} → {after}"
    if old.removesuffix("+x") == new.removesuffix("+x"):
        return "now executable" if new.endswith("+x") else "no longer executable"
    return f"{old} → {new}"


def short_digest(digest: str) -> str:
    """Enough of a digest to tell two apart; what is before its colon stays."""
    if not digest:
        return "absent"
    kind, colon, rest = digest.rpartition(":")
    return safe_line(kind + colon + rest.removesuffix("+x")[:_DIGITS])


def word_diff(old: str, new: str) -> list[tuple[Change, str]]:
    """What stayed, went and came, in reading order; pieces of the same kind are joined."""
    from difflib import SequenceMatcher

    before, after = _pieces(old), _pieces(new)
    changes: list[tuple[Change, str]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            changes.append(("same", "".join(before[i1:i2])))
            continue
        if i1 < i2:
            changes.append(("old", "".join(before[i1:i2])))
        if j1 < j2:
            changes.append(("new", "".join(after[j1:j2])))
    return changes


def diff_lines(old: str, new: str) -> list[list[tuple[Change, str]]]:
    """The word diff line by line; no piece spans two lines, and of a long one only both ends are there."""
    lines: list[list[tuple[Change, str]]] = [[]]
    for kind, text in word_diff(old, new):
        for index, part in enumerate(safe_text(text).split("\n")):
            if index:
                lines.append([])
            if part:
                lines[-1].append((kind, _shortened(part)))
    return lines


def _shortened(piece: str) -> str:
    """`cat a.txt … z.txt`: both ends of a long piece, cut between words where there are any."""
    if len(piece) <= _PIECE_LIMIT:
        return piece
    half = _PIECE_LIMIT // 2
    head, tail = piece[:half], piece[-half:]
    return (head[: head.rfind(" ") + 1] or head) + "…" + (tail[tail.find(" ") :] if " " in tail else tail)


def marked(line: Iterable[tuple[Change, str]]) -> str:
    """A line of a diff as text that needs no colour: `[-went-]` and `{+came+}`."""
    return "".join(_MARKS[kind][0] + text + _MARKS[kind][1] for kind, text in line)


def is_changed(line: Iterable[tuple[Change, str]]) -> bool:
    """Did anything go or come in this line of a diff?"""
    return any(kind != "same" for kind, _ in line)


def _pieces(text: str) -> list[str]:
    words = _WORDS.findall(text)
    return words if len(words) <= _DIFF_LIMIT else text.splitlines(keepends=True)


def _first_change(old: str, new: str) -> str:
    changed = [marked(line).strip() for line in diff_lines(old, new) if is_changed(line)]
    if not changed:
        return "only in its empty lines"
    return changed[0] if len(changed) == 1 else f"{changed[0]} (and {counted(len(changed) - 1, 'more line')})"
