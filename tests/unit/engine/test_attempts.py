"""One attempt from preparation to record: what a command is given, what is believed of it, what is kept."""

from __future__ import annotations

import os
from typing import Any

import pytest

from flowmake.core.events import Notice, TaskFinished, TaskRetrying, TaskStarted
from flowmake.core.ports import Ended, Work
from tests.stage import Stage


def finished(stage: Stage) -> TaskFinished:
    """The end of the only task."""
    (event,) = (event for event in stage.events if isinstance(event, TaskFinished))
    return event


def notices(stage: Stage) -> list[str]:
    return [event.text for event in stage.events if isinstance(event, Notice)]


# -- what a command is given ---------------------------------------------------------------------------------------


def test_work_is_rendered_whole(stage: Stage) -> None:
    stage.write("in put")
    stage.flowfile(
        '[env]\nLANG = "C"\n[tasks.t]\ninputs = ["in put"]\noutputs = ["d/out"]\ncwd = "sub"\nwrapper = ["nice"]\n'
        'shell = ["sh", "-c"]\nenv = { X = "1" }\nrun = "cp {{ inputs }} {{ outputs }}"\n'
    )
    (stage.root / "sub").mkdir()
    stage.plays["t"] = lambda work: stage.write("d/out")
    stage.run()
    (work,) = stage.executor.started
    assert work == Work(
        task="t",
        attempt=1,
        log=str(stage.root / "logs/t"),
        cwd=str(stage.root / "sub"),
        env={
            "PATH": "/bin",
            "LANG": "C",
            "X": "1",
            "FLOWMAKE_TASK": "t",
            "FLOWMAKE_RUN_ID": "run1",
            "FLOWMAKE_ROOT": str(stage.root),
        },
        argv=("nice", "sh", "-c", "cp 'in put' d/out"),
        root=str(stage.root),
    )


@pytest.mark.parametrize(
    ("action", "command"),
    [('run = "echo  {{ task.name }}"', "echo  t"), ('exec = ["echo", "{{ task.name }}"]', "echo t")],
)
def test_the_start_is_told_as_a_person_would_type_it(stage: Stage, action: str, command: str) -> None:
    stage.flowfile(f'[tasks.t]\ndescription = "Says so"\n{action}\n')
    stage.run()
    (event,) = (event for event in stage.events if isinstance(event, TaskStarted))
    assert (event.command, event.attempt, event.pid, event.description) == (command, 1, 1, "Says so")


# -- what is believed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "status", "message"),
    [
        (0, "succeeded", ""),
        (2, "failed", "exit code 2"),
        (Ended("", signal=9), "failed", "killed by SIGKILL"),
        (Ended("", signal=99), "failed", "killed by signal 99"),
        (Ended("", error="command `x` not found in PATH"), "failed", "command `x` not found in PATH"),
        (Ended("", exit_code=1, error="ValueError: no"), "failed", "ValueError: no"),
    ],
)
def test_how_an_end_is_taken(stage: Stage, ending: int | Ended, status: str, message: str) -> None:
    stage.plays["t"] = lambda work: ending
    stage.flowfile('[tasks.t]\nrun = "x"\n')
    stage.run()
    event = finished(stage)
    assert (event.status, event.message, event.seconds) == (status, message, 1.0)
    (record,) = stage.store.tasks_of("run1")
    assert (record.status, record.exit_code, record.signal) == (status, event.exit_code, event.signal)
    assert (record.seconds, record.log, record.reasons[0]) == (1.0, event.log, {"kind": "always"})
    assert ("t" in stage.store.traces()) is (status == "succeeded")


def test_success_without_its_outputs_is_a_failure(stage: Stage) -> None:
    stage.flowfile('[tasks.t]\noutputs = ["a", "b", "d/", "p/*.x"]\nrun = "make b"\n')
    stage.run()
    assert finished(stage).message == "exit code 0, but it did not make `a`, `p/*.x`"
    assert (stage.exists("b"), "t" in stage.store.traces()) == (False, False)


