"""`diff`: whole outputs, and which runs are meant."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cli.test_json import document_of


@pytest.fixture
def twice(built: Any) -> Any:
    """Two runs: in the second, another input and another command for the parts."""
    built.write("in.txt", "abd\n")
    assert built.run("run", "-q", "--set", "sign=+").code == 0
    return built


def test_diff_of_the_last_two_runs(twice: Any) -> None:
    done = twice.run("diff")
    assert (done.code, done.stderr) == (0, "4 tasks differ, 0 alike\n")
    assert re.sub(" +", " ", twice.scrub(done.stdout)) == (
        "RUN STARTED TOOK STATUS TASKS TARGETS\n"
        "RUN TIME SECONDS succeeded 4 succeeded all\n"
        "RUN TIME SECONDS succeeded 3 succeeded, 1 fresh all\n"
        "\n"
        "TASK OLDER NEWER DIFFERENCE\n"
        "part@1 succeeded SECONDS succeeded SECONDS outputs came out unchanged, recipe changed, inputs changed\n"
        "part@2 succeeded SECONDS succeeded SECONDS outputs came out unchanged, recipe changed, inputs changed\n"
        "upper succeeded SECONDS succeeded SECONDS inputs changed, outputs differ\n"
        "all succeeded SECONDS fresh did not run\n"
        "\n"
        "part@1, part@2:\n"
        " recipe changed:\n"
        " echo [---]{+++} part 1; head -c 1 upper.txt > part1.txt\n"
        " input changed: upper.txt (cd9076 → 9681d1)\n"
        "\n"
        "upper:\n"
        " input changed: in.txt (158bbe → 53e090)\n"
    )


def test_diff_as_json(twice: Any) -> None:
    document = document_of(twice, "diff", "diff")
    assert {task["task"]: task["changes"] for task in document["tasks"]}["all"] == ["did_not_run"]
    (upper,) = (task for task in document["tasks"] if task["task"] == "upper")
    assert [cause["path"] for cause in upper["causes"]] == ["in.txt"]
    assert [output["path"] for output in upper["outputs"]] == ["upper.txt"]
    assert document["older"]["started"] < document["newer"]["started"]
    assert document["alike"] == 0


def test_which_runs_are_meant(twice: Any) -> None:
    twice.run("run", "-q", "-B")
    ids = [line.split()[0] for line in twice.run("history").stdout.splitlines()[1:]]

    def compared(*args: str) -> list[str]:
        document = json.loads(twice.run("diff", "--json", *args).stdout)
        return [document["older"]["run"], document["newer"]["run"]]

    assert compared() == [ids[1], ids[0]]
    assert compared("-3") == [ids[2], ids[0]]
    assert compared("-3", "-2") == compared("-2", "-3") == compared(ids[2], ids[1]) == [ids[2], ids[1]]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("-9",), "error: there is no run `-9`\nhint: `flowmake history` lists the runs\n"),
        (("--jsn",), "error: No such option '--jsn'.\nhint: `flowmake diff --help` lists what there is\n"),
        (
            ("a", "b", "c"),
            "error: two runs can be compared, and these are 3\nhint: `flowmake diff --help` lists what there is\n",
        ),
    ],
)
def test_runs_that_cannot_be_meant(built: Any, args: tuple[str, ...], message: str) -> None:
    done = built.run("diff", *args)
    assert (done.code, done.stdout, done.stderr) == (2, "", message)


def test_diff_before_there_are_two_runs(letters: Any) -> None:
    assert letters.run("diff").stderr == "error: there is no run `-2`\nhint: nothing has been run here yet\n"
    letters.run("run", "-q")
    assert letters.run("diff").stderr == "error: there is no run `-2`\nhint: `flowmake history` lists the runs\n"


def test_a_failure_tells_how_it_ended(project: Any) -> None:
    project.flowfile('[tasks.t]\ninputs = ["in"]\nrun = "exit $(cat in)"')
    for code in ("0", "7"):
        project.write("in", code)
        project.run("run", "-q")
    lines = project.scrub(project.run("diff").stdout).splitlines()
    assert re.sub(" +", " ", lines[5 - 1]) == "TASK OLDER NEWER DIFFERENCE"
    assert re.sub(" +", " ", lines[5]) == "t succeeded SECONDS failed SECONDS, exit 7 broken, inputs changed"


def test_what_the_events_told_is_missed_but_not_needed(twice: Any) -> None:
    for events in twice.root.glob(".flowmake/runs/*/events.jsonl"):
        events.unlink()
    document = document_of(twice, "diff", "diff")
    assert {task["task"]: task["changes"] for task in document["tasks"]} == {
        "upper": ["inputs"],
        "part@1": ["recipe", "inputs"],
        "part@2": ["recipe", "inputs"],
        "all": ["gone"],
    }


def test_history_counts_back_as_well(twice: Any) -> None:
    assert twice.run("history", "-1").stdout == twice.run("history", "last").stdout
    assert len(twice.run("history", "-2").stdout.splitlines()) == 1 + 4
    assert twice.run("log", "part@1", "--run", "-2").stdout == "- part 1\n"
