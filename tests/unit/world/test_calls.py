"""Short commands beside everything else: what they said, and that nothing waits for them."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from flowmake.world.calls import Call, Said


def run(*argv: str, stdin: str = "", limit: float = 30.0, cwd: str = "/") -> Said:
    return Call(argv, os.environ, cwd, stdin, limit).result()


def test_all_it_said_and_how_it_ended(tmp_path: Path) -> None:
    said = run("sh", "-c", "cat; pwd; echo no >&2; exit 3", stdin="in\n", cwd=str(tmp_path))
    assert (said.code, said.out, said.err) == (3, f"in\n{tmp_path}\n", "no\n")
    assert said.seconds > 0


def test_more_than_a_pipe_holds() -> None:
    assert len(run("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2").out) == 1_000_000


def test_nothing_is_said_before_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    call = Call(["sh", "-c", "read line < gate; echo $line"], os.environ, str(tmp_path))
    assert call.said() is None
    assert call.fds()
    (tmp_path / "gate").write_text("open\n")
    while call.said() is None:
        select.select(call.fds(), (), (), 10)
    said = call.said()
    assert said is not None
    assert said.out == "open\n"
    assert call.fds() == ()


@pytest.mark.parametrize("program", ["no-such-program", "/"])
def test_what_cannot_start_says_so(program: str) -> None:
    said = run(program)
    assert (said.code, said.out) == (127, "")
    assert said.err.startswith(f"cannot start `{program}`: ")


def test_what_takes_too_long_is_killed() -> None:
    assert run("sleep", "1000", limit=0.1).code == -9


def test_who_does_not_read_is_not_waited_for() -> None:
    assert run("true", stdin="x" * 60_000).code == 0
