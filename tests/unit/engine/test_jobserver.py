"""The arithmetic of slots, MAKEFLAGS, and who may be joined; a real make is in `tests/faults/test_jobserver.py`."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.engine.jobserver import Form, Jobserver, address_in, with_jobserver

CLOSED = "not sharing make's job slots: make closed its jobserver to this command; put `+` in front of the recipe line"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A jobserver's pipe as a parent would leave it to us: inheritable, with two tokens that can be told apart."""
    reader, writer = os.pipe()
    for fd in (reader, writer):
        os.set_inheritable(fd, True)
    os.write(writer, b"xy")
    yield reader, writer
    os.close(reader)
    os.close(writer)


def in_pipe(reader: int) -> bytes:
    """The tokens that lie in a pipe, left as they are."""
    ready = select.select([reader], [], [], 0)[0]
    return os.read(reader, 100) if ready else b""


def joined(pipe: tuple[int, int], tmp_path: Path) -> Jobserver:
    flags = f" -j3 --jobserver-auth={pipe[0]},{pipe[1]}"
    slots = Jobserver("pipe", 8, str(tmp_path), {"MAKEFLAGS": flags})
    assert slots.joined
    return slots


# -- serving ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pipe", "fifo"])
@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_as_many_slots_as_jobs(form: Form, jobs: int, tmp_path: Path) -> None:
    with Jobserver(form, jobs, str(tmp_path), {}) as slots:
        assert [slots.acquire() for _ in range(jobs + 2)] == [True] * jobs + [False] * 2
        slots.release()
        assert [slots.acquire(), slots.acquire()] == [True, False]


def test_what_children_are_told(tmp_path: Path) -> None:
    with Jobserver("pipe", 3, str(tmp_path), {}) as slots:
        reader, writer = slots.pass_fds
        assert slots.environ == {"MAKEFLAGS": f" -j3 --jobserver-auth={reader},{writer}"}
        assert not list(tmp_path.iterdir())
        assert os.get_blocking(reader)
    with Jobserver("fifo", 3, str(tmp_path), {"MAKEFLAGS": "k"}) as slots:
        assert slots.environ == {"MAKEFLAGS": f"k -j3 --jobserver-auth=fifo:{tmp_path}/jobserver"}
        assert slots.pass_fds == ()
    assert not list(tmp_path.iterdir())


def test_a_dead_runs_fifo_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "jobserver")
    with Jobserver("fifo", 2, str(tmp_path), {}) as slots:
        assert [slots.acquire(), slots.acquire(), slots.acquire()] == [True, True, False]


@pytest.mark.parametrize("folder", ["with space", "missing"])
def test_a_folder_that_will_not_do(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "with space").mkdir()
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    with Jobserver("fifo", 2, str(tmp_path / folder), {}) as slots:
        (fifo,) = (tmp_path / "temp").iterdir()
        assert slots.environ == {"MAKEFLAGS": f" -j2 --jobserver-auth=fifo:{fifo}"}
    assert not list((tmp_path / "temp").iterdir())


def test_no_place_for_a_fifo_means_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with Jobserver("pipe", 1, str(tmp_path / "none"), {"MAKEFLAGS": "s"}) as slots:
        assert slots.notice.startswith(f"serving no jobserver: cannot make a fifo at `{tmp_path}/none/")
        assert slots.acquire(5)
        assert (slots.environ, slots.pass_fds) == ({}, ())


def test_none_changes_nothing(pipe: tuple[int, int], tmp_path: Path) -> None:
    with Jobserver("none", 1, str(tmp_path), {"MAKEFLAGS": f" --jobserver-auth={pipe[0]},{pipe[1]}"}) as slots:
        assert (slots.environ, slots.pass_fds, slots.notice, slots.joined) == ({}, (), "", False)
        assert [slots.acquire() for _ in range(9)] == [True] * 9
        slots.release(9)
        assert slots.fds() == ()
    assert in_pipe(pipe[0]) == b"xy"


def test_tokens_that_a_killed_command_took_are_replaced_once_nothing_runs(tmp_path: Path) -> None:
    with Jobserver("pipe", 4, str(tmp_path), {}) as slots:
        slots.acquire()
        assert os.read(slots.pass_fds[0], 2) == b"++"
        assert [slots.acquire(), slots.acquire()] == [True, False]
        slots.release(2)
        assert [slots.acquire() for _ in range(5)] == [True] * 4 + [False]


# -- joining ---------------------------------------------------------------------------------------------------


def test_the_very_bytes_are_given_back(pipe: tuple[int, int], tmp_path: Path) -> None:
    slots = joined(pipe, tmp_path)
    assert [slots.acquire() for _ in range(4)] == [True, True, True, False]
    assert in_pipe(pipe[0]) == b""
    slots.release()
    assert len(in_pipe(pipe[0])) == 1
    slots.close()


