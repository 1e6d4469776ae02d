"""Entries as they are read from a journal, and what is no entry."""

from __future__ import annotations

import pytest

from flowmake.core.model import Attempt, RunRecord, TaskRecord, Trace
from flowmake.world import pending
from flowmake.world.journal import Damaged, Entry


def end(task: str, outputs: dict[str, str], run: str = "r1") -> Entry:
    trace = Trace(task, "", {}, {}, outputs, 1.0, 1.0, run)
    return pending.end_entry(
        Attempt(task, "succeeded", run, 1.0), TaskRecord(run, task, "succeeded", 1, 1.0, 1.0), trace
    )


def test_of_what_happened_to_a_task_the_last_counts() -> None:
    found = pending.restored([pending.begin_entry(Attempt("t", "running", "r1", 1.0)), end("t", {"a": "1"})])
    assert found.attempts[b"t"] is not None
    assert found.attempts[b"t"][1] == "succeeded"
    assert (len(found), len(found.records)) == (2, 1)
    found.add(pending.forget_entry("t"))
    assert (found.traces, found.attempts) == ({b"t": None}, {b"t": None})
    assert found.made() == {"a": "1"}


def test_the_last_digest_of_what_was_made_counts() -> None:
    assert pending.restored([end("t", {"a": "1", "b": "1"}), end("u", {"b": "2"})]).made() == {"a": "1", "b": "2"}


def test_runs_are_laid_over_those_that_are_known() -> None:
    found = pending.restored(pending.run_entry(RunRecord(id, started)) for id, started in (("r3", 3.0), ("r1", 1.0)))
    known = [("r2", 2.0, "known"), ("r1", 1.0, "known")]
    assert [(row[0], row[2] == "known") for row in found.laid_over_runs(known)] == [
        ("r3", False),
        ("r2", True),
        ("r1", False),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        Entry("invented", ((b"t",),)),
        Entry("begin", ()),
        Entry("begin", ((),)),
        Entry("forget", (("t",),)),
        Entry("end", ((b"t",), (), (b"t",))),
        Entry("accept", (("t", *range(9)),)),
        Entry("end", ((b"t", *range(7)), range(11))),
        Entry("end", ((b"t", *range(7)), (0, b"t", *range(9)), ("t", *range(9)))),
        Entry("accept", ((b"t", b"", b"", b"", 1, 1.0, 1.0, "r", b"", ""),)),
        Entry("forget", ((1 << 63,),)),
        Entry("forget", (([],),)),
    ],
)
def test_what_nobody_writes_is_damage(entry: Entry) -> None:
    with pytest.raises(Damaged, match=r"^it holds an entry of another form"):
        pending.restored([entry])
