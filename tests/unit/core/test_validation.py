"""What a struct would not take is told by its place; here: numbers and their bounds."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct

from flowmake.core.source import Place
from flowmake.core.validation import misfits


class Bounded(Struct):
    least: Annotated[int, Meta(ge=2)] = 2
    most: Annotated[int, Meta(le=9)] = 9
    above: Annotated[float, Meta(gt=0)] = 1.0
    below: Annotated[float, Meta(lt=1)] = 0.5


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"least": 1}, "`table.least` must be at least 2, not 1"),
        ({"most": 10}, "`table.most` must be at most 9, not 10"),
        ({"above": 0}, "`table.above` must be more than 0, not 0"),
        ({"below": 1.0}, "`table.below` must be less than 1, not 1.0"),
    ],
)
def test_bounds(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(raw, Bounded)
    assert [problem.message for problem in misfits(raw, Bounded, Place("F", ("table",)))] == [said]


def test_what_is_within_bounds_is_taken() -> None:
    assert list(misfits({"least": 2, "most": 9, "above": 0.1, "below": 0.9}, Bounded, Place("F"))) == []
