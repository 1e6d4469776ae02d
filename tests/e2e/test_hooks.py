"""Hooks of tasks and of runs, called by the real command."""

from __future__ import annotations

from typing import Any


def test_tasks_that_exist_only_during_the_run_have_their_hooks(project: Any) -> None:
    project.flowfile("""\
        [tasks.split]
        outputs = ["parts/"]
        run = "touch parts/a parts/b"

        [tasks.part]
        foreach = { part = { from = "split", glob = "parts/{part}" } }
        inputs = ["parts/{{ part }}"]
        run = "test {{ part }} = a"
        on_success = "cat > good.json"
        on_failure = "cat > bad.json"
        """)
    assert project.run("run", "-q", "-k").code == 1
    assert '"task": "part@a"' in project.read("good.json")
    assert '"task": "part@b"' in project.read("bad.json")


def test_it_works_again_once_after_a_failure_or_an_interruption(project: Any) -> None:
    project.flowfile("""\
        [hooks]
        on_failure = "echo failed >> told"
        on_recovery = "echo works again >> told"

        [tasks.work]
        inputs = ["how"]
        run = "source ./how"
        """)

    def run(how: str) -> tuple[int, list[str]]:
        project.write("how", how)
        code = project.run("run", "-q").code
        return code, project.read("told").splitlines() if project.exists("told") else []

    assert run("true") == (0, [])
    assert run("false") == (1, ["failed"])
    assert run("exit 3") == (1, ["failed"] * 2)
    assert run("true") == (0, ["failed", "failed", "works again"])
    assert run("true # once more") == (0, ["failed", "failed", "works again"])
    assert run("kill -INT $PPID; exec sleep 1000") == (130, ["failed", "failed", "works again", "failed"])
    assert run("true")[1][-2:] == ["failed", "works again"]
