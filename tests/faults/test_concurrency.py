"""Many flowmakes in one root at once. No task ever runs twice at a time, and nobody who looks is in the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Running
from tests.processes import LIMIT, Meeting

# A lock that dies with its holder tells each task whether another copy of it is at work.
ALONE = """\
[tasks.first]
outputs = ["first"]
run = '''
exec 9> lock.first; flock -n 9 || echo first >> overlaps
test ! -p up || echo > up; test ! -p gate || read line < gate
echo first >> ran
echo 1 > first
'''
[tasks.part]
foreach = { n = [1, 2, 3, 4] }
inputs = ["first"]
outputs = ["part{{ n }}"]
run = '''
exec 9> lock.{{ n }}; flock -n 9 || echo {{ n }} >> overlaps
seq 50000 > /dev/null
echo part{{ n }} >> ran
cat first > part{{ n }}
'''
[tasks.whole]
needs = ["part"]
outputs = ["whole"]
run = '''
exec 9> lock.whole; flock -n 9 || echo whole >> overlaps
echo whole >> ran
cat part? > whole
'''
"""
TARGETS = ["whole", "part", "part@2", "first", "part4"]
PATIENT = ["wait", "wait=60"]
IMPATIENT = ["fail", "skip", "wait=0.01"]
LOOKS = ["status --json", "graph --format json", "history --json", "list --json", "run -n", "log first", "why whole"]


def start_all(project: Any, modes: list[str], count: int) -> list[Running]:
    """So many runs at once, with all kinds of targets."""
    return [
        project.start("run", "-q", "--lock", modes[n % len(modes)], TARGETS[n % len(TARGETS)]) for n in range(count)
    ]


def ends(runs: list[Running]) -> list[tuple[int, bytes]]:
    """Exit code and stderr of each."""
    found = []
    for run in runs:
        _, stderr = run.communicate(timeout=LIMIT * 2)
        found.append((run.returncode, stderr))
    return found


def test_twenty_runs_at_once_do_everything_once(project: Any) -> None:
    """One of them gets the lock and meets a gate. Then some wait, some leave, some look, and the gate opens."""
    project.flowfile(ALONE)
    up = Meeting(project.root, "up")
    with project.gate() as gate:
        patient = start_all(project, PATIENT, 10)
        up.wait()
        impatient = start_all(project, IMPATIENT, 10)
        looking = {look: project.start(*look.split()) for look in LOOKS}
        left = ends(impatient)
        seen = {look: (*run.communicate(timeout=LIMIT), run.returncode) for look, run in looking.items()}
        gate.write(b"\n")
        done = ends(patient)
    assert [code for code, _ in left if code not in (0, 75)] == []
    assert {code for code, _ in left} == {0, 75}
    assert [(code, stderr) for code, stderr in done if code] == []
    assert {look: (code, stderr) for look, (_, stderr, code) in seen.items() if code not in (0, 2)} == {}
    for look, (stdout, _, _) in seen.items():
        assert "--json" not in look or json.loads(stdout)["v"] == 1
    assert project.run("run", "-q").code == 0
    assert not project.exists("overlaps")
    assert sorted(project.read("ran").split()) == ["first", "part1", "part2", "part3", "part4", "whole"]
    assert project.read("whole") == "1\n" * 4


@pytest.mark.slow
def test_runs_that_are_killed_and_runs_that_wait_for_them(project: Any) -> None:
    """Whoever comes next stops what the killed one left at work before it starts that again."""
    project.flowfile(ALONE)
    for turn in range(25):
        runs = [project.start("run", "--progress", "plain", "--lock", "wait", target) for target in TARGETS]
        for number, run in enumerate(runs):
            run.stderr.readline()
            if (number + turn) % 2:
                run.kill()
        looks = [project.start(*look.split()) for look in LOOKS]
        assert {code for code, _ in ends(runs)} <= {0, -9}
        assert {code for code, _ in ends(looks)} <= {0, 2}
        assert project.run("run", "-q").code == 0
        assert project.read("whole") == "1\n" * 4
        assert project.run("clean", TARGETS[turn % 4]).code == 0
    assert not project.exists("overlaps")
