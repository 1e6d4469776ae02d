"""The scheduler on fakes: who runs, in which order, how many at once, and what becomes of failures and signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Sequence
from itertools import pairwise, takewhile

import pytest

from flowmake.core.events import TaskFinished, TaskJudged, TasksFound, TaskStarted
from flowmake.core.evidence import MANY
from flowmake.core.model import Check
from flowmake.core.ports import Ended, Work
from flowmake.engine.judging import AHEAD, PATIENCE, PORTION
from flowmake.engine.states import State
from flowmake.world.files import DiskFiles
from tests.stage import FakeSlots, Stage, state_names

CHAIN = """\
[tasks.a]
outputs = ["a"]
run = "make a"
[tasks.b]
inputs = ["a"]
outputs = ["b"]
run = "make b"
[tasks.c]
inputs = ["b"]
outputs = ["c"]
run = "make c"
"""


def tasks(count: int, more: str = "") -> str:
    """A Flowfile with so many tasks that have nothing to do with each other."""
    return "".join(f'[tasks.t{number}]\nrun = "nothing"\n{more}\n' for number in range(count))


def story(stage: Stage) -> list[str]:
    """`+name` where a task was started, `-name` where its end was told, in order."""
    signs = {TaskStarted: "+", TaskFinished: "-"}
    return [signs[type(e)] + e.task for e in stage.events if isinstance(e, TaskStarted | TaskFinished)]


# -- order and limits ----------------------------------------------------------------------------------------------


def test_upstream_comes_first_and_a_second_run_finds_nothing_to_do(stage: Stage) -> None:
    stage.flowfile(CHAIN)
    assert stage.run("c").counts == {"succeeded": 3}
    assert stage.started() == ["a", "b", "c"]
    assert stage.run("c").counts == {"fresh": 3}
    assert (stage.started(), stage.begun) == ([], 1)


def test_early_cut_off(stage: Stage) -> None:
    stage.flowfile(CHAIN)
    stage.run("c")
    stage.write("b", "edited")
    outcome = stage.run("c")
    assert (stage.started(), outcome.counts) == (["b"], {"fresh": 2, "succeeded": 1})


def test_the_longest_way_to_the_end_starts_first_by_recorded_times(stage: Stage) -> None:
    stage.flowfile(
        "".join(f'[tasks.{name}]\noutputs = ["{name}"]\nrun = "make {name}"\nalways = true\n' for name in "xyz")
    )
    stage.seconds |= {"x": 1, "y": 5, "z": 3}
    stage.run(jobs=1)
    assert stage.started() == ["x", "y", "z"]
    stage.run(jobs=1)
    assert stage.started() == ["y", "z", "x"]


def test_priority_goes_before_the_longest_way(stage: Stage) -> None:
    stage.flowfile(CHAIN + '[tasks.low]\nrun = "x"\npriority = -1\n[tasks.high]\nrun = "x"\npriority = 5\n')
    stage.run("low", "c", "high", jobs=1)
    assert stage.started() == ["high", "a", "b", "c", "low"]


def test_the_next_is_started_before_an_end_is_dealt_with(stage: Stage) -> None:
    stage.flowfile(tasks(3))
    stage.seconds |= {"t0": 1, "t1": 2, "t2": 3}
    stage.run(jobs=2)
    assert story(stage) == ["+t0", "+t1", "+t2", "-t0", "-t1", "-t2"]


def test_with_one_job_there_is_one_thing_after_the_other(stage: Stage) -> None:
    stage.flowfile(tasks(3))
    stage.run(jobs=1)
    assert story(stage) == ["+t0", "-t0", "+t1", "-t1", "+t2", "-t2"]


@pytest.mark.parametrize("run", ["exit 1", "it makes nothing"])
def test_after_a_failure_nothing_more_is_started(stage: Stage, run: str) -> None:
    stage.flowfile(f'[tasks.bad]\noutputs = ["bad"]\nrun = "{run}"\n' + tasks(4))
    stage.seconds |= {"t0": 2}
    stage.run(jobs=2)
    assert story(stage)[:3] == ["+bad", "+t0", "-bad"]
    assert stage.started() == ["bad", "t0"]


def test_neither_ticks_nor_records_fall_behind_however_quickly_tasks_end(stage: Stage) -> None:
    stage.flowfile(tasks(20))
    stage.seconds |= {f"t{number}": 0.0 for number in range(20)}
    ended: list[int] = []
    stage.on_tick = lambda now: ended.append(sum(isinstance(event, TaskFinished) for event in stage.events))
    stage.run(jobs=2)
    print(ended, story(stage))
    assert max(after - before for before, after in pairwise([0, *ended])) <= 2


def test_what_an_end_leads_to_is_started_first_where_it_is_more_urgent(stage: Stage) -> None:
    stage.flowfile(CHAIN + tasks(5))
    stage.seconds |= {"t0": 1.5}
    stage.run(jobs=2)
    assert story(stage)[:6] == ["+a", "+t0", "-a", "+b", "+t1", "-t0"]


def test_what_an_end_leads_to_is_started_first_where_it_has_priority(stage: Stage) -> None:
    urgent = '[tasks.urgent]\ninputs = ["t"]\nrun = "x"\npriority = 1\n'
    stage.flowfile('[tasks.t]\noutputs = ["t"]\nrun = "make t"\n' + tasks(3) + urgent)
    stage.seconds |= {"t0": 2}
    stage.run(jobs=2)
    assert story(stage)[:4] == ["+t", "+t0", "-t", "+urgent"]


def judged_before(stage: Stage, started: str) -> int:
    """How many tasks had been judged when that one was started."""
    seen = takewhile(lambda e: not (isinstance(e, TaskStarted) and e.task == started), stage.events)
    return sum(isinstance(event, TaskJudged) for event in seen)


def test_what_is_ready_does_not_wait_until_all_is_judged(stage: Stage) -> None:
    stage.flowfile(tasks(2 * PORTION + 1))
    assert stage.run(jobs=2).counts == {"succeeded": 2 * PORTION + 1}
    assert judged_before(stage, "t0") == PORTION
    assert judged_before(stage, f"t{2 * PORTION}") == 2 * PORTION + 1
    assert stage.started() == [f"t{number}" for number in range(2 * PORTION + 1)]


def test_the_most_urgent_are_judged_first_where_there_are_many(stage: Stage) -> None:
    last = '[tasks.a]\noutputs = ["a"]\nrun = "make a"\n[tasks.b]\ninputs = ["a"]\nrun = "nothing"\n'
    stage.flowfile(tasks(2 * PORTION) + last + tasks(1, "priority = 1").replace("t0", "first"))
    stage.run(jobs=1)
    assert stage.started()[:3] == ["first", "a", "t0"]


def test_what_is_urgent_but_not_judged_yet_has_room_kept_for_it(stage: Stage) -> None:
    """All of the first portion but one is fresh, and what one of them leads to is more urgent than that one."""
    chain = "".join(
        f'[tasks.c{number}]\ninputs = ["c{number}.in"]\noutputs = ["c{number}"]\nrun = "make c{number}"\n'
        for number in range(PORTION + 1)
    )
    stage.flowfile(chain + '[tasks.end]\ninputs = ["c0"]\nrun = "nothing"\nalways = true\npriority = 2\n')
    for number in range(PORTION + 1):
        stage.write(f"c{number}.in")
    stage.run(jobs=4)
    stage.write(f"c{PORTION}.in", "new")
    stage.run(jobs=1)
    assert stage.started() == ["end", f"c{PORTION}"]


def test_while_nothing_is_ready_more_and_more_is_judged_in_one_go(stage: Stage) -> None:
    count = 4 * PORTION
    stage.flowfile("".join(f'[tasks.t{n}]\noutputs = ["{n}"]\nrun = "make {n}"\n' for n in range(count)))
    stage.run()
    turns: list[float] = []
    stage.on_tick = turns.append
    assert stage.run().counts == {"fresh": count}
    assert 2 <= len(turns) <= 5


@pytest.mark.parametrize(("looking", "judging"), [(PATIENCE / 20, 0.0), (0.0, PATIENCE / 20), (PATIENCE, PATIENCE)])
def test_however_slow_it_is_no_turn_looks_at_many_more_names_than_it_judges(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, looking: float, judging: float
) -> None:
    count = 8 * PORTION
    stage.flowfile("".join(f'[tasks.t{n}]\noutputs = ["{n}"]\nrun = "make {n}"\n' for n in range(count)))
    stage.run()
    looked: list[str] = []
    foresee, digest = DiskFiles.foresee, DiskFiles.digest

    def slowly_foreseen(files: DiskFiles, paths: Sequence[str], most: int | None = None) -> int:
        looked.extend(paths)
        stage.clock.time += looking * len(paths)
        return foresee(files, paths, most)

    def slowly_digested(files: DiskFiles, path: str, check: Check = "content") -> str:
        stage.clock.time += judging
        return digest(files, path, check)

    monkeypatch.setattr(DiskFiles, "foresee", slowly_foreseen)
    monkeypatch.setattr(DiskFiles, "digest", slowly_digested)
    turns: list[float] = []
    stage.on_tick = turns.append
    assert stage.run().counts == {"fresh": count}
    assert len(looked) <= 2 * count + PORTION * len(turns)


def test_what_is_ready_does_not_wait_for_gigabytes_to_be_read(stage: Stage) -> None:
    stage.flowfile("".join(f'[tasks.t{n}]\ninputs = ["{n}"]\nrun = "nothing"\n' for n in range(8 * MANY)))
    for number in range(8 * MANY):
        stage.write(str(number))
        os.truncate(stage.root / str(number), AHEAD // 4)  # no block of it is on the disk
    assert stage.run(jobs=1).counts == {"succeeded": 8 * MANY}
    assert judged_before(stage, "t0") < MANY
    assert judged_before(stage, "t20") < 20 + MANY
    assert stage.started() == [f"t{number}" for number in range(8 * MANY)]


def slowly_digested(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a file takes more than half of the time after which nobody is kept waiting."""
    digest = DiskFiles.digest

    def slowly(files: DiskFiles, path: str, check: Check = "content") -> str:
        stage.clock.time += PATIENCE * 0.6
        return digest(files, path, check)

    monkeypatch.setattr(DiskFiles, "digest", slowly)


