"""Commands that misbehave: deaf grandchildren, deserters, floods, sudden deaths."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flowmake.engine.executors.local import LocalExecutor
from flowmake.world.orphans import find_orphans, stop_orphans
from tests.processes import Bench, Meeting, is_alive, kill, python, wait_gone


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(LocalExecutor(), tmp_path)
    yield bench
    bench.executor.close()


# -- how it ended ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE, signal.SIGTERM])
def test_a_fatal_signal_is_not_an_exit_code(bench: Bench, number: int) -> None:
    ended = bench.run("a", "sh", "-c", f"kill -{number} $$")
    assert (ended.exit_code, ended.signal) == (None, number)


def test_what_it_took_is_reported(bench: Bench) -> None:
    block = 64 * 1024 * 1024
    ended = bench.run("a", *python(f"data = bytearray(b'x' * {block}); sum(range(1000000))"))
    assert ended.max_rss > block
    assert ended.cpu_seconds > 0


def test_a_child_that_someone_else_collects_is_an_error(bench: Bench) -> None:
    pid = bench.start("a", "true")
    os.waitpid(pid, 0)
    (ended,) = bench.ends(1)
    assert (ended.exit_code, ended.signal) == (None, None)
    assert ended.error == "its exit status was collected by another part of this program"


def test_children_of_the_host_program_are_left_to_it(bench: Bench) -> None:
    stranger = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], {})
    assert bench.run("a", "true").exit_code == 0
    _, status = os.waitpid(stranger, 0)
    assert os.waitstatus_to_exitcode(status) == 5


# -- failures to start -----------------------------------------------------------------------------------------


def test_failures_to_start_are_sentences(bench: Bench) -> None:
    folder = bench.folder
    (folder / "plain").write_text("echo")
    (folder / "plain").chmod(0o644)
    (folder / "lost").write_text("#!/no/such/interpreter\n")
    (folder / "lost").chmod(0o755)
    (folder / "noise").write_bytes(b"\x01\x02\x03")
    (folder / "noise").chmod(0o755)
    said = {
        argv: bench.run("a", *argv).error
        for argv in [
            ("nope",),
            ("./nope",),
            ("./plain",),
            ("./lost",),
            ("./noise",),
            (f"{folder}",),
            ("echo", "a\0b"),
            (),
        ]
    }
    assert said == {
        ("nope",): "command `nope` not found in PATH",
        ("./nope",): "command `./nope` not found",
        ("./plain",): "command `./plain` is not executable",
        ("./lost",): "command `./lost` names an interpreter in its `#!` line that does not exist",
        ("./noise",): "command `./noise` is neither a program nor a script with a `#!` line",
        (f"{folder}",): f"command `{folder}` is a directory",
        ("echo", "a\0b"): "cannot start `echo`: embedded null byte",
        (): "the command is empty",
    }


def test_the_folder_is_named_when_it_is_to_blame(bench: Bench) -> None:
    (bench.folder / "file").write_text("")
    assert bench.run("a", "true", cwd="/no/such/folder").error == "working directory `/no/such/folder` does not exist"
    path = f"{bench.folder}/file"
    assert bench.run("a", "true", cwd=path).error == f"working directory `{path}` is not a directory"


def test_arguments_beyond_the_systems_limit(bench: Bench) -> None:
    error = bench.run("a", "true", "x" * 10_000_000).error
    assert error == "cannot start `true`: its arguments and environment are too long for the system"


def test_a_log_that_cannot_be_written(bench: Bench) -> None:
    (bench.folder / "file").write_text("")
    error = bench.run("a", "true", log=f"{bench.folder}/file/a.log").error
    assert error == f"cannot write the log `{bench.folder}/file/a.log`: Not a directory"


def test_a_failure_to_start_wakes_whoever_waits(bench: Bench) -> None:
    bench.start("a", "nope")
    bench.clock.wait(bench.executor.fds(), None)
    assert [ended.task for ended in bench.executor.poll()] == ["a"]


# -- surroundings ----------------------------------------------------------------------------------------------

ROUND = pytest.mark.parametrize("here", [True, False], ids=["here", "elsewhere"])
"""A command in the folder of this process is started in another way than one elsewhere."""


@ROUND
def test_surroundings(bench: Bench, here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if here:
        monkeypatch.chdir(bench.folder)
    code = (
        "import os, signal\n"
        "print(os.readlink('/proc/self/fd/0'), os.getsid(0) == os.getpid() == os.getpgid(0), os.getcwd())\n"
        "print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n"
        "print(dict(os.environ))"
    )
    bench.run("a", sys.executable, "-I", "-c", code, env={"ONLY": "this", "LC_ALL": "C.UTF-8"})
    assert bench.log("a").splitlines() == [
        f"/dev/null True {bench.folder}",
        "True",
        "{'ONLY': 'this', 'LC_ALL': 'C.UTF-8'}",
    ]


@ROUND
def test_a_broken_pipe_ends_a_command_quietly(bench: Bench, here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if here:
        monkeypatch.chdir(bench.folder)
    assert bench.run("a", "bash", "-c", "yes | head -1; echo ${PIPESTATUS[0]}").exit_code == 0
    assert bench.log("a") == f"y\n{128 + signal.SIGPIPE}\n"


@ROUND
def test_only_the_given_descriptors_are_inherited(tmp_path: Path, here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    bench = Bench(LocalExecutor(pass_fds=(writer,)), tmp_path)
    if here:
        monkeypatch.chdir(tmp_path)
    given, own = f"/proc/self/fd/{writer}", f"/proc/self/fd/{reader}"
    bench.run("a", "sh", "-c", f"echo hello > {given}; test -e {own} || echo closed")
    os.close(writer)
    assert os.read(reader, 100) == b"hello\n"
    assert bench.log("a") == "closed\n"
    os.close(reader)
    bench.executor.close()


def test_the_program_is_found_in_the_childs_path(bench: Bench) -> None:
    tools = bench.folder / "tools"
    tools.mkdir()
    (tools / "sh").mkdir()
    (tools / "only-here").write_text("#!/bin/sh\necho found\n")
    (tools / "only-here").chmod(0o755)
    env = {"PATH": f"tools:{os.defpath}"}
    assert bench.run("a", "only-here", env=env).exit_code == 0
    assert bench.run("b", "sh", "-c", "echo sh", env=env).exit_code == 0
    assert (bench.log("a"), bench.log("b")) == ("found\n", "sh\n")


def test_a_program_that_was_made_meanwhile_is_found_where_it_comes_first(bench: Bench) -> None:
    """As when one task builds the tool of the next, and another one of that name is installed."""
    env = {"PATH": "built:installed:" + os.defpath}
    for folder in ("installed", "built"):
        (bench.folder / folder).mkdir()
        (bench.folder / folder / "tool").write_text(f"#!/bin/sh\necho {folder}\n")
        (bench.folder / folder / "tool").chmod(0o755)
        assert bench.run(folder, "tool", env=env).exit_code == 0
        assert bench.log(folder) == f"{folder}\n"


# -- output ----------------------------------------------------------------------------------------------------


def test_bytes_go_to_the_log_as_they_are(bench: Bench) -> None:
    (bench.folder / "a.log").write_bytes(b"before\n")
    bench.run("a", "sh", "-c", r"printf 'out\377\n'; printf 'err\376\000\n' >&2")
    assert (bench.folder / "a.log").read_bytes() == b"before\nout\xff\nerr\xfe\0\n"


def test_the_logs_folder_is_made(bench: Bench) -> None:
    log = bench.folder / "new" / "er" / "a.log"
    bench.run("a", "echo", "hello", log=str(log))
    assert log.read_text() == "hello\n"


def test_a_flood_of_output_costs_no_memory(bench: Bench) -> None:
    flood = 200_000_000
    before = psutil.Process().memory_info().rss
    assert bench.run("a", "sh", "-c", f"head -c {flood} /dev/zero").exit_code == 0
    assert (bench.folder / "a.log").stat().st_size == flood
    assert psutil.Process().memory_info().rss - before < flood / 10
    (bench.folder / "a.log").unlink()


def test_a_full_disk_is_the_commands_failure(bench: Bench) -> None:
    ended = bench.run("a", "sh", "-c", "echo lost", log="/dev/full")
    assert ended.exit_code in (1, 2)


# -- groups ----------------------------------------------------------------------------------------------------

DEAF_CHILD = "(trap '' TERM; echo > deaf; exec sleep 1000) & echo $! > pid; cat deaf > met; wait"


def deaf_child(bench: Bench, command: str = DEAF_CHILD) -> int:
    """Start task `a`, whose child ignores TERM while it does not itself; the child's pid."""
    met = Meeting(bench.folder, "met")
    os.mkfifo(bench.folder / "deaf")
    bench.start("a", "sh", "-c", command)
    met.wait()
    return int((bench.folder / "pid").read_text())


