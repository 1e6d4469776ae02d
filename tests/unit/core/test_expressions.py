"""Expressions compiled when they are first used do what those compiled at once do."""

from __future__ import annotations

import re

import pytest

from flowmake.core.expressions import expression


def test_it_finds_what_one_compiled_at_once_finds() -> None:
    for text in ("a-b-c", "", "---"):
        later, at_once = expression(r"(\w)(-)?"), re.compile(r"(\w)(-)?")
        assert later.findall(text) == at_once.findall(text)
        assert later.sub(r"<\1>", text) == at_once.sub(r"<\1>", text)


def test_flags_count() -> None:
    assert expression("a.b", re.DOTALL | re.IGNORECASE).fullmatch("A\nB")
    assert not expression("a.b").fullmatch("A\nB")


def test_it_may_be_of_bytes() -> None:
    assert expression(rb"\d+").findall(b"1 and 23") == [b"1", b"23"]


def test_it_is_compiled_once() -> None:
    later = expression("a")
    assert later.search is later.search


def test_a_broken_one_is_told_when_it_is_used() -> None:
    broken = expression("(")
    with pytest.raises(re.error, match="missing"):
        broken.match("a")