def test_what_is_ready_does_not_wait_long_for_what_takes_long_to_judge(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.flowfile("".join(f'[tasks.t{n}]\ninputs = ["in{n}"]\nrun = "nothing"\n' for n in range(9)))
    for number in range(9):
        stage.write(f"in{number}")
    slowly_digested(stage, monkeypatch)
    assert stage.run(jobs=1).counts == {"succeeded": 9}
    assert [judged_before(stage, f"t{n}") for n in range(9)] == [2, 2, 4, 4, 6, 6, 8, 8, 9]


def test_nobody_waits_long_for_fresh_tasks_either_that_come_up_one_after_the_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = "".join(
        f'[tasks.t{n}]\ninputs = ["in{n}"{f", {str(n - 1)!r}" if n else ""}]\noutputs = ["{n}"]\nrun = "make {n}"\n'
        for n in range(9)
    )
    stage.flowfile(links)
    for number in range(9):
        stage.write(f"in{number}")
    stage.run()
    slowly_digested(stage, monkeypatch)
    turns: list[float] = []
    stage.on_tick = turns.append
    assert stage.run().counts == {"fresh": 9}
    assert len(turns) >= 9


@pytest.mark.parametrize("more", ['confirm = "sure?"', "console = true"])
def test_who_needs_attention_starts_when_ends_have_been_told(stage: Stage, more: str) -> None:
    stage.flowfile(tasks(2) + f'[tasks.x]\nrun = "x"\n{more}\n')
    stage.seconds |= {"t1": 2}
    stage.run("t0", "t1", "x", jobs=2)
    assert story(stage)[:4] == ["+t0", "+t1", "-t0", "+x"]


@pytest.mark.parametrize(
    ("head", "more", "jobs", "most"),
    [
        ("", "", 3, 3),
        ("", "resources = { cpu = 2 }", 5, 2),
        ("", "resources = { cpu = 99 }", 5, 1),
        ("[pools]\ndb = 2\n", 'pool = "db"', 5, 2),
        ("[resources]\ngpu = 3\n", "resources = { gpu = 1 }", 5, 3),
        ("[resources]\nmem = '4G'\n", 'resources = { mem = "1.5G" }', 5, 2),
        ("[resources]\ncpu = 2\n", "", 5, 2),
        ("", "console = true", 5, 1),
    ],
)
def test_how_many_run_at_once(stage: Stage, head: str, more: str, jobs: int, most: int) -> None:
    stage.flowfile(head + tasks(6, more))
    assert stage.run(jobs=jobs).counts == {"succeeded": 6}
    assert stage.executor.most_at_once == most


def test_console_tasks_run_beside_others(stage: Stage) -> None:
    stage.flowfile(tasks(2, "console = true") + '[tasks.x]\nrun = "x"\n')
    stage.run(jobs=9)
    assert stage.executor.most_at_once == 2


def test_a_task_that_needs_more_than_there_is_fails_by_itself(stage: Stage) -> None:
    stage.flowfile('[resources]\nmem = 10\n[tasks.big]\nrun = "x"\nresources = { mem = 11 }\n[tasks.ok]\nrun = "x"\n')
    outcome = stage.run(keep_going=True)
    assert stage.statuses() == {"big": "failed", "ok": "succeeded"}
    assert stage.messages() == {"big": "task `big` needs 11 of `mem`, but `[resources]` has only 10"}
    assert outcome.failed == ("big",)


def test_a_granted_number_of_cores_is_rendered(stage: Stage) -> None:
    stage.flowfile('[tasks.a]\nrun = "x {{ cpu }}"\nresources = { cpu = 64 }\n[tasks.b]\nrun = "x {{ cpu }}"')
    stage.run(jobs=3)
    assert {work.task: work.argv[-1] for work in stage.executor.started} == {"a": "x 3", "b": "x 1"}


def test_job_tokens_are_taken_for_each_core_and_all_given_back(stage: Stage) -> None:
    stage.slots = FakeSlots(2)
    stage.flowfile(tasks(5) + '[tasks.wide]\nrun = "x"\nresources = { cpu = 3 }\n')
    assert stage.run(jobs=4).counts == {"succeeded": 6}
    assert stage.executor.most_at_once == 2
    assert sorted(stage.slots.asked) == [1, 1, 1, 1, 1, 3]
    assert stage.slots.used == 0


def test_marks_are_durable_before_anything_starts(stage: Stage) -> None:
    seen: dict[str, str] = {}

    def look(work: Work) -> int:
        seen.update(stage.recorded())
        return 0

    stage.plays["t0"] = look
    stage.flowfile(tasks(3))
    stage.run(jobs=2)
    assert seen == {"t0": "running", "t1": "running"}
    assert stage.recorded() == {"t0": "succeeded", "t1": "succeeded", "t2": "succeeded"}


# -- room is filled before what ended is verified ------------------------------------------------------------------


def test_nothing_starts_once_an_attempt_is_known_to_have_failed(stage: Stage) -> None:
    """Of two that end at once, one has failed: not even the room of the other is filled."""
    stage.flowfile(tasks(3))
    stage.plays["t1"] = lambda work: 1
    stage.run(jobs=2)
    assert stage.started() == ["t0", "t1"]
    assert stage.statuses() == {"t0": "succeeded", "t1": "failed", "t2": "skipped"}


def test_what_becomes_ready_by_an_end_is_not_passed_over_for_less_urgent_work(stage: Stage) -> None:
    stage.flowfile('[tasks.x]\nrun = "nothing"\n' + CHAIN)
    stage.run(jobs=1)
    assert stage.started() == ["a", "b", "x", "c"]


def test_a_prior_task_behind_a_group_is_not_passed_over_either(stage: Stage) -> None:
    stage.flowfile(
        '[tasks.a]\nrun = "nothing"\n[tasks.g]\nneeds = ["a"]\n'
        '[tasks.x]\nrun = "nothing"\n[tasks.urgent]\nneeds = ["g"]\npriority = 1\nrun = "nothing"\n'
    )
    stage.run(jobs=1)
    assert stage.started() == ["a", "urgent", "x"]


def test_a_signal_that_came_with_an_end_starts_nothing(stage: Stage) -> None:
    stage.flowfile(tasks(2))

    def interrupted(work: Work) -> int:
        stage.signals.send(signal.SIGINT)
        return 0

    stage.plays["t0"] = interrupted
    stage.run(jobs=1)
    assert stage.started() == ["t0"]


# -- failures ------------------------------------------------------------------------------------------------------

BROKEN = """\
[tasks.bad]
outputs = ["bad"]
run = "exit 3"
[tasks.after-bad]
inputs = ["bad"]
run = "x"
[tasks.group]
needs = ["after-bad"]
[tasks.last]
needs = ["group"]
run = "x"
[tasks.slow]
outputs = ["slow"]
run = "make slow"
[tasks.after-slow]
inputs = ["slow"]
run = "x"
"""


@pytest.mark.parametrize(
    ("policy", "statuses"),
    [
        ({}, {"bad": "failed", "slow": "succeeded", "after-slow": "skipped"}),
        ({"keep_going": True}, {"bad": "failed", "slow": "succeeded", "after-slow": "succeeded"}),
        ({"fail_fast": True}, {"bad": "failed", "slow": "interrupted", "after-slow": "skipped"}),
    ],
)
def test_what_a_failure_stops(stage: Stage, policy: dict[str, bool], statuses: dict[str, str]) -> None:
    stage.flowfile(BROKEN)
    stage.seconds |= {"slow": 9}
    outcome = stage.run(**policy)
    assert stage.statuses() == {**statuses, "after-bad": "skipped", "last": "skipped"}
    assert stage.messages()["bad"] == "exit code 3"
    assert (outcome.failed, outcome.only_timeouts, outcome.signal) == (("bad",), False, 0)
    assert outcome.states["group"] is State.SKIPPED


def test_only_what_comes_after_is_not_cut_off_by_a_failure(stage: Stage) -> None:
    stage.flowfile('[tasks.bad]\nrun = "exit 1"\n[tasks.then]\nafter = ["bad"]\nrun = "x"\n')
    stage.run("bad", "then", keep_going=True)
    assert stage.statuses() == {"bad": "failed", "then": "succeeded"}


def test_an_allowed_failure_stops_nothing(stage: Stage) -> None:
    stage.flowfile(
        '[tasks.bad]\nrun = "exit 1"\nallow_failure = true\n[tasks.all]\nneeds = ["bad"]\n'
        '[tasks.then]\nneeds = ["all"]\nrun = "x"\n'
    )
    outcome = stage.run("then")
    assert stage.statuses() == {"bad": "failed", "then": "succeeded"}
    assert (outcome.failed, outcome.counts) == ((), {"failed": 1, "succeeded": 1})


def test_a_command_that_cannot_start(stage: Stage) -> None:
    stage.plays["a"] = lambda work: Ended("", error="command `nope` not found in PATH")
    stage.flowfile(CHAIN)
    stage.run("c")
    assert stage.messages() == {"a": "command `nope` not found in PATH"}
    assert stage.recorded() == {"a": "failed"}


def test_fail_fast_also_stops_what_was_about_to_start(stage: Stage) -> None:
    """One of a batch cannot be prepared; the others of the batch are not started, and say so."""
    stage.write("file")
    stage.flowfile('[tasks.bad]\noutputs = ["file/x"]\nrun = "x"\npriority = 1\n' + tasks(2))
    outcome = stage.run(fail_fast=True)
    assert stage.statuses() == {"bad": "failed", "t0": "interrupted", "t1": "interrupted"}
    assert (stage.started(), outcome.failed) == ([], ("bad",))


def test_without_fail_fast_a_batch_that_is_prepared_runs(stage: Stage) -> None:
    stage.write("file")
    stage.flowfile('[tasks.bad]\noutputs = ["file/x"]\nrun = "x"\npriority = 1\n' + tasks(2))
    stage.run()
    assert stage.statuses() == {"bad": "failed", "t0": "succeeded", "t1": "succeeded"}


def test_next_time_only_the_unfinished_runs(stage: Stage) -> None:
    stage.flowfile(BROKEN)
    stage.run(keep_going=True)
    stage.flowfile(BROKEN.replace("exit 3", "make bad"))
    stage.run()
    assert stage.started() == ["bad", "after-bad", "last"]


# -- retries -------------------------------------------------------------------------------------------------------


def flaky(stage: Stage, *endings: int | Ended) -> None:
    """A task `t` whose attempts end like this, one after the other."""
    left = iter(endings)
    stage.plays["t"] = lambda work: next(left)


@pytest.mark.parametrize(
    ("retries", "endings", "status", "delays"),
    [
        ("0", [1], "failed", []),
        ("2", [1, 1, 0], "succeeded", [0, 0]),
        ("2", [1, 1, 1], "failed", [0, 0]),
        ('{ attempts = 3, delay = "2s", backoff = 3 }', [1, 1, 1, 0], "succeeded", [2, 6, 18]),
        ('{ attempts = 3, delay = "2s", backoff = 3, max_delay = "5s" }', [1, 1, 1, 0], "succeeded", [2, 5, 5]),
        ('{ attempts = 3, delay = "4s", jitter = true }', [1, 0], "succeeded", [3]),
        ('{ attempts = 3, on = ["exit:75"] }', [75, 75, 1], "failed", [0, 0]),
        ('{ attempts = 3, on = ["exit:75"] }', [Ended("", signal=9)], "failed", []),
        ('{ attempts = 3, on = ["signal:SIGKILL"] }', [Ended("", signal=9), 0], "succeeded", [0]),
        ('{ attempts = 3, on = ["timeout"] }', [1], "failed", []),
    ],
)
def test_what_is_repeated_and_when(
    stage: Stage, retries: str, endings: list[int | Ended], status: str, delays: list[float]
) -> None:
    stage.jitter = lambda: 0.5
    flaky(stage, *endings)
    stage.flowfile(f'[tasks.t]\nrun = "x"\nretries = {retries}\n')
    before = stage.clock.now()
    outcome = stage.run()
    assert (stage.statuses(), stage.delays()) == ({"t": status}, delays)
    assert [work.attempt for work in stage.executor.started] == list(range(1, len(endings) + 1))
    assert stage.clock.now() - before == pytest.approx(sum(delays) + len(endings))
    assert outcome.counts == {status: 1}
    assert stage.recorded() == {"t": status}


def test_others_run_while_one_waits_to_be_repeated(stage: Stage) -> None:
    flaky(stage, 1, 0)
    stage.flowfile('[tasks.t]\nrun = "x"\nretries = { attempts = 1, delay = "50s" }\npriority = 1\n' + tasks(3))
    stage.run(jobs=1)
    assert stage.started() == ["t", "t0", "t1", "t2", "t"]


def test_a_timeout_is_repeated_with_its_own_time_limit(stage: Stage) -> None:
    stage.seconds["t"] = 9
    stage.flowfile('[tasks.t]\nrun = "x"\ntimeout = "5s"\nretries = { attempts = 1, on = ["timeout"] }\n')
    before = stage.clock.now()
    outcome = stage.run()
    assert stage.messages() == {"t": "timed out after 5 s"}
    assert stage.executor.stopped == [("t", False), ("t", False)]
    assert (outcome.only_timeouts, stage.clock.now() - before) == (True, 10)
    assert stage.recorded() == {"t": "timed_out"}


def test_a_timeout_that_is_ignored_is_followed_by_a_kill(stage: Stage) -> None:
    stage.seconds["t"] = 99
    stage.executor.stubborn = {"t"}
    stage.flowfile('[tasks.t]\nrun = "x"\ntimeout = "5s"\n')
    before = stage.clock.now()
    stage.run(grace=3.0)
    assert stage.executor.stopped == [("t", False), ("t", True)]
    assert (stage.statuses(), stage.clock.now() - before) == ({"t": "timed_out"}, 8)


def test_an_earlier_attempts_time_limit_does_not_strike_a_later_one(stage: Stage) -> None:
    flaky(stage, 1, 0)
    stage.seconds["t"] = 4
    stage.flowfile('[tasks.t]\nrun = "x"\ntimeout = "5s"\nretries = 1\n')
    stage.run()
    assert (stage.statuses(), stage.executor.stopped) == ({"t": "succeeded"}, [])


def test_no_repetition_once_another_task_has_failed(stage: Stage) -> None:
    """Neither for one whose delay is running, nor for one that fails later; both count as what they were."""
    stage.plays |= {"waits": lambda work: 7, "late": lambda work: 8, "bad": lambda work: 1}
    stage.seconds |= {"waits": 1, "bad": 2, "late": 3}
    again = 'retries = { attempts = 1, delay = "99s" }\n'
    stage.flowfile(
        f'[tasks.waits]\nrun = "x"\n{again}[tasks.late]\nrun = "x"\n{again}[tasks.bad]\nrun = "x"\n'
        '[tasks.never]\nrun = "x"\nneeds = ["waits"]\n'
    )
    before = stage.clock.now()
    outcome = stage.run("never", "late", "bad")
    assert stage.messages() == {
        "bad": "exit code 1",
        "waits": "exit code 7; the run ended before it could be repeated",
        "late": "exit code 8; the run ended before it could be repeated",
    }
    assert stage.clock.now() - before == 3
    assert stage.recorded() == {"bad": "failed", "waits": "failed", "late": "failed"}
    assert outcome.counts == {"failed": 3, "skipped": 1}


@pytest.mark.parametrize(("ending", "status"), [(1, "failed"), (Ended("", signal=15), "timed_out")])
def test_a_repetition_that_waits_for_room_when_the_run_ends(stage: Stage, ending: int | Ended, status: str) -> None:
    """Its delay is over, but the only place is taken by a task that then fails."""
    flaky(stage, ending)
    stage.plays["bad"] = lambda work: 1
    stage.seconds |= {"t": 9 if status == "timed_out" else 1, "bad": 50}
    stage.flowfile(
        '[tasks.t]\nrun = "x"\nretries = { attempts = 1, delay = 2 }\ntimeout = "5s"\npriority = 1\n'
        '[tasks.bad]\nrun = "x"\n'
    )
    outcome = stage.run(jobs=1)
    assert stage.started() == ["t", "bad"]
    assert stage.statuses() == {"bad": "failed", "t": status}
    assert (stage.recorded()["t"], outcome.failed) == (status, ("bad", "t"))


def test_what_cannot_be_read_before_a_repetition_ends_it(stage: Stage) -> None:
    def replace_input(work: Work) -> int:
        (stage.root / "in").unlink()
        os.symlink("/proc/self/mem", stage.root / "in")
        return 1

    stage.plays["t"] = replace_input
    stage.write("in")
    stage.flowfile('[tasks.t]\ninputs = ["in"]\nrun = "x"\nretries = 3\n')
    stage.run()
    assert stage.started() == ["t"]
    assert stage.messages() == {"t": f"exit code 1; cannot read `{stage.root}/in`: Input/output error"}
    assert stage.recorded() == {"t": "failed"}


# -- stopping ------------------------------------------------------------------------------------------------------


def send(stage: Stage, number: int, *times: float) -> None:
    """Let signals come at these times, as seen from the waiting loop."""
    start, left = stage.clock.now(), list(times)
    for time in times:
        stage.clock.alarm(time)

    def tick(now: float) -> None:
        while left and now >= start + left[0]:
            left.pop(0)
            stage.signals.send(number)

    stage.on_tick = tick


def test_a_signal_that_comes_while_many_files_are_looked_at_starts_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(files: DiskFiles, paths: Iterable[str], most: int | None = None) -> int:
        stage.signals.send(signal.SIGINT)
        raise KeyboardInterrupt

    monkeypatch.setattr(DiskFiles, "foresee", interrupted)
    stage.flowfile(tasks(MANY))
    outcome = stage.run()
    assert stage.started() == []
    assert (outcome.signal, outcome.counts) == (signal.SIGINT, {"skipped": MANY})


def test_an_interruption_that_is_no_signal_goes_on_to_who_knows_of_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(files: DiskFiles, paths: Iterable[str], most: int | None = None) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(DiskFiles, "foresee", interrupted)
    stage.flowfile(tasks(MANY))
    with pytest.raises(KeyboardInterrupt):
        stage.run()


def test_a_signal_stops_what_runs_and_starts_nothing_more(stage: Stage) -> None:
    send(stage, signal.SIGTERM, 5)
    stage.seconds |= {"t0": 2, "t1": 60, "t2": 60}
    stage.flowfile(tasks(4))
    outcome = stage.run(jobs=2)
    assert stage.statuses() == {"t0": "succeeded", "t1": "interrupted", "t2": "interrupted", "t3": "skipped"}
    assert (outcome.signal, outcome.failed) == (signal.SIGTERM, ())
    assert stage.recorded() == {"t0": "succeeded", "t1": "interrupted", "t2": "interrupted"}
    assert sorted(stage.executor.stopped) == [("t1", False), ("t2", False)]


def test_who_ignores_the_signal_is_killed_after_the_grace_period(stage: Stage) -> None:
    send(stage, signal.SIGINT, 5)
    stage.seconds["t0"] = 60
    stage.executor.stubborn = {"t0"}
    stage.flowfile(tasks(1))
    before = stage.clock.now()
    stage.run(grace=7.0)
    assert stage.executor.stopped == [("t0", False), ("t0", True)]
    assert stage.clock.now() - before == 12


def test_a_second_signal_kills_at_once(stage: Stage) -> None:
    send(stage, signal.SIGINT, 5, 6)
    stage.seconds["t0"] = 60
    stage.executor.stubborn = {"t0"}
    stage.flowfile(tasks(1))
    before = stage.clock.now()
    assert stage.run(grace=30.0).signal == signal.SIGINT
    assert stage.executor.stopped == [("t0", False), ("t0", True)]
    assert stage.clock.now() - before == 6


def test_two_signals_at_once_kill(stage: Stage) -> None:
    send(stage, signal.SIGINT, 5, 5)
    stage.seconds["t0"] = 60
    stage.flowfile(tasks(1))
    stage.run()
    assert stage.executor.stopped == [("t0", True)]


def test_a_signal_while_waiting_to_repeat(stage: Stage) -> None:
    flaky(stage, 75)
    send(stage, signal.SIGHUP, 5)
    stage.flowfile('[tasks.t]\nrun = "x"\nretries = { attempts = 9, delay = "1h" }\n')
    before = stage.clock.now()
    outcome = stage.run()
    assert (outcome.signal, stage.clock.now() - before) == (signal.SIGHUP, 5)
    assert stage.statuses() == {"t": "failed"}
    assert stage.recorded() == {"t": "failed"}


def test_a_signal_before_anything_started(stage: Stage) -> None:
    stage.flowfile(CHAIN)
    stage.signals.send(signal.SIGINT)
    outcome = stage.run("c")
    assert (stage.started(), outcome.signal, outcome.counts) == ([], signal.SIGINT, {"skipped": 3})
    assert stage.begun == 0


def test_stopping_with_many_ready_tasks_starts_no_other(stage: Stage) -> None:
    stage.flowfile('[tasks.many]\nforeach = { n = { range = [0, 10000] } }\nrun = "x {{ n }}"\n')
    stage.plays["many@1"] = lambda work: stage.signals.send(signal.SIGINT)
    outcome = stage.run(jobs=3)
    assert len(stage.started()) <= 6
    assert sum(outcome.counts.values()) == 10_000
    assert set(outcome.counts) <= {"succeeded", "interrupted", "skipped"}


def test_the_deadline_stops_the_run(stage: Stage) -> None:
    stage.seconds |= {"t0": 3, "t1": 60}
    stage.flowfile(tasks(3))
    before = stage.clock.now()
    outcome = stage.run(jobs=1, deadline=10.0)
    assert stage.statuses() == {"t0": "succeeded", "t1": "interrupted", "t2": "skipped"}
    assert (outcome.deadline_passed, outcome.failed, stage.clock.now() - before) == (True, (), 10)


def test_the_deadline_while_only_a_repetition_is_waited_for(stage: Stage) -> None:
    flaky(stage, 1)
    stage.flowfile('[tasks.t]\nrun = "x"\nretries = { attempts = 1, delay = "1h" }\n')
    before = stage.clock.now()
    outcome = stage.run(deadline=10.0)
    assert (stage.statuses(), outcome.failed, stage.clock.now() - before) == ({"t": "failed"}, ("t",), 10)


def test_a_deadline_that_is_met_changes_nothing(stage: Stage) -> None:
    stage.flowfile(CHAIN)
    before = stage.clock.now()
    outcome = stage.run("c", deadline=1000.0)
    assert (outcome.deadline_passed, stage.clock.now() - before) == (False, 3)


# -- confirmation --------------------------------------------------------------------------------------------------

ASKING = '[tasks.drop]\nrun = "x"\nconfirm = "Really?"\n[tasks.then]\nneeds = ["drop"]\nrun = "x"\n' + tasks(1)


@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        (True, {"drop": "succeeded", "then": "succeeded", "t0": "succeeded"}),
        (False, {"drop": "failed", "then": "skipped", "t0": "succeeded"}),
    ],
)
def test_who_does_not_confirm_stops_only_what_depends_on_it(
    stage: Stage, answer: bool, statuses: dict[str, str]
) -> None:
    asked = []
    stage.confirm = lambda task, question: bool(asked.append((task, question))) or answer
    stage.flowfile(ASKING)
    stage.run("then", "t0", keep_going=True)
    assert (asked, stage.statuses()) == ([("drop", "Really?")], statuses)


