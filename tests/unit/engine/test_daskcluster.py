"""Which scheduler a run goes to, and what is wrong with what it is told to open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import dask
import pytest

from flowmake.core.errors import UsageError
from flowmake.engine.daskcluster import open_cluster


class Recorded:
    """A cluster of a class that the Flowfile names, which notes what is asked of it."""

    made: ClassVar[list[Recorded]] = []

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.scaled: list[int] = []
        self.closed = 0
        self.scheduler_address = "tcp://recorded:1"
        Recorded.made.append(self)

    def scale(self, workers: int) -> None:
        self.scaled.append(workers)

    def close(self) -> None:
        self.closed += 1


class Broken:
    def __init__(self) -> None:
        raise RuntimeError("no queue called `long`")


NAME = f"{__name__}.Recorded"


def test_an_address_is_taken_as_it_is() -> None:
    cluster = open_cluster({}, "tcp://head:8786", 4)
    assert cluster.address == "tcp://head:8786"
    cluster.grow()
    cluster.close()


def test_without_one_it_is_as_dask_is_configured() -> None:
    with dask.config.set({"scheduler-address": "tcp://configured:1"}):
        assert open_cluster({}, "", 4).address == "tcp://configured:1"
        assert open_cluster({}, "tcp://head:8786", 4).address == "tcp://head:8786"


def test_a_cluster_gets_its_options_and_workers_when_there_is_work() -> None:
    cluster = open_cluster({"class": NAME, "scale": 7, "queue": "long"}, "", 4)
    (made,) = Recorded.made
    assert (cluster.address, made.options, made.scaled) == ("tcp://recorded:1", {"queue": "long"}, [])
    cluster.grow()
    cluster.grow()
    cluster.close()
    assert (made.scaled, made.closed) == ([7], 1)


BAD: list[tuple[Mapping[str, Any], str]] = [
    ({"scale": 1}, "`cluster` needs a `class`"),
    ({"class": 1, "scale": 1}, "`cluster` needs a `class`"),
    *(({"class": NAME, "scale": scale}, "in `scale` how many workers") for scale in (0, -1, "2", 1.5, None)),
    ({"class": "Nothing", "scale": 1}, "there is no cluster `Nothing`: "),
    ({"class": "", "scale": 1}, "there is no cluster ``: "),
    ({"class": "no_such_module.Cluster", "scale": 1}, "there is no cluster `no_such_module.Cluster`: No module named"),
    ({"class": f"{__name__}.Missing", "scale": 1}, "has no attribute 'Missing'"),
    ({"class": f"{__name__}.Broken", "scale": 1}, "cannot open a `"),
    ({"class": f"{__name__}.Broken", "scale": 1, "x": 1}, "unexpected keyword argument 'x'"),
]


@pytest.mark.parametrize(("wanted", "said"), BAD)
def test_what_cannot_be_opened_is_told(wanted: Mapping[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_cluster(wanted, "", 4)
    assert said in caught.value.message


def test_both_are_one_too_many() -> None:
    with pytest.raises(UsageError, match="names a scheduler that runs"):
        open_cluster({"class": NAME, "scale": 1}, "tcp://head:8786", 4)


def test_what_is_missing_can_be_installed() -> None:
    with pytest.raises(UsageError) as caught:
        open_cluster({"class": "dask_jobqueue.NoSuchCluster", "scale": 1}, "", 4)
    assert caught.value.hint == "pip install 'flowmake[dask]'"
