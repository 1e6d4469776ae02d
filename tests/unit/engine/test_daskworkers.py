"""Whether the workers of a Dask can ever run what waits, and in which words that is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from flowmake.engine.daskworkers import Asked, Shortages, Workers, counted, resources, shortages

ONE = Asked("train", {"GPU": 2})


def test_what_a_scheduler_says_of_its_workers() -> None:
    found = resources({"workers": {"a": {"resources": {"GPU": 2}}, "b": {"resources": {}}, "c": {"nthreads": 1}}})
    assert found == [{"GPU": 2}, {}, {}]
    assert counted([{"GPU": 2}, {"mem": 1, "GPU": 1}, {}]) == {"GPU", "mem"}
    assert resources({"workers": {}}) == []


FITTING: list[tuple[Workers, list[Asked]]] = [
    ([], []),
    ([{}], []),
    ([{}], [Asked("plain", {})]),
    ([{}, {"GPU": 2}], [ONE, Asked("plain", {})]),
    ([{"GPU": 4, "mem": 8e9}], [ONE, Asked("both", {"GPU": 4, "mem": 8e9})]),
]


@pytest.mark.parametrize(("workers", "waiting"), FITTING)
def test_nothing_is_told_where_a_worker_fits(workers: Workers, waiting: list[Asked]) -> None:
    assert shortages(workers, waiting) == []


LACKING: list[tuple[Workers, list[Asked], list[str]]] = [
    ([], [ONE], ["the Dask scheduler has no workers; `train` will wait until one comes"]),
    ([], [ONE, ONE], ["the Dask scheduler has no workers; `train` will wait until one comes"]),
    (
        [],
        [ONE, Asked("a", {}), Asked("b", {})],
        ["the Dask scheduler has no workers; `train` and 2 more will wait until one comes"],
    ),
    (
        [{"GPU": 1}],
        [ONE, ONE, Asked("plain", {})],
        ["`train` needs `GPU=2`, and will wait for a worker that has it: of 1 worker, the most that one has is 1"],
    ),
    (
        [{}, {"mem": 4e9}],
        [Asked("a", {"GPU": 1, "mem": 8e9})],
        [
            "`a` needs `GPU=1`, `mem=8e+09`, and will wait for a worker that has it: of 2 workers, "
            "the most that one has is 0, 4e+09"
        ],
    ),
    (
        [{"GPU": 2}, {"mem": 8e9}],
        [Asked("a", {"GPU": 1, "mem": 8e9})],
        ["`a` needs `GPU=1`, `mem=8e+09`, and will wait for a worker that has it: of 2 workers, none has all of it"],
    ),
]


@pytest.mark.parametrize(("workers", "waiting", "said"), LACKING)
def test_what_lacks_is_named(workers: Workers, waiting: list[Asked], said: list[str]) -> None:
    assert shortages(workers, waiting) == said


def told(answers: list[Workers | Exception]) -> list[list[str]]:
    """What is said at each look, given what is found then."""
    said: list[list[str]] = []
    left: Iterator[Workers | Exception] = chain(answers, repeat(OSError()))

    async def ask() -> Workers:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def look() -> None:
        for _ in answers:
            said.append([])
            await subject.look([ONE])

    subject = Shortages(ask, lambda text: said[-1].append(text), "silence")
    asyncio.run(look())
    return said


def test_each_is_told_once_until_it_has_passed() -> None:
    (none,) = shortages([], [ONE])
    (unfit,) = shortages([{}], [ONE])
    fits: Workers = [{"GPU": 2}]
    assert told([[], [], [{}], [{}], fits, [{}]]) == [[none], [], [unfit], [], [], [unfit]]
    assert told([OSError(), TimeoutError(), fits, OSError()]) == [["silence"], [], [], ["silence"]]


def test_what_nobody_expects_is_not_kept_silent() -> None:
    with pytest.raises(ZeroDivisionError):
        told([ZeroDivisionError()])
