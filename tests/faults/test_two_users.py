"""A root that two users share, and state that belongs to somebody else. To play two users, these tests need root."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import COMMAND, Result
from tests.processes import Meeting, wait_gone

ANN, BOB, GROUP = 65501, 65502, 65500
FLOW = """\
[tasks.a]
inputs = ["in"]
outputs = ["a"]
run = "echo a >> ran; rm -f a; cp in a"
[tasks.b]
inputs = ["a"]
outputs = ["b"]
run = "echo b >> ran; rm -f b; cat a a > b"
"""
READING = "dac_read_search"  # so that neither the interpreter nor the folders of the tests need to be open to all

pytestmark = pytest.mark.root

if sys.platform == "linux":

    @pytest.fixture
    def shared(project: Any) -> Any:
        """A root that a group may write to, and whose files get that group."""
        assert os.geteuid() == 0, "this test plays two users: run it as root"
        for path in (project.root, project.home):
            os.chown(path, 0, GROUP)
            path.chmod(0o2775)
        project.flowfile(FLOW)
        project.write("in", "1")
        return project

    def become(user: int) -> list[str]:
        """Put before a command line, it is run by this user, who is in the group."""
        caps = f"-all,+{READING}"
        who = [f"--reuid={user}", f"--regid={GROUP}", "--clear-groups"]
        return ["setpriv", *who, f"--inh-caps={caps}", f"--ambient-caps={caps}"]

    def run_as(user: int, project: Any, *args: str, umask: int = 0o002, **env: str) -> Result:
        """flowmake as run by this user, who is in the group."""
        done = subprocess.run(
            [*become(user), COMMAND, *args],
            cwd=project.root,
            env=project.environ(env),
            umask=umask,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def test_a_group_shares_a_root(shared: Any) -> None:
        """Each goes on where the other has left off."""
        for number, user in enumerate((ANN, BOB, ANN, BOB)):
            shared.write("in", str(number))
            done = run_as(user, shared, "run")
            assert (done.code, shared.read("b")) == (0, f"{number}{number}"), done.stderr
            other = BOB if user == ANN else ANN
            assert run_as(other, shared, "run").stderr.startswith("nothing to do")
            assert run_as(other, shared, "status", "--check").code == 0
        assert shared.read("ran").split() == ["a", "b"] * 4
        assert run_as(ANN, shared, "clean").code == 0

    def test_the_crash_of_one_is_cleaned_up_by_the_other(shared: Any) -> None:
        shared.flowfile(
            FLOW + '[tasks.c]\ninputs = ["b"]\nrun = "test -e quick || exec kill -9 $PPID; echo c >> ran"\n'
        )
        assert run_as(ANN, shared, "run").code == -9
        shared.write("quick")
        done = run_as(BOB, shared, "run")
        assert (done.code, shared.read("ran").split()) == (0, ["a", "b", "c"]), done.stderr

    def test_the_state_of_another_can_be_looked_at_and_not_written(shared: Any) -> None:
        assert run_as(ANN, shared, "run", "-q", umask=0o022).code == 0
        shared.write("in", "2")
        for look in ("status", "why b", "history", "log a", "graph --format text", "run -n"):
            assert run_as(BOB, shared, *look.split(), umask=0o022).code == 0
        done = run_as(BOB, shared, "run", umask=0o022)
        assert (done.code, done.stdout) == (4, "")
        assert done.stderr == (
            f"error: cannot lock `{shared.root}/.flowmake/lock`: Permission denied; the state belongs to user {ANN}\n"
            "hint: set FLOWMAKE_STATE_DIR to a folder that can be written to\n"
        )
        assert shared.read("ran").split() == ["a", "b"]

    def test_with_a_state_folder_of_ones_own_the_root_may_be_anybodys(shared: Any) -> None:
        assert run_as(ANN, shared, "run", "-q").code == 0
        mine = {"FLOWMAKE_STATE_DIR": f"{shared.home}/state"}
        assert run_as(BOB, shared, "run", **mine).code == 0
        assert run_as(BOB, shared, "run", **mine).stderr.startswith("nothing to do")

    def test_root_stops_what_the_crash_of_another_left_at_work(shared: Any) -> None:
        up = Meeting(shared.root, "up")
        up.path.chmod(0o666)
        shared.flowfile('[tasks.c]\nrun = "test -e quick || { echo $$ > up; exec sleep 999; }"\n')
        run = subprocess.Popen([*become(ANN), COMMAND, "run"], cwd=shared.root, env=shared.environ())
        pid = int(up.wait())
        run.kill()
        run.wait()
        shared.write("quick")
        assert "warning: stopped 1 process that an earlier run had left behind\n" in shared.run("run").stderr
        wait_gone([pid])
