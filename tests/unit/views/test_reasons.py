from __future__ import annotations

import pytest

from flowmake.core.staleness import Fresh, Reason, Stale, Verdict, Waiting
from flowmake.views.reasons import explain, likeness, plain, recipe_diff, sentence, verdict_lines

OLD = "shell: bash\nrun: python clean.py --year 2026\ncwd: .\nwrapper:\nextra: 1"
NEW = "shell: bash\nrun: python clean.py --year 2027\ncwd: .\nwrapper:\nextra: 1"


def test_a_sentence_can_do_without_unicode() -> None:
    reason = Reason("input_changed", path="a", old="1" * 32, new="2" * 32)
    assert sentence(reason) == "input changed: a (111111 → 222222)"
    assert sentence(reason.as_dict(), ascii_only=True) == "input changed: a (111111 -> 222222)"


@pytest.mark.parametrize(
    ("verdict", "lines"),
    [
        (Fresh(), ["fresh"]),
        (Waiting(("a", "b")), ["waiting on a, b"]),
        (Stale((Reason("never_ran"),)), ["never ran"]),
        (
            Stale(tuple(Reason("input_added", path=f"p{n}") for n in range(4))),
            ["input added: p0", "input added: p1", "and 2 more"],
        ),
    ],
)
def test_verdicts_in_a_few_lines(verdict: Verdict, lines: list[str]) -> None:
    assert verdict_lines(verdict, limit=2) == lines


def test_a_changed_recipe_is_told_with_its_diff() -> None:
    lines = [
        plain(line) for line in explain([Reason("env_changed", name="X"), Reason("recipe_changed", old=OLD, new=NEW)])
    ]
    assert lines == [
        "environment changed: X",
        "recipe changed:",
        "    shell: bash",
        "    run: python clean.py --year [-2026-]{+2027+}",
        "    cwd: .",
        "    …",
    ]


def test_pieces_of_a_diff_can_be_coloured() -> None:
    assert list(recipe_diff("a b", "a c", context=0)) == [(("", "    "), ("", "a "), ("old", "b"), ("new", "c"))]


def test_what_was_left_out_between_changes_is_marked_once() -> None:
    lines = [plain(line) for line in recipe_diff("1\nx\nx\nx\n2", "3\nx\nx\nx\n4", context=0)]
    assert lines == ["    [-1-]{+3+}", "    …", "    [-2-]{+4+}"]


def test_commands_cannot_smuggle_control_codes() -> None:
    [line] = recipe_diff("a \x1b[31m", "b \x1b[31m\x07")
    assert plain(line) == "    [-a-]{+b+} {+\\x07+}"


def recipe(old: str, new: str) -> Reason:
    return Reason("recipe_changed", old=old, new=new)


def test_recipes_are_alike_by_what_changed_in_them() -> None:
    one, two = recipe("cc -O1 a.c", "cc -O2 a.c"), recipe("cc -O1 b.c", "cc -O2 b.c")
    assert likeness([one]) == likeness([two]) == likeness([one.as_dict()])
    assert likeness([one]) != likeness([recipe("cc -O1 a.c", "cc -O3 a.c")])


def test_other_reasons_are_alike_only_if_they_are_the_same() -> None:
    one, two = Reason("input_changed", "a", old="1", new="2"), Reason("input_changed", "b", old="1", new="2")
    assert likeness([one]) == likeness([one])
    assert likeness([one]) != likeness([two])
    assert likeness([one, two]) != likeness([one])
