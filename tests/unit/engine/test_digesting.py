"""Outputs are digested side by side, by threads that nobody waits for."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmake.core.ports import ABSENT, Made
from flowmake.engine.digesting import SIDE_BY_SIDE, Digester, Outcome, pays
from flowmake.world.hashing import THREADS_PAY_FROM, hash_file
from tests.processes import LIMIT


@pytest.fixture
def digester() -> Iterator[Digester]:
    made = Digester()
    yield made
    made.close()


def outcomes(digester: Digester, count: int) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    while len(found) < count:
        readable, _, _ = select.select([digester.fileno()], [], [], LIMIT)
        assert readable, f"waited in vain; there is {found}"
        found |= digester.poll()
    return found


def test_each_is_measured_as_it_is(tmp_path: Path, digester: Digester) -> None:
    (tmp_path / "one").write_bytes(b"1" * 1000)
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir/leaf").write_text("leaf")
    digester.begin("a", str(tmp_path), ["one", "dir/", "none"], time.time_ns)
    digester.begin("b", str(tmp_path), ["dir/leaf"], time.time_ns)
    found = outcomes(digester, 2)
    leaf = Made(4, hash_file(str(tmp_path / "dir/leaf")))
    a = found["a"]
    assert isinstance(a, dict)
    assert a["dir/"].digest.startswith("tree:")
    del a["dir/"]
    assert a == {"one": Made(1000, hash_file(str(tmp_path / "one"))), "dir/leaf": leaf, "none": Made(0, ABSENT)}
    assert found["b"] == {"dir/leaf": leaf}
    assert digester.keys() == []
    assert digester.poll() == []


def test_several_are_read_at_once_but_not_all(tmp_path: Path, digester: Digester) -> None:
    """Each waits until as many as may be are under way, which ends only if they are."""
    names = [str(n) for n in range(3 * SIDE_BY_SIDE)]
    together = threading.Barrier(SIDE_BY_SIDE, timeout=LIMIT)
    guard, under_way, most = threading.Lock(), 0, 0

    def now() -> int:
        nonlocal under_way, most
        with guard:
            under_way += 1
            most = max(most, under_way)
        together.wait()
        with guard:
            under_way -= 1
        together.wait()
        return time.time_ns()

    for name in names:
        (tmp_path / name).write_text(name)
        digester.begin(name, str(tmp_path), [name], now)
    assert set(outcomes(digester, len(names))) == set(names)
    assert most == SIDE_BY_SIDE


def test_what_cannot_be_read_is_told(tmp_path: Path, digester: Digester) -> None:
    (tmp_path / "there").write_text("there")

    def now() -> int:
        raise OSError(28, "No space left on device")

    digester.begin("a", str(tmp_path), ["there"], now)
    found = outcomes(digester, 1)["a"]
    assert isinstance(found, OSError)
    assert "No space left" in str(found)
    digester.begin("b", str(tmp_path), ["there"], lambda: 1 // 0)
    assert isinstance(outcomes(digester, 1)["b"], ZeroDivisionError)
    digester.begin("c", str(tmp_path), ["there"], time.time_ns)
    assert isinstance(outcomes(digester, 1)["c"], dict)


def test_of_what_is_forgotten_nothing_is_told(tmp_path: Path, digester: Digester) -> None:
    (tmp_path / "there").write_text("there")
    goes_on = threading.Event()

    def now() -> int:
        assert goes_on.wait(LIMIT)
        return time.time_ns()

    digester.begin("a", str(tmp_path), ["there"], now)
    assert digester.forget("a")
    assert not digester.forget("a")
    digester.begin("b", str(tmp_path), ["there"], time.time_ns)
    goes_on.set()
    assert set(outcomes(digester, 1)) == {"b"}


def test_closing_does_not_wait(tmp_path: Path) -> None:
    digester, goes_on = Digester(), threading.Event()
    (tmp_path / "there").write_text("there")

    def now() -> int:
        assert goes_on.wait(LIMIT)
        return time.time_ns()

    before = set(threading.enumerate())
    digester.begin("a", str(tmp_path), ["there"], now)
    (thread,) = set(threading.enumerate()) - before
    digester.close()
    digester.close()
    assert thread.is_alive()
    goes_on.set()
    thread.join(LIMIT)
    assert not thread.is_alive()


def test_only_what_takes_long_pays(tmp_path: Path) -> None:
    for size in (THREADS_PAY_FROM - 1, THREADS_PAY_FROM):
        (tmp_path / "file").touch()
        os.truncate(tmp_path / "file", size)
        assert pays(str(tmp_path), ["none", "file"]) is (size >= THREADS_PAY_FROM)
    assert pays(str(tmp_path), ["folder/"])
