"""`report`, `run --junit` and `run --metrics-file`: files, words and what goes wrong."""

from __future__ import annotations

import json
import os
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest


def test_a_report_of_the_last_run(built: Any) -> None:
    done = built.run("report")
    assert (done.code, done.stdout) == (0, "")
    assert built.scrub(done.stderr) == "wrote `report.html`: report of the run RUN\n"
    assert built.read("report.html").startswith("<!doctype html>\n")


def test_a_report_on_stdout(built: Any) -> None:
    done = built.run("report", "-o", "-")
    assert (done.code, done.stderr) == (0, "")
    assert "<title>letters: succeeded, run " in done.stdout
    assert not built.exists("report.html")


def test_looking_changes_nothing(built: Any) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.root.rglob("*")}
    assert built.run("report", "-o", "-").code == 0
    assert {path: path.stat().st_mtime_ns for path in built.root.rglob("*")} == before


def data(project: Any, *args: str) -> Any:
    page = project.run("report", "-o", "-", *args).stdout
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def test_what_is_in_it(built: Any) -> None:
    built.write("in.txt", "xyz\n")
    built.run("run", "-q")
    found = data(built)
    tasks = {task["name"]: task for task in found["tasks"]}
    upper = tasks["upper"]
    assert upper["status"] == "succeeded"
    assert upper["command"] == "tr a-z A-Z < in.txt > upper.txt"
    assert upper["why"].startswith("input changed: in.txt (")
    assert [found["files"][index][0] for index in upper["inputs"] + upper["outputs"]] == ["in.txt", "upper.txt"]
    assert len(upper["history"]) == 1
    assert tasks["part@1"]["log"] == "- part 1"
    assert [found["tasks"][index]["name"] for index in tasks["all"]["upstream"]] == ["part@1", "part@2"]
    assert "status" not in tasks["lint"]
    assert tasks["lint"]["now"] == "stale"
    assert [span["task"] for span in found["spans"]][::3] == ["upper", "all"]
    assert found["tasks"][found["critical"][-1]]["name"] == "all"


def test_an_earlier_run_and_what_it_knew(built: Any) -> None:
    first = built.run("history").stdout.splitlines()[1].split()[0]
    built.run("run", "-q", "--set", "sign=+")
    tasks = {task["name"]: task for task in data(built, "--run", first)["tasks"]}
    assert (tasks["part@1"]["command"], tasks["part@1"]["log"]) == (
        "echo - part 1; head -c 1 upper.txt > part1.txt",
        "- part 1",
    )
    assert "history" not in tasks["part@1"]


def test_tasks_and_inputs_that_are_no_more(built: Any) -> None:
    built.flowfile('[tasks.other]\ninputs = ["missing.txt"]\nrun = "cat missing.txt"\n')
    tasks = {task["name"]: task for task in data(built)["tasks"]}
    assert (tasks["upper"]["status"], tasks["upper"]["now"]) == ("succeeded", "gone")
    assert tasks["other"]["now"] == "stale"


@pytest.mark.parametrize(
    ("fields", "status", "ended"),
    [
        ('run = "exit 3"', "failed", "exit code 3"),
        ('run = "kill -9 $$"', "failed", "killed by SIGKILL"),
        ('run = "true"\noutputs = ["x"]', "failed", "exit code 0, but it did not make `x`"),
        ('run = "read line < gate"\ntimeout = "50ms"', "timed_out", None),
        ('run = "exit 0"', "succeeded", None),
    ],
)
def test_how_a_task_ended(project: Any, fields: str, status: str, ended: str | None) -> None:
    project.flowfile(f"[tasks.a]\n{fields}")
    with project.gate():
        project.run("run", "-q")
    (task,) = data(project)["tasks"]
    assert (task["status"], task.get("ended")) == (status, ended)


def test_the_critical_path_counts_every_attempt(project: Any) -> None:
    project.flowfile("""
        [tasks.one]
        run = "test -e once || { touch once; exit 1; }"
        retries = { attempts = 1, delay = "300ms" }

        [tasks.two]
        run = "true"
        """)
    assert project.run("run", "-q").code == 0
    found = data(project)
    assert [found["tasks"][index]["name"] for index in found["critical"]] == ["one"]
    assert [span["status"] for span in found["spans"] if span["task"] == "one"] == ["retried", "succeeded"]


def test_a_run_whose_events_and_logs_are_gone(built: Any) -> None:
    for path in (built.root / ".flowmake" / "runs").rglob("*.*l*"):
        if path.is_file():
            path.unlink()
    found = data(built)
    assert {task["name"]: task.get("status") for task in found["tasks"]} == {
        **dict.fromkeys(("upper", "part@1", "part@2", "all"), "succeeded"),
        "lint": None,
    }
    assert len(found["spans"]) == 4


