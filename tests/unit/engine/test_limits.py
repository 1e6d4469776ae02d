"""What fits at once, what is given back, and claims that can never be met."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.errors import UsageError
from flowmake.engine.limits import Claim, Limits


def claim(limits: Limits, pool: str = "", console: bool = False, **resources: int) -> Claim:
    return limits.claim("t", pool, resources, console=console)


@pytest.mark.parametrize(
    ("made", "taken", "wanted", "fits"),
    [
        ((2, {}, {}), [{}], {}, True),
        ((2, {}, {}), [{}, {}], {}, False),
        ((4, {}, {}), [{"cpu": 3}], {"cpu": 1}, True),
        ((4, {}, {}), [{"cpu": 3}], {"cpu": 2}, False),
        ((4, {}, {}), [{}], {"cpu": 9}, False),
        ((4, {}, {}), [], {"cpu": 9}, True),
        ((4, {}, {"cpu": 1}), [{}], {}, False),
        ((4, {}, {"cpu": 1}), [{}], {"cpu": 0}, True),
        ((9, {"db": 1}, {}), [{"pool": "db"}], {"pool": "db"}, False),
        ((9, {"db": 1}, {}), [{"pool": "db"}], {}, True),
        ((9, {"db": 2}, {}), [{"pool": "db"}], {"pool": "db"}, True),
        ((9, {}, {"mem": 10}), [{"mem": 6}], {"mem": 4}, True),
        ((9, {}, {"mem": 10}), [{"mem": 6}], {"mem": 5}, False),
        ((9, {}, {"mem": 10, "gpu": 1}), [{"mem": 6}], {"mem": 4, "gpu": 1}, True),
        ((9, {}, {"mem": 10, "gpu": 1}), [{"gpu": 1}], {"mem": 4, "gpu": 1}, False),
        ((9, {}, {}), [{"console": True}], {"console": True}, False),
        ((9, {}, {}), [{"console": True}], {}, True),
    ],
)
def test_what_fits_beside_what_runs(
    made: tuple[int, Any, Any], taken: list[dict[str, Any]], wanted: dict[str, Any], fits: bool
) -> None:
    limits = Limits(*made)
    for one in taken:
        one_claim = claim(limits, **one)
        assert limits.fits(one_claim)
        limits.take(one_claim)
    assert limits.fits(claim(limits, **wanted)) is fits


def test_full_is_about_jobs_only() -> None:
    limits = Limits(1, {}, {"cpu": 8})
    assert not limits.full
    one = claim(limits)
    limits.take(one)
    assert limits.full
    limits.give_back(one)
    assert not limits.full


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        ({"pool": "bata"}, "task `t` names the pool `bata`, which `[pools]` does not define", "did you mean `data`?"),
        (
            {"gpu": 1},
            "task `t` needs the resource `gpu`, which `[resources]` does not define",
            "write `[resources]` with `gpu = TOTAL`",
        ),
        ({"mem": 11}, "task `t` needs 11 of `mem`, but `[resources]` has only 10", ""),
    ],
)
def test_claims_that_can_never_be_met(wanted: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        claim(Limits(4, {"data": 1}, {"mem": 10}), **wanted)
    assert (caught.value.message, caught.value.hint) == (message, hint)


CLAIMS = st.builds(
    Claim,
    st.integers(0, 3),
    st.sampled_from(["", "db"]),
    st.sampled_from([(), (("mem", 4),), (("mem", 10),)]),
    st.booleans(),
)


@given(st.lists(CLAIMS, max_size=12))
def test_nothing_is_ever_exceeded_and_all_comes_back(claims: list[Claim]) -> None:
    limits = Limits(3, {"db": 2}, {"mem": 10})
    running: list[Claim] = []
    for one in claims:
        while not limits.fits(one):
            limits.give_back(running.pop(0))
        limits.take(one)
        running.append(one)
        assert len(running) <= 3
        assert sum(c.cpu for c in running) <= 3
        assert sum(c.pool == "db" for c in running) <= 2
        assert sum(dict(c.resources).get("mem", 0) for c in running) <= 10
        assert sum(c.console for c in running) <= 1
    for one in running:
        limits.give_back(one)
    assert all(limits.fits(one) for one in claims)


def test_what_runs_elsewhere_takes_no_room_here_and_keeps_to_its_own() -> None:
    limits = Limits(1, {"db": 2}, {"licence": 2}, {"far": 2})
    here = claim(limits, cpu=1)
    there = limits.claim("t", "db", {"cpu": 64, "licence": 1}, console=False, lane="far", granted={"cpu"})
    assert (there.cpu, there.slots, here.slots) == (64, 0, 1)
    limits.take(here)
    assert not limits.full
    limits.take(there)
    assert limits.fits(there)
    limits.take(there)
    assert limits.full
    assert not limits.fits(here)
    limits.give_back(there)
    assert limits.fits(there)
    limits.give_back(here)
    limits.take(limits.claim("u", "db", {}, console=False))
    assert not limits.fits(there), "the pool is full, whoever has its places"


def test_what_others_grant_is_not_counted() -> None:
    limits = Limits(4, {}, {"mem": 10})
    assert limits.claim("t", "", {"mem": 99, "gpu": 1}, console=False, granted={"mem", "gpu"}).resources == ()
