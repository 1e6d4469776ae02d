"""How much is kept of past runs, and what goes with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

FLOW = """\
[flow]
history = {history}
[tasks.once]
outputs = ["once"]
run = "echo once; touch once"
[tasks.each]
inputs = ["in"]
run = "head -c 100000 /dev/zero | tr '\\\\0' x"
"""


def runs(project: Any) -> list[str]:
    """The ids of the history, the latest first."""
    return [run["run"] for run in json.loads(project.run("history", "--json", "-n", "100").stdout)["runs"]]


def folders(project: Any) -> set[str]:
    return {path.name for path in (project.root / ".flowmake/runs").iterdir()}


@pytest.mark.parametrize(
    ("history", "kept"), [("{}", 5), ("{ runs = 2 }", 2), ('{ size = "350K" }', 3), ('{ age = "0s" }', 1)]
)
def test_the_oldest_runs_go_with_their_logs(project: Any, history: str, kept: int) -> None:
    """And the first, in which a task was made that has not run since, stays."""
    project.flowfile(FLOW.replace("{history}", history))
    seen: list[str] = []
    for number in range(5):
        project.write("in", str(number))
        assert project.run("run", "-q").code == 0
        seen = [runs(project)[0], *seen]
    expected = seen[:kept] if kept == 5 else [*seen[:kept], seen[-1]]
    assert (runs(project), folders(project)) == (expected, set(expected))
    assert project.run("log", "once").stdout == "once\n"
    assert project.run("history", seen[-1]).code == 0


def test_a_run_without_work_forgets_nothing(project: Any) -> None:
    project.flowfile(FLOW.replace("{history}", "{}"))
    for number in range(2):
        project.write("in", str(number))
        assert project.run("run", "-q").code == 0
    before = runs(project)
    project.flowfile(FLOW.replace("{history}", "{ runs = 1 }"))
    assert project.run("run", "-q").code == 0
    assert runs(project) == before


def test_of_many_targets_the_first_few_are_listed(project: Any) -> None:
    """Without any given, every task that no other one needs is a target. The document has them all."""
    names = [f"t{number}" for number in range(30)]
    project.flowfile("".join(f'[tasks.{name}]\nrun = "true"\n' for name in names))
    assert project.run("run", "-q").code == 0
    assert project.run("history").stdout.splitlines()[1].endswith("  t0 t1 t2 t3 t4 t5 t6 t7 and 22 more")
    (run,) = json.loads(project.run("history", "--json").stdout)["runs"]
    assert run["targets"] == names