@pytest.mark.parametrize("end", ["release", "close", "exception"])
def test_everything_is_given_back(
    end: Literal["release", "close", "exception"], pipe: tuple[int, int], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        if end == "exception":
            stack.enter_context(pytest.raises(KeyError))
        with joined(pipe, tmp_path) as slots:
            assert slots.acquire(3)
            if end == "release":
                slots.release(3)
            elif end == "exception":
                raise KeyError
    assert sorted(in_pipe(pipe[0])) == sorted(b"xy")


def test_the_shared_end_keeps_blocking(pipe: tuple[int, int], tmp_path: Path) -> None:
    with joined(pipe, tmp_path) as slots:
        assert [slots.acquire() for _ in range(4)] == [True, True, True, False]
        assert not fcntl.fcntl(pipe[0], fcntl.F_GETFL) & os.O_NONBLOCK


def test_what_children_of_a_client_are_told(pipe: tuple[int, int], tmp_path: Path) -> None:
    with joined(pipe, tmp_path) as slots:
        assert slots.environ == {"MAKEFLAGS": f" -j3 --jobserver-auth={pipe[0]},{pipe[1]}"}
        assert slots.pass_fds == pipe


def test_a_fifo_is_joined(tmp_path: Path) -> None:
    with Jobserver("fifo", 3, str(tmp_path), {}) as server:
        client = Jobserver("pipe", 8, str(tmp_path / "other"), server.environ)
        assert client.joined
        assert [client.acquire() for _ in range(4)] == [True, True, True, False]
        assert [server.acquire(), server.acquire()] == [True, False]
        client.close()
        assert server.acquire()


def test_a_fifo_that_is_gone(tmp_path: Path) -> None:
    flags = f"--jobserver-auth=fifo:{tmp_path}/gone"
    with Jobserver("pipe", 2, str(tmp_path), {"MAKEFLAGS": flags}) as slots:
        assert slots.notice == f"not sharing make's job slots: cannot open `{tmp_path}/gone`: No such file or directory"
        assert not slots.joined
        assert [slots.acquire(), slots.acquire(), slots.acquire()] == [True, True, False]


def test_descriptors_that_mean_something_else(tmp_path: Path) -> None:
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(file, True)
    own = os.pipe()  # a pipe, but one that we opened ourselves
    turned = os.pipe()
    for fd in turned:
        os.set_inheritable(fd, True)
    addresses = ["-2,-2", "998,999", "x", "3", f"{file},{file}", f"{own[0]},{own[1]}", f"{turned[1]},{turned[0]}"]
    notices = {}
    for address in addresses:
        with Jobserver("pipe", 2, str(tmp_path), {"MAKEFLAGS": f" --jobserver-auth={address}"}) as slots:
            notices[address] = slots.notice
    for fd in (file, *own, *turned):
        os.close(fd)
    assert notices == dict.fromkeys(addresses, CLOSED)


# -- waiting ---------------------------------------------------------------------------------------------------


def test_the_descriptor_is_for_those_who_went_away_empty(pipe: tuple[int, int], tmp_path: Path) -> None:
    with joined(pipe, tmp_path) as slots:
        assert slots.acquire(3)
        assert slots.fds() == ()
        assert not slots.acquire()
        (fd,) = slots.fds()
        assert not select.select([fd], [], [], 0)[0]
        os.write(pipe[1], b"z")
        assert select.select([fd], [], [], 0)[0]
        assert slots.fds() == ()
        assert slots.acquire()


def test_all_or_none_while_something_runs(pipe: tuple[int, int], tmp_path: Path) -> None:
    with joined(pipe, tmp_path) as slots:
        assert slots.acquire()
        assert not slots.acquire(3)
        assert slots.acquire(2)


def test_with_nothing_running_less_will_do(pipe: tuple[int, int], tmp_path: Path) -> None:
    with joined(pipe, tmp_path) as slots:
        assert slots.acquire(100)
        assert in_pipe(pipe[0]) == b""
        assert not slots.acquire()
        slots.release(100)
        assert sorted(in_pipe(pipe[0])) == sorted(b"xy")


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=30))
def test_never_more_than_the_total_but_always_one(
    tmp_path_factory: pytest.TempPathFactory, jobs: int, steps: list[tuple[bool, int]]
) -> None:
    running: list[int] = []
    with Jobserver("pipe", jobs, str(tmp_path_factory.getbasetemp()), {}) as slots:
        for starting, n in steps:
            if starting:
                before = sum(running)
                got = slots.acquire(n)
                assert got == (not running or before + n <= jobs)
                running += [n] * got
            elif running:
                slots.release(running.pop())


# -- MAKEFLAGS -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "address"),
    [
        ("", ""),
        ("ks", ""),
        (" -j4", ""),
        (" -j4 --jobserver-auth=3,4", "3,4"),
        (" -j --jobserver-fds=5,6", "5,6"),
        ("w -j4 --jobserver-auth=fifo:/tmp/GMfifo1", "fifo:/tmp/GMfifo1"),
        ("--jobserver-auth=3,4 --jobserver-auth=7,8", "7,8"),
        (" -j4 -- X=--jobserver-auth=3,4 --jobserver-auth=3,4", ""),
    ],
)
def test_the_address_in_makeflags(flags: str, address: str) -> None:
    assert address_in(flags) == address


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", " -j2 --jobserver-auth=R,W"),
        ("ks", "ks -j2 --jobserver-auth=R,W"),
        (" -j8 --jobserver-auth=3,4", " -j2 --jobserver-auth=R,W"),
        ("-j8", " -j2 --jobserver-auth=R,W"),
        (
            "s --no-print-directory -j8 --jobserver-fds=3,4 -- X=1 Y=-j3",
            "s --no-print-directory -j2 --jobserver-auth=R,W -- X=1 Y=-j3",
        ),
    ],
)
def test_makeflags_keep_the_rest(flags: str, expected: str) -> None:
    assert with_jobserver(flags, 2, "R,W") == expected


def test_a_child_really_inherits_the_pipe(tmp_path: Path) -> None:
    with Jobserver("pipe", 3, str(tmp_path), {}) as server:
        code = (
            "import os; from flowmake.engine.jobserver import Jobserver\n"
            f"slots = Jobserver('pipe', 9, {str(tmp_path)!r}, os.environ)\n"
            "print(slots.joined, [slots.acquire() for _ in range(4)])\n"
            "slots.close()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **server.environ},
            pass_fds=server.pass_fds,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "True [True, True, True, False]\n"
        assert [server.acquire() for _ in range(4)] == [True, True, True, False]
