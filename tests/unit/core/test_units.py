"""Durations and sizes: what is accepted, what it is worth, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core import units


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0.0),
        (90, 90.0),
        (0.25, 0.25),
        ("5s", 5.0),
        ("0.5s", 0.5),
        ("250ms", 0.25),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        ("2d", 172800.0),
        ("1w", 604800.0),
        ("1m1m", 120.0),
    ],
)
def test_durations(written: float | str, seconds: float) -> None:
    assert units.seconds(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    ["", "5", "s", "5 x", "-5s", "1h-5m", "1e3s", "٣s", "5S", -1, float("nan"), float("inf"), 10**400, "9" * 400 + "s"],
)
def test_what_is_no_duration(written: float | str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        units.seconds(written)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (0, 0),
        (3, 3),
        ("3", 3),
        ("512B", 512),
        ("1K", 1024),
        ("1k", 1024),
        ("16G", 16 * 1024**3),
        ("16GiB", 16 * 1024**3),
        ("16 GiB", 16 * 1024**3),
        ("16GB", 16 * 10**9),
        ("1.5M", 3 * 512 * 1024),
        ("2T", 2 * 1024**4),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_amounts(written: int | str, amount: int) -> None:
    assert units.amount(written) == amount


@pytest.mark.parametrize("written", ["", "G", "16X", "-1", "1e3", "16g b", "1iB", "16GiBs", -1, "9" * 400 + ".5G"])
def test_what_is_no_amount(written: int | str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        units.amount(written)


@given(st.text(alphabet="0123456789.smhdwGKB i-", max_size=12))
def test_text_is_a_number_or_a_value_error(text: str) -> None:
    for convert in (units.seconds, units.amount):
        try:
            value = convert(text)
        except ValueError:
            continue
        assert value >= 0