def test_the_question_is_a_template(stage: Stage) -> None:
    asked = []
    stage.confirm = lambda task, question: not asked.append(question)
    stage.flowfile(
        "[tasks.drop]\nforeach = { base = ['a', 'b'] }\nconfirm = 'Drop {{ base }} of {{ params.at }}?'\nrun = 'x'\n"
        "[params]\nat = 'home'\n"
    )
    stage.run(jobs=1)
    assert asked == ["Drop a of home?", "Drop b of home?"]


def test_nobody_is_asked_about_what_is_fresh(stage: Stage) -> None:
    asked = []
    stage.confirm = lambda task, question: not asked.append(task)
    stage.flowfile('[tasks.a]\noutputs = ["a"]\nrun = "make a"\nconfirm = "Really?"\n')
    stage.run()
    stage.run()
    assert asked == ["a"]


def test_nobody_is_asked_again_for_a_repetition(stage: Stage) -> None:
    asked = []
    stage.confirm = lambda task, question: not asked.append(task)
    flaky(stage, 1, 0)
    stage.flowfile('[tasks.t]\nrun = "x"\nretries = 1\nconfirm = "Really?"\n')
    stage.run()
    assert (asked, stage.started()) == (["t"], ["t", "t"])


def test_a_signal_at_the_question_is_no_answer(stage: Stage) -> None:
    def interrupt(task: str, question: str) -> bool:
        stage.signals.send(signal.SIGINT)
        return False

    stage.confirm = interrupt
    stage.flowfile(ASKING)
    outcome = stage.run("then")
    assert (stage.statuses(), outcome.failed) == ({"drop": "skipped", "then": "skipped"}, ())
    assert outcome.signal == signal.SIGINT


