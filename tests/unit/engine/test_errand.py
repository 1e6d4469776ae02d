"""The program that a job runs: it does what a node does, at a fraction of the price."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from flowmake.core.ports import ABSENT, Ended, Work
from flowmake.engine.errand import SMALL
from flowmake.engine.mailbox import Mailbox
from flowmake.engine.node import carry_out
from flowmake.world.hashing import hash_file
from tests.processes import LIMIT

HEAVY = {"msgspec", "typing", "re", "json", "pickle", "subprocess", "socket", "threading", "psutil", "site"}


class Desk:
    """A mailbox, and the program told to carry out what is put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.box = Mailbox(str(folder / "box"))
        self.box.create()
        self._count = 0

    def post(self, *argv: str, **more: Any) -> Work:
        self._count += 1
        folder = str(self.folder)
        given: dict[str, Any] = {"log": f"{folder}/log", "cwd": folder, "root": folder, "env": dict(os.environ)}
        work = Work(task="t", attempt=1, argv=argv, fence=f"r-{self._count}", **(given | more))
        assert self.box.post(work) == ""
        return work

    def start(self, *works: Work, python: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        program, *rest = self.box.command(*(work.fence for work in works))
        return subprocess.Popen([program, *python, *rest], stderr=subprocess.PIPE, text=True)

    def end(self, process: subprocess.Popen[str]) -> list[Ended]:
        """What it reported, once it is over."""
        _, said = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, said
        return [ended for _, ended in sorted(self.box.results())]

    def run(self, *argv: str, **more: Any) -> Ended:
        (ended,) = self.end(self.start(self.post(*argv, **more)))
        return ended

    def shell(self, text: str, **more: Any) -> Ended:
        return self.run("sh", "-c", text, **more)

    def until(self, is_so: Callable[[], Any]) -> None:
        limit = time.monotonic() + LIMIT
        while not is_so():
            assert time.monotonic() < limit
            time.sleep(0.01)

    def exists(self, name: str) -> bool:
        return (self.folder / name).exists()

    def said(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_every_job_pays_for_is_little(desk: Desk) -> None:
    """As long as a command starts, ends well and leaves plain files, nothing heavy is loaded."""
    works = [desk.post("sh", "-c", "echo made > out", outputs=("out",)), desk.post("false")]
    process = desk.start(*works, python=("-X", "importtime"))
    _, said = process.communicate(timeout=LIMIT)
    loaded = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert {"flowmake.engine.errand", "xxhash"} <= loaded
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("flowmake")} == {
        "flowmake",
        "flowmake.engine",
        "flowmake.engine.errand",
        "flowmake.engine.pigeonholes",
        "flowmake.world",
        "flowmake.world.contents",
        "flowmake.world.ticks",
    }
    assert [ended.exit_code for _, ended in sorted(desk.box.results())] == [0, 1]


@pytest.mark.parametrize(
    "make",
    [
        "echo plain > out",
        ": > out",
        "echo tool > out; chmod +x out",
        f"truncate -s {SMALL + 1} out",
        "ln -s nowhere out",
        "echo x > there; ln -s there out",
        "mkfifo out",
        "mkdir out",
        ":",
        "mkdir -p dir/sub; echo 1 > dir/one; echo 2 > dir/sub/two; : > dir/empty",
    ],
)
def test_outputs_are_told_as_a_node_tells_them(desk: Desk, make: str) -> None:
    outputs = ("dir/", "beside") if "dir/" in make else ("out", "beside")
    ended = desk.shell(f"{make}; echo beside > beside", outputs=outputs)
    argv = {"argv": ("true",), "outputs": outputs}
    work = Work("t", 1, f"{desk.folder}/log", str(desk.folder), dict(os.environ), root=str(desk.folder), **argv)
    assert ended.exit_code == 0
    assert ended.outputs == carry_out(work).outputs
    assert ended.outputs["beside"].digest == hash_file(f"{desk.folder}/beside")
    assert (ended.outputs[outputs[0]].digest == ABSENT) == (make in (":", "mkdir out"))


def test_a_digest_is_good_for_any_later_change(desk: Desk) -> None:
    """It is made only when another change of the file would show in its times."""
    ended = desk.shell("echo before > out", outputs=("out",))
    before = os.stat(desk.folder / "out")
    (desk.folder / "out").write_text("after!\n")
    assert ended.outputs["out"].size == before.st_size == 7
    assert os.stat(desk.folder / "out").st_mtime_ns > before.st_mtime_ns


@pytest.mark.parametrize("argv", [("no-such-program",), ("/",), ("./not-executable",), ("./no-interpreter",), ()])
def test_why_a_command_cannot_start_is_told_as_a_node_tells_it(desk: Desk, argv: tuple[str, ...]) -> None:
    (desk.folder / "not-executable").write_text("x")
    (desk.folder / "no-interpreter").write_text("#!/nowhere/to/be/found\n")
    (desk.folder / "no-interpreter").chmod(0o755)
    ended = desk.run(*argv)
    work = Work("t", 1, f"{desk.folder}/log", str(desk.folder), dict(os.environ), argv, root=str(desk.folder))
    assert ended.error
    assert ended == carry_out(work)


def test_a_folder_to_run_in_that_is_not_there_is_told(desk: Desk) -> None:
    assert "does not exist" in desk.run("true", cwd=f"{desk.folder}/gone").error


def test_the_folder_of_the_log_is_made(desk: Desk) -> None:
    assert desk.run("echo", "hello", log=f"{desk.folder}/logs/of/t").exit_code == 0
    assert (desk.folder / "logs/of/t").read_text() == "hello\n"


def test_a_command_starts_as_a_local_one_does(desk: Desk) -> None:
    """In a session of its own, reading nothing, with the signals that Python ignores as they were."""
    ended = desk.shell(
        "ps -o sid= -p $$ | tr -d ' '; echo $$; readlink /proc/self/fd/0; grep SigIgn /proc/self/status; echo $HERE",
        env={**os.environ, "HERE": "caf\udce9"},
    )
    assert ended.exit_code == 0
    raw = (desk.folder / "log").read_bytes().splitlines()
    assert raw[0] == raw[1]
    assert raw[2] == b"/dev/null"
    assert int(raw[3].split()[1], 16) & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)) == 0
    assert raw[4] == b"caf\xe9"


