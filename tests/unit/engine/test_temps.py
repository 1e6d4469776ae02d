"""Temporary outputs: gone once read by all, no reason to rerun, and made again for a reader that must run."""

from __future__ import annotations

from flowmake.core.ports import Work
from tests.stage import Stage

FLOW = """\
[tasks.make]
inputs = ["in"]
outputs = [{ path = "temp", temp = true }]
run = "make temp"
[tasks.one]
inputs = ["temp", "x1"]
outputs = ["one"]
run = "make one"
[tasks.two]
inputs = ["temp", "x2"]
outputs = ["two"]
run = "make two"
"""


def set_up(stage: Stage, more: str = "") -> None:
    for path in ("in", "x1", "x2"):
        stage.write(path)
    stage.flowfile(FLOW + more)


def reading(stage: Stage, *tasks: str) -> None:
    """Let these tasks fail when `temp` is not there while they run."""

    def read(work: Work) -> int:
        stage.write(work.task, "read " + (stage.root / "temp").read_text())
        return 0

    stage.plays |= dict.fromkeys(tasks, read)


def test_removed_once_all_have_read_it(stage: Stage) -> None:
    seen = []
    stage.seconds |= {"one": 1, "two": 2}
    stage.on_tick = lambda now: seen.append((stage.exists("one"), stage.exists("two"), stage.exists("temp")))
    set_up(stage)
    reading(stage, "one", "two")
    stage.run()
    assert (True, False, True) in seen
    assert not stage.exists("temp")
    assert stage.run().counts == {"fresh": 3}


def test_a_crash_after_the_removal_knows_who_has_read_it(stage: Stage) -> None:
    """Else the readers would count as unfinished, and what they read would have to be made again for them."""
    recorded = []
    stage.seconds |= {"one": 1, "two": 2}
    stage.on_tick = lambda now: None if stage.exists("temp") else recorded.append(stage.recorded())
    set_up(stage)
    stage.run()
    assert recorded[-1] == {"make": "succeeded", "one": "succeeded", "two": "succeeded"}


def test_kept_while_a_reader_has_not_succeeded(stage: Stage) -> None:
    set_up(stage)
    stage.plays["two"] = lambda work: 1
    stage.run(keep_going=True)
    assert stage.exists("temp")
    del stage.plays["two"]
    assert stage.run().counts == {"fresh": 2, "succeeded": 1}
    assert not stage.exists("temp")


def test_kept_while_a_reader_outside_the_run_never_ran(stage: Stage) -> None:
    set_up(stage)
    stage.run("one")
    assert stage.exists("temp")
    stage.run("two")
    assert not stage.exists("temp")


def test_made_again_for_one_stale_reader(stage: Stage) -> None:
    set_up(stage)
    stage.run()
    reading(stage, "one")
    stage.write("x1", "edited")
    outcome = stage.run()
    assert stage.started() == ["make", "one"]
    assert outcome.counts == {"fresh": 1, "succeeded": 2}
    assert stage.statuses() == {"make": "succeeded", "one": "succeeded", "two": "fresh"}
    assert not stage.exists("temp")


def test_made_again_once_for_two_stale_readers_that_both_wait(stage: Stage) -> None:
    set_up(stage)
    stage.run()
    reading(stage, "one", "two")
    stage.write("x1", "edited")
    stage.write("x2", "edited")
    stage.seconds["make"] = 5
    assert stage.run().counts == {"fresh": 0, "succeeded": 3}
    assert stage.started() == ["make", "one", "two"]
    assert not stage.exists("temp")


def test_kept_for_a_reader_that_turns_out_stale_later(stage: Stage) -> None:
    """It has read this very content before, but waits for another task and may have to read it again."""
    more = '[tasks.slow]\ninputs = ["in"]\noutputs = ["x2"]\nrun = "make x2"\n'
    set_up(stage, more)
    stage.run("one", "two")
    reading(stage, "one", "two")
    stage.seconds["slow"] = 9
    stage.plays["slow"] = lambda work: stage.write("x2", "changed")
    stage.write("in", "edited")
    stage.write("x1", "edited")
    assert stage.run("one", "two").failed == ()
    assert stage.started() == ["make", "slow", "one", "two"]
    assert not stage.exists("temp")


def test_chains_of_removed_temporaries_are_made_again_from_the_start(stage: Stage) -> None:
    stage.write("in")
    stage.flowfile(
        '[tasks.a]\ninputs = ["in"]\noutputs = [{ path = "a", temp = true }]\nrun = "make a"\n'
        '[tasks.b]\ninputs = ["a"]\noutputs = [{ path = "b", temp = true }]\nrun = "make b"\n'
        '[tasks.c]\ninputs = ["b"]\noutputs = ["c"]\nrun = "make c"\n'
    )
    stage.run()
    assert (stage.exists("a"), stage.exists("b"), stage.exists("c")) == (False, False, True)
    assert stage.run().counts == {"fresh": 3}
    (stage.root / "c").unlink()
    stage.run()
    assert stage.started() == ["a", "b", "c"]
    assert (stage.exists("a"), stage.exists("b"), stage.exists("c")) == (False, False, True)


def test_readers_are_skipped_when_their_input_cannot_be_made_again(stage: Stage) -> None:
    set_up(stage)
    stage.run()
    stage.write("x1", "edited")
    stage.plays["make"] = lambda work: 1
    outcome = stage.run(keep_going=True)
    assert stage.statuses() == {"make": "failed", "one": "skipped", "two": "skipped"}
    assert outcome.failed == ("make",)


def test_kept_until_a_fan_out_is_known(stage: Stage) -> None:
    more = (
        '[tasks.split]\noutputs = ["list"]\nrun = "split"\n'
        '[tasks.part]\nforeach = { n = { lines = "list" } }\ninputs = ["temp"]\noutputs = ["part-{{ n }}"]\nrun = "x"\n'
    )
    stage.plays["split"] = lambda work: stage.write("list", "1\n2\n")
    stage.seconds["split"] = 9
    set_up(stage, more)
    for part in ("part@1", "part@2"):
        stage.plays[part] = lambda work: stage.write(work.task.replace("@", "-"), (stage.root / "temp").read_text())
    assert stage.run().counts == {"succeeded": 6}
    assert not stage.exists("temp")
