"""The lock between real processes, killed ones included."""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowmake.core.errors import LockBusy, StateError, UsageError
from flowmake.world.lock import acquire, describe_holder, is_held, patience

HOLD = """
import sys
from flowmake.world.lock import acquire
lock = acquire(sys.argv[1], "fail", argv=["flowmake", "run", "a b\\x1b"])
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock until its input ends."""
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"held\n"
            yield child
        finally:
            child.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_busy_lock_names_its_holder(path: Path) -> None:
    with holder(path) as child:
        with pytest.raises(LockBusy) as caught:
            acquire(str(path), "fail")
        assert caught.value.exit_code == 75
        since = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
        text = rf"another flowmake \(pid {child.pid}, since {since}: flowmake run 'a b\\x1b'\) is at work here"
        assert re.fullmatch(text, caught.value.message)
        assert caught.value.hint == "`--lock wait` waits for it to end"


def test_skip_gives_none(path: Path) -> None:
    with holder(path):
        assert acquire(str(path), "skip") is None
    lock = acquire(str(path), "skip")
    assert lock is not None
    lock.release()


def test_waiting_ends_when_the_holder_ends(path: Path) -> None:
    notices: list[str] = []
    with holder(path) as child:
        assert child.stdin is not None
        close = child.stdin.close

        def heard(text: str) -> None:
            notices.append(text)
            close()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["me"])
            lock = acquire(str(path), "wait", heard)
        assert lock is not None
        assert notices == [notices[0]]
        assert notices[0].startswith(f"waiting for another flowmake (pid {child.pid}, since ")
        with lock:
            assert describe_holder(str(path)).endswith(": me)")
    assert not is_held(str(path))


def test_waiting_gives_up_in_time(path: Path) -> None:
    notices: list[str] = []
    with holder(path), pytest.raises(LockBusy):
        acquire(str(path), "wait=0.05", notices.append)
    assert len(notices) == 1


def test_a_killed_holder_leaves_the_lock_free(path: Path) -> None:
    with holder(path) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert not is_held(str(path))
    lock = acquire(str(path), "fail", argv=["next"])
    assert lock is not None
    assert describe_holder(str(path)).startswith(f"another flowmake (pid {os.getpid()}, ")
    lock.release()


def test_the_lock_file_is_never_unlinked(path: Path) -> None:
    lock = acquire(str(path), "fail")
    assert lock is not None
    inode = path.stat().st_ino
    lock.release()
    lock.release()
    assert path.stat().st_ino == inode
    assert [file.name for file in path.parent.iterdir()] == ["lock"]


def test_looking_at_the_lock_creates_nothing(path: Path) -> None:
    assert not is_held(str(path))
    assert list(path.parent.iterdir()) == []
    with holder(path):
        assert is_held(str(path))


def test_being_looked_at_makes_no_run_fail(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with path.open("w") as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        monkeypatch.setattr(time, "sleep", lambda seconds: fcntl.flock(looker, fcntl.LOCK_UN))
        lock = acquire(str(path), "fail")
    assert lock is not None
    lock.release()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x", "since": 1, "argv": []}', "\xe9"]
)
def test_an_unknown_holder_is_just_another(path: Path, content: str) -> None:
    Path(f"{path}.holder").write_text(content, encoding="latin-1")
    assert describe_holder(str(path)) == "another flowmake"


def test_what_is_told_of_the_holder(path: Path) -> None:
    told = {"pid": 7, "since": 0, "argv": ["flowmake", "run", "it's"]}
    Path(f"{path}.holder").write_text(json.dumps(told))
    assert re.fullmatch(
        r"another flowmake \(pid 7, since 19\S+ \S+: flowmake run 'it'\"'\"'s'\)", describe_holder(str(path))
    )


def test_a_place_that_cannot_be_locked(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(StateError) as caught:
        acquire(str(tmp_path / "lock"), "fail")
    assert caught.value.message == f"cannot lock `{tmp_path}/lock`: Is a directory"


@pytest.mark.parametrize(
    ("mode", "seconds"), [("wait", math.inf), ("fail", 0), ("skip", 0), ("wait=0", 0), ("wait=1.5", 1.5)]
)
def test_modes(mode: str, seconds: float) -> None:
    assert patience(mode) == seconds


@pytest.mark.parametrize("mode", ["", "no", "wait=", "wait=-1", "wait=x", "wait=nan", "fail=3", "skip=1"])
def test_unknown_modes(mode: str) -> None:
    with pytest.raises(UsageError) as caught:
        patience(mode)
    assert caught.value.message == f"unknown lock mode `{mode}`"
    assert caught.value.hint == "use `wait`, `wait=SECONDS`, `fail` or `skip`"
