"""`run`: what its options do to output and exit code; what tasks do is tested elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_progress_goes_to_stderr(letters: Any) -> None:
    done = letters.run("run", "-j1")
    assert (done.code, done.stdout) == (0, "")
    assert letters.scrub(done.stderr) == (
        "[0/4] upper started: Letters in capitals\n"
        "[1/4] upper ✓ SECONDS\n"
        "[1/4] part@1 started\n"
        "[2/4] part@1 ✓ SECONDS\n"
        "[2/4] part@2 started\n"
        "[3/4] part@2 ✓ SECONDS\n"
        "[3/4] all started\n"
        "[4/4] all ✓ SECONDS\n"
        "done in SECONDS: 4 succeeded\n"
    )


def test_nothing_to_do(built: Any) -> None:
    done = built.run("run")
    assert (done.code, done.stdout, done.stderr) == (0, "", "nothing to do: all 4 tasks are fresh\n")


def test_dry_run_tells_what_a_run_would_find(built: Any) -> None:
    built.write("in.txt", "abd\n")
    done = built.run("run", "--dry-run")
    assert done.code == 0
    assert done.stdout == (
        "upper\n"
        "  input changed: in.txt (158bbe → 53e090)\n"
        "part@1\n"
        "  waiting on upper\n"
        "part@2\n"
        "  waiting on upper\n"
        "all\n"
        "  waiting on part@1, part@2\n"
    )
    assert done.stderr == "4 of 4 tasks would run, 3 of them only if what they wait on comes out changed\n"
    assert built.read("upper.txt") == "ABC\n"


def test_dry_run_with_commands(letters: Any) -> None:
    done = letters.run("run", "-nv", "upper")
    assert done.stdout == (
        'upper\n  never ran\n  $ tr a-z A-Z < in.txt > upper.txt\n  $ shell: ["bash", "-euo", "pipefail", "-c"]\n'
    )


def test_dry_run_with_nothing_to_do(built: Any) -> None:
    done = built.run("run", "-n")
    assert (done.code, done.stdout, done.stderr) == (0, "", "nothing to do\n")


def test_quiet_speaks_only_of_failures(project: Any) -> None:
    project.flowfile(
        '[tasks.good]\noutputs = ["y"]\nrun = "touch y"\n[tasks.bad]\noutputs = ["x"]\nrun = "echo why; exit 7"'
    )
    done = project.run("run", "-q", "-k", "-j1")
    assert (done.code, done.stdout) == (1, "")
    assert "good" not in done.stderr
    assert "`bad`: exit code 7" in done.stderr
    assert "    why\n" in done.stderr


def test_no_progress_leaves_the_closing_line(letters: Any) -> None:
    done = letters.run("run", "--progress", "none")
    assert letters.scrub(done.stderr) == "done in SECONDS: 4 succeeded\n"


def test_events_on_stdout(letters: Any) -> None:
    done = letters.run("run", "-q", "--events", "-", "upper")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == [
        "run_started",
        "task_judged",
        "task_started",
        "task_finished",
        "run_finished",
    ]
    assert events[0]["argv"] == ["flowmake", "run", "-q", "--events", "-", "upper"]


def test_events_in_a_file_are_appended(letters: Any) -> None:
    letters.run("run", "-q", "--events", "events.jsonl", "upper")
    letters.run("run", "-q", "--events", "events.jsonl", "upper")
    events = [json.loads(line)["event"] for line in letters.read("events.jsonl").splitlines()]
    assert events.count("run_finished") == 2


def test_events_that_cannot_be_written(letters: Any) -> None:
    done = letters.run("run", "--events", "no/such/folder")
    assert (done.code, done.stderr) == (
        4,
        "error: cannot write events to `no/such/folder`: No such file or directory\n",
    )


def test_the_flow_is_found_from_a_folder_below(letters: Any) -> None:
    letters.write("sub/dir/file")
    assert letters.run("run", "-q", cwd="sub/dir").code == 0
    assert letters.exists("all.txt")


@pytest.mark.parametrize(
    "args",
    [
        ("-C", "flow", "run", "-q"),
        ("run", "-q", "-C", "flow"),
        ("-f", "flow/Flowfile", "run", "-q"),
        ("run", "-q", "--file", "flow/Flowfile"),
        ("-C", "flow", "run", "-q", "-f", "Flowfile"),
        ("run", "-q", "-f", "flow"),
    ],
)
def test_the_flow_is_found_where_options_say(project: Any, args: tuple[str, ...]) -> None:
    project.flowfile('[tasks.a]\noutputs = ["a"]\nrun = "touch a"', "flow/Flowfile")
    done = project.run(*args)
    assert (done.code, done.stderr) == (0, "")
    assert project.exists("flow/a")


def test_parameters_from_everywhere(project: Any) -> None:
    project.flowfile(
        '[params]\na = 1\nb = 1\nc = 1\n[tasks.t]\noutputs = ["t"]\n'
        'run = "echo {{ params.a }}{{ params.b }}{{ params.c }} > t"'
    )
    project.write("p.toml", "b = 2\nc = 2\n")
    done = project.run("run", "-q", "--params-file", "p.toml", "--set", "c=3", env={"FLOWMAKE_PARAM_A": "7"})
    assert (done.code, done.stderr) == (0, "")
    assert project.read("t") == "723\n"


def test_parameters_in_yaml_are_not_read(project: Any) -> None:
    project.flowfile('[params]\na = 1\n[tasks.t]\nrun = "true"\n')
    project.write("p.yaml", "a: 2\n")
    done = project.run("run", "--params-file", "p.yaml")
    reason = "Expected '=' after a key in a key/value pair (at line 1, column 2)"
    hint = "parameters are read from TOML or JSON files"
    assert (done.code, done.stderr) == (2, f"error: `p.yaml` is not TOML: {reason}\nhint: {hint}\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-k", "--fail-fast"], "`--keep-going` and `--fail-fast` contradict each other"),
        (["--set", "sign"], "Invalid value for '--set': `sign` is not of the form NAME=VALUE"),
        (["-j", "0"], "Invalid value for '-j' / '--jobs': 0 is not in the range x>=1."),
        (
            ["--lock", "perhaps"],
            "Invalid value for '--lock': `perhaps` is none of `wait`, `wait=SECONDS`, `fail`, `skip`",
        ),
        (
            ["--deadline", "soon"],
            'Invalid value for \'--deadline\': `soon` is not a number of seconds, or text like "5s", "1h30m" or "2d"',
        ),
        (["-C", "nowhere"], "Invalid value for '-C': cannot enter `nowhere`: No such file or directory"),
    ],
)
def test_misuse(letters: Any, args: list[str], message: str) -> None:
    done = letters.run("run", *args)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == f"error: {message}\nhint: `flowmake run --help` lists what there is\n"


def test_an_unknown_target(letters: Any) -> None:
    done = letters.run("run", "uper")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == "error: no task is called `uper`, and none makes such a path\nhint: did you mean `upper`?\n"


def test_a_profile_gives_options_that_the_command_line_overrides(letters: Any) -> None:
    letters.write("ci.toml", 'progress = "none"\nset = ["sign=+"]\n')
    done = letters.run("run", "--profile", "ci.toml", "part")
    assert letters.scrub(done.stderr) == "done in SECONDS: 3 succeeded\n"
    assert letters.run("log", "part@1").stdout == "+ part 1\n"
    letters.run("run", "--profile", "ci.toml", "--set", "sign=*", "part")
    assert letters.run("log", "part@1").stdout == "* part 1\n"


def test_a_profile_that_changed_is_read_again(letters: Any) -> None:
    for text, sign in (("", "-"), ('set = ["sign=+"]', "+"), ('set = ["sign=*"]', "*")):
        letters.write("p.toml", text)
        for _ in range(3):
            assert letters.run("run", "-q", "--profile", "p.toml").code == 0
        assert letters.run("log", "part@1").stdout == f"{sign} part 1\n"


def test_a_profile_by_name_is_the_users(letters: Any) -> None:
    profile = letters.home / ".config/flowmake/profiles/calm.toml"
    profile.parent.mkdir(parents=True)
    profile.write_text("quiet = true\n")
    done = letters.run("run", "--profile", "calm")
    assert (done.code, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("job = 2", "error: `p.toml` sets `job`, which is no option of `flowmake run`\nhint: did you mean `jobs`?\n"),
        ("job = ", "error: the profile `p.toml` is not TOML: Invalid value (at end of document)\n"),
    ],
)
def test_a_profile_with_mistakes(letters: Any, text: str, message: str) -> None:
    letters.write("p.toml", text)
    done = letters.run("run", "--profile", "p.toml")
    assert (done.code, done.stderr) == (2, message)


def test_a_profile_that_is_not_there(letters: Any) -> None:
    done = letters.run("run", "--profile", "./nope")
    assert (done.code, done.stderr) == (2, "error: cannot read the profile `./nope`: No such file or directory\n")
