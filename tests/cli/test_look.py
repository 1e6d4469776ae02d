"""`list`, `show`, `log`, `history`, `lineage`: whole outputs."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import Any

import pytest


def test_list(letters: Any) -> None:
    assert letters.run("list").stdout == (
        "TASK        TAGS  DESCRIPTION\n"
        "upper       text  Letters in capitals\n"
        "part@… (2)  -     -\n"
        "all         -     -\n"
        "lint        -     -\n"
    )


def test_list_by_tag(letters: Any) -> None:
    assert letters.run("list", "--tag", "text").stdout == (
        "TASK   TAGS  DESCRIPTION\nupper  text  Letters in capitals\n"
    )
    assert letters.run("list", "--tag", "none").stdout == ""


def test_show(built: Any) -> None:
    done = built.run("show", "part@1")
    assert (done.code, done.stderr) == (0, "")
    assert built.scrub(done.stdout) == (
        "part@1\n"
        "  keys       n = 1\n"
        "  command    echo - part 1; head -c 1 upper.txt > part1.txt\n"
        '             shell: ["bash", "-euo", "pipefail", "-c"]\n'
        "  inputs     upper.txt (made by upper)\n"
        "  outputs    part1.txt\n"
        "  upstream   upper\n"
        "  downstream all\n"
        "  state      fresh; last run TIME, succeeded after SECONDS\n"
        "  declared   Flowfile:15:8\n"
    )


def test_show_settings_and_what_is_not_known_yet(project: Any) -> None:
    project.flowfile("""\
        [tasks.make]
        outputs = ["d/*.txt"]
        run = "mkdir -p d; touch d/x.txt"

        [tasks.join]
        inputs = ["d/*.txt"]
        run = "cat {{ inputs }}"
        retries = 2
        timeout = "5s"
        """)
    assert project.run("show", "join").stdout == (
        "join\n"
        "  command    not known before what it reads is made\n"
        "  upstream   make\n"
        "  settings   retries = { attempts = 2 }\n"
        "             timeout = 5.0\n"
        "  state      stale: never ran\n"
        "  declared   Flowfile:5:8\n"
    )


def test_log_of_one_task_is_what_it_printed(built: Any) -> None:
    assert built.run("log", "part@2").stdout == "- part 2\n"


def test_logs_of_all_instances_have_headings(letters: Any) -> None:
    letters.run("run", "-q", "-j1")
    assert letters.run("log", "part").stdout == "==> part@1 <==\n- part 1\n\n==> part@2 <==\n- part 2\n"


def test_log_of_an_earlier_run(built: Any) -> None:
    built.run("run", "-q", "--set", "sign=+")
    first = built.run("history").stdout.splitlines()[2].split()[0]
    assert built.run("log", "part@1").stdout == "+ part 1\n"
    assert built.run("log", "part@1", "--run", first).stdout == "- part 1\n"


def test_log_of_what_never_ran(letters: Any) -> None:
    done = letters.run("log", "upper")
    assert (done.code, done.stderr) == (
        2,
        "error: there is no log of `upper`\nhint: `flowmake history` lists what was run\n",
    )


def test_log_follows_a_task_until_it_ends(project: Any) -> None:
    project.flowfile('[tasks.slow]\nrun = "echo begun; read line < gate; echo $line"')
    with project.gate() as gate, project.start("run", "--progress", "plain") as running:
        assert running.stderr.readline() == b"[0/1] slow started\n"
        with project.start("log", "slow", "-f") as following:
            assert following.stdout.readline() == b"begun\n"
            gate.write(b"ended\n")
            assert following.communicate(timeout=30) == (b"ended\n", b"")
        assert running.wait(30) == 0


TWO = """\
[tasks.first]
run = "echo one; read line < gate; echo $line"