def test_figures_are_those_of_the_command(desk: Desk) -> None:
    use = "from time import process_time as t; x = bytearray(100_000_000)\nwhile t() < 0.2: pass"
    ended = desk.run(sys.executable, "-c", use)
    assert ended.cpu_seconds >= 0.2
    assert ended.seconds >= 0.2
    assert ended.max_rss > 100_000_000
    assert ended.host == os.uname().nodename


def test_a_signal_is_told(desk: Desk) -> None:
    ended = desk.shell("kill -USR1 $$")
    assert (ended.exit_code, ended.signal) == (None, signal.SIGUSR1)


def test_a_timeout_counts_from_the_start_and_comes_before_the_kill(desk: Desk) -> None:
    ended = desk.shell("trap '' TERM; echo begun; while :; do sleep 0.1; done", timeout=0.3, grace=0.3)
    assert ended.timed_out
    assert ended.signal == signal.SIGKILL
    assert ended.seconds >= 0.6
    assert desk.said() == "begun\n"


@pytest.mark.parametrize(("kill", "number"), [(False, signal.SIGTERM), (True, signal.SIGKILL)])
def test_a_wish_is_heeded(desk: Desk, kill: bool, number: int) -> None:
    work = desk.post("sh", "-c", "echo > begun; exec sleep 1000")
    process = desk.start(work)
    desk.until(lambda: desk.exists("begun"))
    desk.box.ask_to_stop(work.fence, kill=kill)
    (ended,) = desk.end(process)
    assert ended.signal == number
    assert not ended.timed_out