def test_stopping_is_not_over_while_the_group_lives(bench: Bench) -> None:
    child = deaf_child(bench)
    leader = psutil.Process(child).ppid()
    bench.executor.stop("a")
    wait_gone([leader])
    assert list(bench.executor.poll()) == []
    assert is_alive(child)
    bench.executor.stop("a", kill=True)
    (ended,) = bench.ends(1)
    assert ended.signal == signal.SIGTERM
    wait_gone([child])


def test_a_stopped_group_ends_by_itself_when_its_last_member_does(bench: Bench) -> None:
    child = deaf_child(bench)
    leader = psutil.Process(child).ppid()
    bench.executor.stop("a")
    wait_gone([leader])
    assert list(bench.executor.poll()) == []
    os.kill(child, signal.SIGKILL)
    assert [ended.signal for ended in bench.ends(1)] == [signal.SIGTERM]


def test_killing_takes_the_whole_group(bench: Bench) -> None:
    child = deaf_child(bench)
    bench.executor.stop("a", kill=True)
    assert [ended.signal for ended in bench.ends(1)] == [signal.SIGKILL]
    wait_gone([child])


def test_closing_takes_the_whole_group(bench: Bench) -> None:
    child = deaf_child(bench)
    bench.executor.close()
    wait_gone([child])