def test_outputs_are_recorded_with_their_digests(stage: Stage) -> None:
    stage.flowfile('[tasks.t]\noutputs = ["a", "p/*.x"]\nrun = "make a p/1.x p/2.x p/no"\n')
    stage.run()
    trace = stage.store.traces()["t"]
    assert list(trace.outputs) == ["a", "p/1.x", "p/2.x"]
    assert finished(stage).outputs == dict(trace.outputs)
    assert (trace.run, trace.seconds) == ("run1", 1.0)


def test_an_input_that_changes_meanwhile_leaves_the_task_stale(stage: Stage) -> None:
    stage.write("in", "before")
    stage.plays["t"] = lambda work: (stage.write("in", "meanwhile"), stage.write("out"))[0]
    stage.flowfile('[tasks.t]\ninputs = ["in"]\noutputs = ["out"]\nrun = "x"\n')
    stage.run()
    assert finished(stage).status == "succeeded"
    assert notices(stage) == ["`in` changed while `t` ran; it stays stale"]
    stage.plays["t"] = lambda work: stage.write("out")
    assert stage.run().counts == {"succeeded": 1}
    assert stage.run().counts == {"fresh": 1}


def test_an_output_that_cannot_be_read(stage: Stage) -> None:
    stage.plays["t"] = lambda work: os.symlink("/proc/self/mem", stage.root / "out")
    stage.flowfile('[tasks.t]\noutputs = ["out"]\nrun = "x"\n')
    stage.run()
    assert (finished(stage).status, finished(stage).message) == (
        "failed",
        f"cannot read `{stage.root}/out`: Input/output error",
    )
    assert not stage.exists("out")


def test_a_run_with_the_same_result_is_cut_off(stage: Stage) -> None:
    stage.write("in", "1")
    stage.flowfile('[tasks.t]\ninputs = ["in"]\noutputs = ["out"]\nrun = "make out"\n')
    stage.run()
    assert not finished(stage).cut_off
    stage.write("in", "2")
    stage.run()
    assert finished(stage).cut_off


# -- depfiles ------------------------------------------------------------------------------------------------------

DEPFILE = '[tasks.t]\ninputs = ["main.c"]\noutputs = ["main.o"]\ndepfile = "main.d"\nrun = "x"\n'


def compiling(stage: Stage, *headers: str) -> None:
    def compile(work: Work) -> None:
        stage.write("main.o", "".join((stage.root / name).read_text() for name in headers))
        stage.write("main.d", f"main.o: main.c {' '.join(headers)} {stage.root}/main.c main.o\n")

    for name in ("main.c", *headers):
        stage.write(name, name)
    stage.plays["t"] = compile


def test_what_a_depfile_lists_counts_from_then_on(stage: Stage) -> None:
    compiling(stage, "a.h", "sub/b.h")
    stage.flowfile(DEPFILE)
    stage.run()
    assert stage.store.traces()["t"].discovered == ("a.h", "sub/b.h")
    assert stage.run().counts == {"fresh": 1}
    stage.write("sub/b.h", "edited")
    assert stage.run().counts == {"succeeded": 1}


@pytest.mark.parametrize("left_over", [True, False])
def test_a_depfile_that_was_not_written(stage: Stage, left_over: bool) -> None:
    if left_over:
        stage.write("main.d", "main.o: a.h\n")
    stage.write("main.c")
    stage.plays["t"] = lambda work: stage.write("main.o")
    stage.flowfile(DEPFILE)
    stage.run()
    assert finished(stage).message == "cannot take over the outputs: the depfile was not written: main.d"


# -- what is kept --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "left"), [("", False), ('on_fail_outputs = "delete"\n', False), ('on_fail_outputs = "keep"\n', True)]
)
def test_what_a_failure_leaves_behind(stage: Stage, more: str, left: bool) -> None:
    stage.write("same", "old")

    def play(work: Work) -> int:
        stage.write("half")
        stage.write("undeclared")
        return 1

    stage.plays["t"] = play
    stage.flowfile(f'[tasks.t]\noutputs = ["half", "same"]\nrun = "x"\n{more}')
    stage.run()
    assert (stage.exists("half"), stage.exists("same"), stage.exists("undeclared")) == (left, True, True)


