"""The folder through which attempts pass: each is carried out once, and its end is told whole."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowmake.core.errors import StateError
from flowmake.core.ports import Ended, Leftover, Made, Work
from flowmake.engine.mailbox import Mailbox

WORK = Work("t", 1, "/log", "/", {"SECRET": "caf\udce9"}, ("true",), fence="r-1", identity="stamp:x")


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    found = Mailbox(str(tmp_path / "box"))
    found.create()
    return found


def test_an_attempt_comes_out_as_it_went_in(mailbox: Mailbox) -> None:
    assert mailbox.post(WORK) == ""
    assert mailbox.work("r-1") == WORK
    assert mailbox.leftovers() == [Leftover("t", "r-1", "stamp:x")]
    assert mailbox.waiting() == ["r-1"]


def test_nobody_else_may_read_it(mailbox: Mailbox) -> None:
    mailbox.post(WORK)
    for folder, _, files in os.walk(mailbox.folder):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        assert all(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) == 0o600 for name in files)


def test_of_many_claims_one_wins(mailbox: Mailbox) -> None:
    mailbox.post(WORK)
    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(lambda _: mailbox.claim("r-1"), range(64))) == [False] * 63 + [True]
    assert mailbox.is_claimed("r-1")
    assert mailbox.waiting() == []


def test_what_is_voided_can_be_claimed_by_nobody(mailbox: Mailbox) -> None:
    mailbox.post(WORK)
    assert mailbox.void("r-1")
    assert not mailbox.claim("r-1")
    assert not mailbox.void("r-1")


def test_an_end_comes_back_as_it_was_told(mailbox: Mailbox) -> None:
    ended = Ended("t", exit_code=0, seconds=1.5, outputs={"caf\udce9": Made(3, "x+x")}, host="n1", timed_out=True)
    mailbox.report("r-1", ended)
    assert list(mailbox.results()) == [("r-1", ended)]
    mailbox.forget("r-1")
    assert list(mailbox.results()) == []


@pytest.mark.parametrize("cut", [0, 1, 20])
def test_an_end_that_is_not_whole_is_none(mailbox: Mailbox, cut: int) -> None:
    mailbox.report("r-1", Ended("t", exit_code=0))
    path = os.path.join(mailbox.folder, "results", "r-1")
    os.truncate(path, cut)
    assert list(mailbox.results()) == []


@pytest.mark.parametrize("text", ['{"task": 3}', "[]", "\xff"])
def test_an_end_that_makes_no_sense_is_none(mailbox: Mailbox, text: str) -> None:
    Path(mailbox.folder, "results", "r-1").write_text(text)
    assert list(mailbox.results()) == []


def test_work_that_is_not_whole_is_none(mailbox: Mailbox) -> None:
    mailbox.post(WORK)
    os.truncate(os.path.join(mailbox.folder, "work", "r-1"), 30)
    assert mailbox.work("r-1") is None
    assert mailbox.leftovers() == []


def test_wishes_to_stop(mailbox: Mailbox) -> None:
    assert mailbox.asked_to_stop() == {}
    mailbox.ask_to_stop("r-1", kill=False)
    mailbox.ask_to_stop("r-2", kill=True)
    assert mailbox.asked_to_stop() == {"r-1": False, "r-2": True}
    mailbox.ask_to_stop("r-1", kill=True)
    assert mailbox.asked_to_stop()["r-1"]


def test_what_cannot_be_sent_is_said(mailbox: Mailbox, tmp_path: Path) -> None:
    unsendable = Work("t", 1, "/log", "/", {}, call="m:f", args={"x": lambda: None}, fence="r-2")
    assert mailbox.post(unsendable).startswith("the arguments of `m:f` cannot be sent: ")
    nowhere = Mailbox(str(tmp_path / "none"))
    assert nowhere.post(WORK).startswith("cannot write `")
    assert nowhere.work("r-1") is None
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot make"):
        Mailbox(str(tmp_path / "file/box")).create()