def test_what_a_failed_command_left_running_is_killed(bench: Bench) -> None:
    child = deaf_child(bench, DEAF_CHILD.replace("wait", "exit 3"))
    assert [ended.exit_code for ended in bench.ends(1)] == [3]
    wait_gone([child])


def test_what_a_successful_command_left_running_is_left_alone(bench: Bench) -> None:
    child = deaf_child(bench, DEAF_CHILD.replace("wait", "exit 0"))
    try:
        assert [ended.exit_code for ended in bench.ends(1)] == [0]
        assert is_alive(child)
    finally:
        kill(child)


def test_a_daemon_that_keeps_the_log_open_does_not_keep_the_task(bench: Bench) -> None:
    met = Meeting(bench.folder)
    bench.start("a", "sh", "-c", "setsid sh -c 'echo $$ > ready; exec sleep 1000' & exit 0")
    daemon = int(met.wait())
    try:
        assert [ended.exit_code for ended in bench.ends(1)] == [0]
        assert is_alive(daemon)
    finally:
        kill(daemon)


def test_a_daemon_that_left_the_group_does_not_hold_up_stopping(bench: Bench) -> None:
    met = Meeting(bench.folder)
    bench.start("a", "sh", "-c", "setsid sh -c 'echo $$ > ready; exec sleep 1000' & wait")
    daemon = int(met.wait())
    try:
        bench.executor.stop("a")
        assert [ended.signal for ended in bench.ends(1)] == [signal.SIGTERM]
    finally:
        kill(daemon)


def test_a_console_command_shares_our_group_and_is_stopped_alone(bench: Bench) -> None:
    met = Meeting(bench.folder)
    # Its output is ours, that of the tests: it must not print.
    bench.start("a", "sh", "-c", "ps -o pgid= -p $$ > group; echo > ready; exec sleep 1000", console=True)
    met.wait()
    assert int((bench.folder / "group").read_text()) == os.getpgrp()
    bench.executor.stop("a")
    assert [ended.signal for ended in bench.ends(1)] == [signal.SIGTERM]
    assert not (bench.folder / "a.log").exists()


# -- orphans ---------------------------------------------------------------------------------------------------


def survivor(bench: Bench, command: str, run: str = "run-1") -> int:
    """A process that lost its parents and is in a session of its own, as after `kill -9` of flowmake."""
    met = Meeting(bench.folder, f"{run}.met")
    env = {**os.environ, "FLOWMAKE_RUN_ID": run, "FLOWMAKE_ROOT": str(bench.folder), "FLOWMAKE_TASK": "a"}
    script = f"setsid sh -c '{command}' > /dev/null 2>&1 &"
    assert bench.run("a", "sh", "-c", script, env=env).exit_code == 0
    return int(met.wait())


def test_survivors_of_a_dead_run_are_found_and_stopped(bench: Bench) -> None:
    polite = survivor(bench, "echo $$ > run-1.met; exec sleep 1000")
    deaf = survivor(bench, 'trap "" TERM; echo $$ > run-2.met; exec sleep 1000', "run-2")
    other = survivor(bench, "echo $$ > run-3.met; exec sleep 1000", "run-3")
    try:
        found = find_orphans({"run-1", "run-2"}, str(bench.folder))
        assert {(orphan.pid, orphan.task) for orphan in found} == {(polite, "a"), (deaf, "a")}
        assert find_orphans({"run-1"}, "/another/root") == []
        assert stop_orphans(found, grace=0.2) == []
        assert (is_alive(polite), is_alive(deaf), is_alive(other)) == (False, False, True)
    finally:
        for pid in (polite, deaf, other):
            kill(pid)


def test_a_pid_used_again_is_not_touched(bench: Bench) -> None:
    pid = survivor(bench, "echo $$ > run-1.met; exec sleep 1000")
    try:
        (orphan,) = find_orphans({"run-1"}, str(bench.folder))
        earlier = type(orphan)(orphan.pid, orphan.create_time - 100, orphan.task)
        assert stop_orphans([earlier], grace=1) == []
        assert is_alive(pid)
    finally:
        kill(pid)


def test_we_and_our_parents_are_no_orphans(bench: Bench) -> None:
    code = (
        "import os; from flowmake.world.orphans import find_orphans; "
        f"print(find_orphans({{'run-1'}}, {str(bench.folder)!r}))"
    )
    env = {**os.environ, "FLOWMAKE_RUN_ID": "run-1", "FLOWMAKE_ROOT": str(bench.folder)}
    # The shell around Python belongs to the dead run too: someone types into what it left open.
    bench.run("a", "sh", "-c", '"$0" -c "$1"; exit 0', sys.executable, code, env=env)
    assert bench.log("a") == "[]\n"