# -- learning on the way -------------------------------------------------------------------------------------------

FAN = """\
[tasks.split]
inputs = ["source"]
outputs = ["list"]
run = "split"
[tasks.part]
foreach = { n = { lines = "list" } }
outputs = ["part-{{ n }}"]
run = "make part-{{ n }}"
[tasks.join]
inputs = ["part-*"]
outputs = ["all"]
run = "make all"
"""


def splitting(stage: Stage, text: str) -> None:
    stage.write("source", text)
    stage.plays["split"] = lambda work: stage.write("list", text)
    stage.flowfile(FAN)


def test_a_fan_out_happens_when_its_source_is_done(stage: Stage) -> None:
    splitting(stage, "1\n2\n3\n")
    outcome = stage.run("join", jobs=2)
    assert stage.started() == ["split", "part@1", "part@2", "part@3", "join"]
    assert [(e.by, e.count) for e in stage.events if isinstance(e, TasksFound)] == [("part", 3)]
    assert outcome.counts == {"succeeded": 5}
    splitting(stage, "2\n4\n")
    stage.run("join")
    assert stage.started() == ["split", "part@4", "join"]


@pytest.mark.parametrize("keep_going", [True, False])
def test_a_fan_out_that_makes_no_sense_fails_like_a_task(stage: Stage, keep_going: bool) -> None:
    splitting(stage, "x\n")
    stage.flowfile(FAN + '[tasks.clash]\noutputs = ["part-x"]\nrun = "make part-x"\n' + tasks(1))
    outcome = stage.run("join", "t0", keep_going=keep_going, jobs=1)
    assert stage.statuses()["part"] == "failed"
    assert "part-x" in stage.messages()["part"]
    assert stage.statuses()["join"] == "skipped"
    assert stage.statuses()["t0"] == ("succeeded" if keep_going else "skipped")
    assert outcome.failed == ("part",)


