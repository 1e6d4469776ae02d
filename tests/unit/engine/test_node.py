"""What carries out attempts on other machines keeps an eye on all of them, however large the outputs of one are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowmake.core.ports import Ended, Work
from flowmake.engine.executors.local import LocalExecutor
from flowmake.engine.node import Node
from flowmake.world.hashing import THREADS_PAY_FROM, hash_file
from tests.processes import LIMIT, Bench

HUGE = 1 << 36
"""Bytes of a file with nothing in it that take much longer to read than a command takes to start and end."""


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(LocalExecutor(), tmp_path)
    yield made
    made.executor.close()


@pytest.fixture
def huge(tmp_path: Path) -> Iterator[Path]:
    """A file that is taken away again from whoever still reads it."""
    path = tmp_path / "huge"
    yield path
    os.truncate(path, 0)


def ends(node: Node, bench: Bench, *until: Any) -> dict[str, Ended]:
    """The next end, or as soon as the node is where it should be, all ends so far."""
    found: dict[str, Ended] = {}
    limit = bench.clock.monotonic() + LIMIT
    while not found and not any(is_so() for is_so in until):
        assert bench.clock.monotonic() < limit
        node.wait(LIMIT)
        found |= {ended.task: ended for _, ended in node.poll()}
    return found


def big(bench: Bench, size: int = HUGE) -> Work:
    return bench.work("big", "truncate", "-s", str(size), "huge", outputs=("huge",))


def test_while_a_huge_output_is_hashed_others_start_and_end(node: Node, bench: Bench, huge: Path) -> None:
    work = big(bench)
    node.start(work)
    assert ends(node, bench, lambda: work.fence in node.settling()) == {}
    for name in ("a", "b"):
        node.start(bench.work(name, "sh", "-c", f"echo {name} > {name}", outputs=(name,)))
        found = ends(node, bench)
        assert list(found) == [name]
        assert found[name].outputs[name].digest == hash_file(str(bench.folder / name))
    assert node.settling() == [work.fence]


@pytest.mark.parametrize(("kill", "number"), [(False, 15), (True, 9)])
def test_one_that_is_hashed_can_be_stopped(node: Node, bench: Bench, huge: Path, kill: bool, number: int) -> None:
    work = big(bench)
    node.start(work)
    assert ends(node, bench, lambda: work.fence in node.settling()) == {}
    node.stop(work.fence, kill=kill)
    ended = ends(node, bench)["big"]
    assert (ended.exit_code, ended.signal, dict(ended.outputs)) == (None, number, {})
    assert node.settling() == []


@pytest.mark.parametrize("size", [THREADS_PAY_FROM - 1, THREADS_PAY_FROM])
def test_a_digest_is_the_same_whoever_makes_it(node: Node, bench: Bench, size: int) -> None:
    node.start(big(bench, size))
    made = ends(node, bench)["big"].outputs["huge"]
    assert (made.size, made.digest) == (size, hash_file(str(bench.folder / "huge")))