def test_being_told_to_end_ends_the_command_and_starts_no_more(desk: Desk) -> None:
    works = [desk.post("sh", "-c", "echo > begun; exec sleep 1000"), desk.post("true")]
    process = desk.start(*works)
    desk.until(lambda: desk.exists("begun"))
    process.terminate()
    (ended,) = desk.end(process)
    assert ended.signal == signal.SIGTERM
    assert not desk.box.is_claimed(works[1].fence)


def left_alive(desk: Desk) -> bool:
    return psutil.pid_exists(int((desk.folder / "pid").read_text()))


def test_what_a_success_leaves_in_the_background_stays(desk: Desk) -> None:
    assert desk.shell("sleep 1000 & echo $! > pid").exit_code == 0
    assert left_alive(desk)
    os.kill(int((desk.folder / "pid").read_text()), signal.SIGKILL)


def test_what_a_failure_leaves_is_killed(desk: Desk) -> None:
    assert desk.shell("sleep 1000 & echo $! > pid; exit 3").exit_code == 3
    desk.until(
        lambda: (
            not left_alive(desk) or psutil.Process(int(desk.folder.joinpath("pid").read_text())).status() == "zombie"
        )
    )


def test_a_stopped_attempt_lasts_as_long_as_anything_of_it(desk: Desk) -> None:
    """The leader goes at once; another of its group tidies up first."""
    tidy = "trap 'sleep 0.3; echo > tidied; exit' TERM; echo > begun; while :; do sleep 0.05; done"
    work = desk.post("sh", "-c", f'sh -c "{tidy}" & exec sleep 1000')
    process = desk.start(work)
    desk.until(lambda: desk.exists("begun"))
    desk.box.ask_to_stop(work.fence, kill=False)
    (ended,) = desk.end(process)
    assert ended.signal == signal.SIGTERM
    assert desk.exists("tidied")


def test_one_is_carried_out_once(desk: Desk) -> None:
    work = desk.post("sh", "-c", "echo once >> count; sleep 0.1")
    processes = [desk.start(work) for _ in range(5)]
    for process in processes:
        desk.end(process)
    assert (desk.folder / "count").read_text() == "once\n"


def test_what_nobody_wants_any_more_is_cleaned_up(desk: Desk) -> None:
    work = desk.post("sh", "-c", "echo > out; echo > begun; while [ ! -e go ]; do sleep 0.02; done", outputs=("out",))
    process = desk.start(work)
    desk.until(lambda: desk.exists("begun"))
    desk.box.forget(work.fence)
    (desk.folder / "go").touch()
    assert desk.end(process) == []
    assert not desk.exists("out")
    assert not desk.box.is_claimed(work.fence)


def test_an_end_that_cannot_be_told_is_told_again(desk: Desk) -> None:
    work = desk.post("sh", "-c", "echo > begun")
    blocked = Path(desk.box.path("results", work.fence))
    blocked.mkdir()  # nothing can be renamed onto it
    process = desk.start(work)
    desk.until(lambda: desk.exists("begun") and list(blocked.parent.glob(f".{work.fence}*")) == [])
    blocked.rmdir()
    (ended,) = desk.end(process)
    assert ended.exit_code == 0


def test_calls_are_left_to_a_python_that_knows_its_packages(desk: Desk) -> None:
    (desk.folder / "job.py").write_text("def f(to): open(to, 'w').write('called')\n")
    first = desk.post("sh", "-c", "echo first > order")
    call = desk.post(call="job:f", args={"to": f"{desk.folder}/out"}, outputs=("out",))
    last = desk.post("sh", "-c", "echo last >> order")
    ends = desk.end(desk.start(first, call, last))
    assert [ended.exit_code for ended in ends] == [0, 0, 0]
    assert (desk.folder / "out").read_text() == "called"
    assert (desk.folder / "order").read_text() == "first\nlast\n"