[tasks.second]
after = ["first"]
run = "echo two; printf 'no end of line'"
"""


def test_log_follows_a_whole_run(project: Any) -> None:
    project.flowfile(TWO)
    with project.gate() as gate, project.start("run", "--progress", "plain") as running:
        assert running.stderr.readline() == b"[0/2] first started\n"
        with project.start("log", "-f") as following:
            assert following.stdout.readline() == b"first | one\n"
            gate.write(b"ended\n")
            said = b"first | ended\nsecond | two\nsecond | no end of line\n"
            assert following.communicate(timeout=30) == (said, b"")
            assert following.returncode == 0
        assert running.wait(30) == 0


def test_log_follows_a_task_that_has_not_begun(project: Any) -> None:
    project.flowfile(TWO)
    with project.gate() as gate, project.start("run", "--progress", "plain") as running:
        assert running.stderr.readline() == b"[0/2] first started\n"
        with project.start("log", "-f", "second") as following, project.start("log", "-f", "first") as other:
            assert other.stdout.readline() == b"one\n"
            gate.write(b"ended\n")
            assert following.communicate(timeout=30) == (b"two\nno end of line", b"")
            assert other.communicate(timeout=30) == (b"ended\n", b"")
        assert running.wait(30) == 0


def test_log_follows_nothing_where_nothing_runs(built: Any) -> None:
    assert built.run("log", "-f", "part@2").stdout == "- part 2\n"
    assert built.run("log", "-f", "--run", "last").stdout == built.run("log").stdout


def test_history(built: Any) -> None:
    built.run("run", "-q", "-B", "upper")
    done = built.run("history")
    assert re.sub(" +", " ", built.scrub(done.stdout)) == (
        "RUN STARTED TOOK STATUS TASKS TARGETS\n"
        "RUN TIME SECONDS succeeded 1 succeeded upper\n"
        "RUN TIME SECONDS succeeded 4 succeeded all\n"
    )


def test_history_of_a_run(built: Any) -> None:
    built.run("run", "-q", "-B", "upper")
    done = built.run("history", "last")
    assert re.sub(" +", " ", built.scrub(done.stdout)) == (
        "TASK STATUS STARTED TOOK ATTEMPT EXIT\nupper succeeded TIME SECONDS 1 0\n"
    )


def test_history_of_a_run_stopped_by_a_signal(project: Any) -> None:
    project.flowfile('[tasks.slow]\nrun = "read line < gate"')
    with project.gate(), project.start("run", "--progress", "plain") as running:
        assert running.stderr.readline() == b"[0/1] slow started\n"
        os.kill(running.pid, signal.SIGINT)
        running.communicate(timeout=30)
        assert running.returncode == 130
    done = project.run("history", "last")
    assert re.sub(" +", " ", project.scrub(done.stdout)).splitlines()[1].startswith("slow interrupted TIME SECONDS 1")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("1999", "error: there is no run `1999`\nhint: `flowmake history` lists the runs\n"),
        ("2", "error: `2` is the beginning of 2 runs\nhint: give more of the id\n"),
    ],
)
def test_history_of_no_run(built: Any, given: str, message: str) -> None:
    built.run("run", "-q", "-B", "upper")
    done = built.run("history", given)
    assert (done.code, done.stderr) == (2, message)


def test_history_before_any_run(letters: Any) -> None:
    assert letters.run("history").stdout == ""
    assert (
        letters.run("history", "last").stderr == "error: there is no run `last`\nhint: nothing has been run here yet\n"
    )


def test_lineage(built: Any) -> None:
    built.write("in.txt", "changed\n")
    done = built.run("lineage", "part1.txt")
    text = re.sub(r"  for +\S+@\S+\n", "", built.scrub(done.stdout))
    assert text == (
        "part1.txt (9b0498)\n"
        "  made by   part@1, TIME in SECONDS, run RUN\n"
        "  recipe    echo - part 1; head -c 1 upper.txt > part1.txt\n"
        '            shell: ["bash", "-euo", "pipefail", "-c"]\n'
        "  from      upper.txt\n"
        "upper.txt (cd9076)\n"
        "  made by   upper, TIME in SECONDS, run RUN\n"
        "  recipe    tr a-z A-Z < in.txt > upper.txt\n"
        '            shell: ["bash", "-euo", "pipefail", "-c"]\n'
        "  from      in.txt\n"
        "in.txt (158bbe, edited since)\n"
        "  made by   no recorded task\n"
    )


def test_lineage_of_nothing(built: Any) -> None:
    done = built.run("lineage", "nope")
    assert (done.code, done.stderr) == (2, "error: `nope` does not exist, and no recorded run made it\n")


def test_lineage_of_many_alike_tells_of_some(project: Any) -> None:
    project.flowfile("""\
        [tasks.part]
        foreach = { n = { range = [10, 25] } }
        inputs = ["src/{{ n }}"]
        outputs = ["part/{{ n }}"]
        run = "cp {{ inputs }} {{ outputs }}"

        [tasks.whole]
        inputs = ["part/*"]
        outputs = ["whole"]
        run = "cat {{ inputs }} > {{ outputs }}"
        """)
    for number in range(10, 25):
        project.write(f"src/{number}", str(number))
    assert project.run("run", "-q").code == 0
    project.write("src/24", "edited")
    lines = project.run("lineage", "whole").stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")][:4] == [
        "whole",
        "part/10",
        "part/11",
        "part/12",
    ]
    assert "            part/19" in lines
    assert "            part/20" not in lines
    assert "            and 5 more" in lines
    assert lines[-2:] == [
        "and 12 more files made by part: `--json` tells of all",
        "and 4 more files that no recorded task made: `--json` tells of all",
    ]
    assert next(line for line in lines if "edited since" in line).startswith("src/24 (")
    assert len(json.loads(project.run("lineage", "whole", "--json").stdout)["files"]) == 31