def test_what_a_stopped_attempt_wrote_is_deleted_before_it_is_repeated(stage: Stage) -> None:
    seen = []

    def play(work: Work) -> int:
        seen.append(stage.exists("out"))
        stage.write("out")
        return 2 - work.attempt

    stage.plays["t"] = play
    stage.flowfile('[tasks.t]\noutputs = ["out"]\nrun = "x"\nretries = 1\n')
    stage.run()
    assert (seen, finished(stage).status, stage.exists("out")) == ([False, False], "succeeded", True)


def test_atomic_outputs_come_into_being_whole(stage: Stage) -> None:
    stage.write("out", "old")
    seen = []

    def play(work: Work) -> int:
        path = work.argv[-1].removeprefix("make ")
        stage.write(path, "new")
        seen.append((path, (stage.root / "out").read_text()))
        return 2 - work.attempt

    stage.plays["t"] = play
    stage.flowfile('[tasks.t]\noutputs = ["out"]\natomic = true\nrun = "make {{ outputs }}"\nretries = 1\n')
    stage.run()
    assert seen == [(".flowmake-staged.out", "old")] * 2
    assert sorted(path.name for path in stage.root.iterdir()) == ["Flowfile", "out"]
    assert (stage.root / "out").read_text() == "new"
    assert stage.run().counts == {"fresh": 1}


def test_an_atomic_output_that_cannot_be_put_in_place(stage: Stage) -> None:
    stage.write("out/mine", "mine")
    stage.plays["t"] = lambda work: stage.write(".flowmake-staged.out")
    stage.flowfile('[tasks.t]\noutputs = ["out"]\natomic = true\nrun = "x"\n')
    stage.run()
    assert finished(stage).message.startswith("cannot take over the outputs: Is a directory: ")
    assert (stage.exists("out/mine"), stage.exists(".flowmake-staged.out")) == (True, False)


def test_outputs_that_cannot_be_prepared_start_nothing_and_delete_nothing(stage: Stage) -> None:
    stage.write("file")
    stage.write("old", "old")
    stage.flowfile('[tasks.t]\noutputs = ["old", "file/x"]\nrun = "x"\n')
    stage.run()
    assert finished(stage).message == f"cannot prepare the outputs: File exists: {stage.root}/file"
    assert (stage.started(), stage.exists("old")) == ([], True)


def test_the_end_of_the_log_is_told_safely(stage: Stage) -> None:
    def play(work: Work) -> int:
        log = stage.root / "logs/t"
        log.parent.mkdir()
        log.write_bytes(b"".join(b"line %d\n" % number for number in range(100)) + b"\x1b[31mred\xff\n")
        return 1

    stage.plays["t"] = play
    stage.flowfile('[tasks.t]\nrun = "x"\n')
    stage.run()
    tail = finished(stage).tail
    assert (len(tail), tail[0]) == (20, "line 81")
    assert not any(character < " " for line in tail for character in line)


def test_what_writes_to_the_terminal_has_no_log(stage: Stage) -> None:
    stage.flowfile('[tasks.t]\nrun = "exit 1"\nconsole = true\n')
    stage.run()
    (work,) = stage.executor.started
    assert (work.console, work.log, finished(stage).log, finished(stage).tail) == (True, "", "", ())


def test_each_repetition_is_told(stage: Stage) -> None:
    stage.plays["t"] = lambda work: Ended("", signal=9)
    stage.flowfile('[tasks.t]\nrun = "x"\nretries = { attempts = 1, delay = 4 }\n')
    stage.run()
    (event,) = (event for event in stage.events if isinstance(event, TaskRetrying))
    assert (event.attempt, event.delay, event.signal, event.timed_out) == (1, 4, 9, False)
    end: Any = finished(stage)
    assert (end.attempt, end.seconds, end.message) == (2, 1.0, "killed by SIGKILL")
