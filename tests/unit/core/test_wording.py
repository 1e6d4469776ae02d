from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.staleness import Reason
from flowmake.core.wording import diff_lines, is_changed, marked, reason_sentence, waiting_sentence, word_diff

A, B = "3f2a1b" + "0" * 26, "99ab01" + "0" * 26

SENTENCES = [
    (Reason("never_ran"), "never ran"),
    (Reason("last_run_failed"), "the last run failed"),
    (Reason("interrupted"), "the last run was interrupted"),
    (Reason("always"), "always runs"),
    (Reason("forced"), "forced"),
    (Reason("env_changed", name="LC_ALL"), "environment changed: LC_ALL"),
    (Reason("input_added", path="a.csv"), "input added: a.csv"),
    (Reason("input_removed", path="a\nb"), "input removed: a\\nb"),
    (Reason("input_changed", path="data/raw.csv", old=A, new=B), "input changed: data/raw.csv (3f2a1b → 99ab01)"),
    (Reason("input_changed", path="gone", old=A, new=""), "input changed: gone (3f2a1b → absent)"),
    (Reason("input_changed", path="x.sh", old=A, new=A + "+x"), "input changed: x.sh (now executable)"),
    (Reason("input_changed", path="x.sh", old=A + "+x", new=A), "input changed: x.sh (no longer executable)"),
    (Reason("input_changed", path="x", old=A[:-1] + "1", new=A), f"input changed: x ({A[:-1]}1 → {A})"),
    (
        Reason("input_changed", path="d/", old="tree:" + A, new="tree:" + B),
        "input changed: d/ (tree:3f2a1b → tree:99ab01)",
    ),
    (
        Reason("input_changed", path="a", old="changed while the task ran", new=B),
        "input changed: a (changed while the task ran)",
    ),
    (Reason("output_missing", path="b"), "output missing: b"),
    (Reason("output_changed", path="b", new=B), "output not made by the last run: b"),
    (Reason("output_changed", path="b", old=A, new=B), "output edited: b (3f2a1b → 99ab01)"),
    (Reason("too_old", age=90_000, max_age=86_400), "too old: 1d 01h, at most 1d 00h allowed"),
    (Reason("recipe_changed", old="cp a b", new="cp a c"), "recipe changed: cp a [-b-]{+c+}"),
    (
        Reason("recipe_changed", old="one\ntwo\n3", new="ONE\ntwo\n4"),
        "recipe changed: [-one-]{+ONE+} (and 1 more line)",
    ),
    (Reason("recipe_changed", old="a\n", new="a"), "recipe changed: only in its empty lines"),
]


@pytest.mark.parametrize(("reason", "sentence"), SENTENCES, ids=[sentence for _, sentence in SENTENCES])
def test_a_reason_reads_the_same_from_either_form(reason: Reason, sentence: str) -> None:
    assert reason_sentence(reason) == sentence
    assert reason_sentence(reason.as_dict()) == sentence


def test_waiting_names_a_few() -> None:
    assert waiting_sentence(["a", "b"]) == "waiting on a, b"
    assert waiting_sentence(list("abcde")) == "waiting on a, b, c and 2 more"


@given(st.text(), st.text())
def test_a_word_diff_holds_both_texts(old: str, new: str) -> None:
    changes = word_diff(old, new)
    assert "".join(text for kind, text in changes if kind != "new") == old
    assert "".join(text for kind, text in changes if kind != "old") == new


def test_long_recipes_are_compared_by_lines() -> None:
    lines = [f"word{n} another" for n in range(3_000)]
    changed = [*lines[:5], "different", *lines[6:]]
    diff = diff_lines("\n".join(lines), "\n".join(changed))
    assert [marked(line) for line in diff if is_changed(line)] == ["[-word5 another-]", "{+different+}"]


def test_of_long_lines_only_what_is_near_a_change_is_told() -> None:
    files = [f"part/{n}.txt" for n in range(100)]
    old = f"cat {' '.join(files)} | sort > all.txt"
    new = f"cat {' '.join([*files, 'part/new.txt'])} | sort > all.txt"
    told = (
        "recipe changed: cat part/0.txt part/1.txt part/2.txt part/3.txt part/4.txt … "
        "part/96.txt part/97.txt part/98.txt part/99.txt {+part/new.txt +}| sort > all.txt"
    )
    assert reason_sentence(Reason("recipe_changed", old=old, new=new)) == told


def test_a_long_word_is_cut_where_it_must_be() -> None:
    [[(kind, text)]] = diff_lines("", "x" * 500)
    assert (kind, text) == ("new", "x" * 60 + "…" + "x" * 60)
