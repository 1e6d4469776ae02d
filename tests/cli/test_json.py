"""Every `--json` document is what its schema says, in each of the states that change its shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from xxhash import xxh3_128_hexdigest

from flowmake.cli.schema import schema_of

COMMANDS = {
    "status": ["status", "--all"],
    "why": ["why", "all", "lint"],
    "list": ["list"],
    "show": ["show", "part"],
    "check": ["check"],
    "history": ["history"],
    "lineage": ["lineage", "in.txt"],
    "doctor": ["doctor"],
}


def document_of(project: Any, kind: str, *args: str, code: int = 0) -> Any:
    done = project.run(*args, "--json")
    assert (done.code, done.stderr) == (code, "")
    document = json.loads(done.stdout)
    Draft202012Validator(schema_of(kind)).validate(document)
    assert next(iter(document.items())) == ("v", 1)
    return document


@pytest.mark.parametrize("kind", COMMANDS)
def test_documents_before_the_first_run(letters: Any, kind: str) -> None:
    document_of(letters, kind, *COMMANDS[kind])


@pytest.mark.parametrize("kind", COMMANDS)
def test_documents_of_what_is_stale_and_waiting(built: Any, kind: str) -> None:
    built.write("in.txt", "changed\n")
    document_of(built, kind, *COMMANDS[kind])


def test_status(built: Any) -> None:
    built.write("in.txt", "abd\n")
    upper, part = document_of(built, "status", "status", "part@1")["tasks"]
    assert upper["verdict"] == "stale"
    (reason,) = upper["reasons"]
    assert (reason["kind"], reason["path"]) == ("input_changed", "in.txt")
    assert reason["old"] == xxh3_128_hexdigest(b"abc\n")
    assert reason["new"] == xxh3_128_hexdigest(b"abd\n")
    assert (part["verdict"], part["reasons"], part["waiting_on"]) == ("waiting", [], ["upper"])
    assert part["last_status"] == "succeeded"
    assert isinstance(part["seconds"], float)


def test_why_names_targets_and_what_they_wait_on(built: Any) -> None:
    built.write("in.txt", "abd\n")
    document = document_of(built, "why", "why", "part@1")
    assert document["targets"] == ["part@1"]
    assert [task["task"] for task in document["tasks"]] == ["part@1", "upper"]
    assert document["tasks"][0]["inputs"] == [{"path": "upper.txt", "digest": None, "made_by": "upper"}]


def test_check_with_problems(project: Any) -> None:
    project.flowfile('[tasks.a]\nruns = "x"\n')
    document = document_of(project, "check", "check", code=2)
    assert document == {
        "v": 1,
        "ok": False,
        "problems": [
            {
                "file": "Flowfile",
                "line": 2,
                "column": 1,
                "message": "unknown field `runs`",
                "hint": "did you mean `run`?",
                "notes": [],
            }
        ],
        "tasks": 0,
    }


def test_check_without_problems(letters: Any) -> None:
    assert document_of(letters, "check", "check") == {"v": 1, "ok": True, "problems": [], "tasks": 5}


def test_history_has_the_tasks_of_every_run(built: Any) -> None:
    (run,) = document_of(built, "history", "history")["runs"]
    assert (run["status"], run["exit_code"], run["targets"]) == ("succeeded", 0, ["all"])
    assert run["argv"] == ["flowmake", "run", "-q"]
    assert sorted(task["task"] for task in run["tasks"]) == ["all", "part@1", "part@2", "upper"]


def test_lineage_goes_back_to_what_no_task_made(built: Any) -> None:
    built.write("in.txt", "changed\n")
    document = document_of(built, "lineage", "lineage", "all.txt")
    assert document["path"] == "all.txt"
    assert [(file["path"], file["task"], file["edited"]) for file in document["files"]] == [
        ("all.txt", "all", False),
        ("part1.txt", "part@1", False),
        ("part2.txt", "part@2", False),
        ("upper.txt", "upper", False),
        ("in.txt", "", True),
    ]


def test_a_fan_out_not_known_yet(project: Any) -> None:
    project.flowfile("""\
        [tasks.split]
        outputs = ["parts/"]
        run = "mkdir -p parts; touch parts/a"

        [tasks.each]
        foreach = { p = { glob = "parts/{p}", from = "split" } }
        inputs = ["parts/{{ p }}"]
        run = "cat {{ inputs }}"
        """)
    listed = document_of(project, "list", "list")["tasks"][1]
    assert (listed["foreach"], listed["instances"]) == (["p"], None)
    assert "each@… (not known yet)" in project.run("list").stdout