def test_listed_paths_are_made_on_demand(stage: Stage) -> None:
    stage.plays["index"] = lambda work: stage.write("list", "a\nb\n")
    stage.write("b")
    stage.flowfile(
        '[tasks.index]\noutputs = ["list"]\nrun = "x"\n[tasks.a]\noutputs = ["a"]\nrun = "make a"\n'
        '[tasks.all]\ninputs = [{ lines = "list" }]\nrun = "x {{ inputs }}"\n'
    )
    stage.run("all")
    assert stage.started() == ["index", "a", "all"]
    assert stage.executor.started[-1].argv[-1] == "x list a b"


def test_reasons_are_told_before_the_start(stage: Stage) -> None:
    stage.flowfile(CHAIN)
    stage.run("c")
    stage.write("a", "edited")
    stage.run("c", demand={"forced": frozenset({"c"})})
    told = {
        event.task: [reason["kind"] for reason in event.reasons]
        for event in stage.events
        if isinstance(event, TaskJudged)
    }
    assert told == {"a": ["output_changed"], "c": ["forced"]}


def test_only_leaves_upstreams_alone(stage: Stage) -> None:
    stage.flowfile(CHAIN)
    stage.write("b", "by hand")
    assert state_names(stage.run("c", demand={"only": True})) == {"c": "succeeded"}


def test_force_all(stage: Stage) -> None:
    stage.flowfile(CHAIN)
    stage.run("c")
    stage.run("c", demand={"force_all": True})
    assert stage.started() == ["a", "b", "c"]