def test_a_run_that_died_in_the_middle(project: Any) -> None:
    project.flowfile('[tasks.slow]\nrun = "echo begun; read line < gate"')
    with project.gate() as gate, project.start("run", "--progress", "plain") as running:
        assert running.stderr.readline() == b"[0/1] slow started\n"
        assert data(project)["tasks"][0]["status"] == "running"
        running.kill()
        running.wait(30)
        gate.write(b"\n")
    found = data(project)
    assert found["tasks"][0]["status"] == "interrupted"
    assert "badge run-interrupted" in project.run("report", "-o", "-").stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ((), 2, "error: there is no run `last`\nhint: nothing has been run here yet\n"),
        (("--run", "1999"), 2, "error: there is no run `1999`\nhint: nothing has been run here yet\n"),
    ],
)
def test_no_run_no_report(letters: Any, args: tuple[str, ...], code: int, message: str) -> None:
    done = letters.run("report", *args)
    assert (done.code, done.stdout, done.stderr) == (code, "", message)


def test_a_place_that_cannot_be_written_to(built: Any) -> None:
    done = built.run("report", "-o", "no/report.html")
    assert (done.code, done.stderr) == (4, "error: cannot write `no/report.html`: No such file or directory\n")


def test_a_trace(built: Any) -> None:
    done = built.run("report", "--format", "trace")
    assert built.scrub(done.stderr) == "wrote `trace.json`: trace of the run RUN\n"
    events = json.loads(built.read("trace.json"))["traceEvents"]
    upper = next(event for event in events if event["name"] == "upper" and event["tid"])
    assert upper["args"] == {
        "status": "succeeded",
        "attempt": 1,
        "command": "tr a-z A-Z < in.txt > upper.txt",
        "reasons": ["never ran"],
        "exit_code": 0,
    }


def test_a_trace_of_many_short_tasks_has_one_at_a_time_for_each_worker(project: Any) -> None:
    project.flowfile('[tasks.a]\nforeach = { n = { range = [0, 60] } }\nrun = "true"')
    assert project.run("run", "-q", "-j3").code == 0
    events = json.loads(project.run("report", "--format", "trace", "-o", "-").stdout)["traceEvents"]
    spans = sorted((e["tid"], e["ts"], e["ts"] + e["dur"], e["name"]) for e in events if e["ph"] == "X" and e["tid"])
    assert {name for *_, name in spans} == {f"a@{n}" for n in range(60)}
    assert {thread for thread, *_ in spans} <= {1, 2, 3}
    assert [(one, other) for one, other in pairwise(spans) if one[0] == other[0] and one[2] > other[1]] == []


def test_metrics_are_replaced_as_a_whole(letters: Any) -> None:
    """Who has the file open, as a collector may, reads the old one to its end."""
    assert letters.run("run", "-q", "--metrics-file", "flow.prom").code == 0
    old = letters.read("flow.prom")
    with open(letters.root / "flow.prom") as reader:
        begun = reader.read(10)
        letters.write("in.txt", "xyz")
        assert letters.run("run", "-q", "--metrics-file", "flow.prom").code == 0
        assert begun + reader.read() == old
    assert letters.read("flow.prom") != old
    assert sorted(path.name for path in letters.root.glob("*.prom*")) == ["flow.prom"]


def test_junit_of_a_run_and_of_one_with_nothing_to_do(letters: Any) -> None:
    for skipped in ("0", "4", "4"):
        assert letters.run("run", "-q", "--junit", "junit.xml").code == 0
        suite = ElementTree.parse(letters.root / "junit.xml").getroot()[0]
        assert (suite.get("name"), suite.get("tests"), suite.get("skipped")) == ("letters", "4", skipped)
    assert sorted(name for name in os.listdir(letters.root) if "junit" in name) == ["junit.xml"]


def test_metrics_of_good_and_bad_runs(letters: Any) -> None:
    last = r'flowmake_run_last_success_timestamp_seconds\{flow="letters"\} (.*)'
    assert letters.run("run", "-q", "--metrics-file", "flow.prom").code == 0
    good = re.findall(last, letters.read("flow.prom"))
    assert 'flowmake_run_success{flow="letters"} 1\n' in letters.read("flow.prom")
    letters.write("in.txt", "")
    assert letters.run("run", "-q", "--metrics-file", "flow.prom", "lint").code == 1
    assert 'flowmake_run_success{flow="letters"} 0\n' in letters.read("flow.prom")
    assert re.findall(last, letters.read("flow.prom")) == good


@pytest.mark.parametrize(("option", "what"), [("--junit", "JUnit XML"), ("--metrics-file", "metrics")])
def test_a_folder_that_is_not_there_is_told_before_the_run(letters: Any, option: str, what: str) -> None:
    done = letters.run("run", option, "no/file")
    told = done.stderr.replace(str(letters.root), "ROOT")
    assert (done.code, told) == (4, f"error: cannot write {what} to `no/file`: there is no folder `ROOT/no`\n")
    assert not letters.exists("upper.txt")


@pytest.mark.parametrize(("option", "what"), [("--junit", "JUnit XML"), ("--metrics-file", "metrics")])
def test_a_file_that_cannot_be_written_does_not_undo_the_run(letters: Any, option: str, what: str) -> None:
    (letters.root / "folder").mkdir()
    done = letters.run("run", "-q", option, "folder")
    assert (done.code, done.stderr) == (0, f"warning: cannot write {what} to `folder`: Is a directory\n")
