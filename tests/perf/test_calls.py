"""System calls, counted instead of timed: what is done for each file must stay next to nothing."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

from tests.conftest import COMMAND, Project


def calls(project: Project, *args: str) -> Counter[str]:
    """How often each system call is made by a command, its children included."""
    report = project.root / "calls"
    argv = ["strace", "-f", "-c", "-U", "name,calls", "-o", report, COMMAND, *args]
    subprocess.run(argv, cwd=project.root, env=project.environ(), capture_output=True, check=True)
    found = re.findall(r"^(\w+) +(\d+)$", report.read_text(), re.MULTILINE)
    report.unlink()
    return Counter({name: int(count) for name, count in found if name != "total"})


def test_a_snapshot_costs_one_call_for_each_file(sizes: list[Project]) -> None:
    few, many = (calls(one, "run", "-q") for one in sizes)
    more = many - few
    stats = more.pop("newfstatat", 0) + more.pop("stat", 0) + more.pop("statx", 0)
    assert stats == 400
    assert more.total() <= 20


def test_judging_everything_costs_few_calls_for_each_file(sizes: list[Project]) -> None:
    few, many = (calls(one, "run", "-q", "-v") for one in sizes)
    assert (many - few).total() <= 4 * 400
