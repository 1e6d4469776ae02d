"""System calls, counted instead of timed: what is done for each file must stay next to nothing."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Sequence

from tests.conftest import COMMAND, Project
from tests.perf.conftest import chain


def calls(project: Project, *args: str, follow: Sequence[str] = ("-f",)) -> Counter[str]:
    """How often each system call is made by a command, its children included."""
    report = project.root / "calls"
    argv = ["strace", *follow, "-c", "-U", "name,calls", "-o", report, COMMAND, *args]
    subprocess.run(argv, cwd=project.root, env=project.environ(), capture_output=True, check=True)
    found = re.findall(r"^(\w+) +(\d+)$", report.read_text(), re.MULTILINE)
    report.unlink()
    return Counter({name: int(count) for name, count in found if name != "total"})


def own_calls(project: Project, *args: str) -> Counter[str]:
    """As `calls`, without those of children."""
    return calls(project, *args, follow=())


def chained(project: Project, count: int) -> Project:
    """A project of its own with so many tasks."""
    folder = project.root / f"of-{count}"
    folder.mkdir()
    return chain(Project(folder, project.home), count)


def test_a_snapshot_costs_one_call_for_each_file(sizes: list[Project]) -> None:
    few, many = (calls(one, "run", "-q") for one in sizes)
    more = many - few
    stats = more.pop("newfstatat", 0) + more.pop("stat", 0) + more.pop("statx", 0)
    assert stats == 400
    assert more.total() <= 20


def test_judging_everything_costs_few_calls_for_each_file(sizes: list[Project]) -> None:
    few, many = (calls(one, "run", "-q", "-v") for one in sizes)
    assert (many - few).total() <= 4 * 400


def test_a_file_that_has_not_changed_is_not_read_again(sizes: list[Project]) -> None:
    """Not even opened; and one that has changed is opened once."""
    few, many = (calls(one, "run", "-q", "-v") for one in sizes)
    assert (many - few)["openat"] <= 4
    opened = []
    for count in (0, 1, 100, 200):
        for number in range(count):
            path = sizes[1].root / "src" / str(number)
            path.write_text(path.read_text())
        opened.append(calls(sizes[1], "status")["openat"])
    none, one, hundred, two_hundred = opened
    assert (hundred - one, two_hundred - hundred) == (99, 100)
    assert one - none <= 1 + 2 * 2  # and two modules, each of which may be a source and its cache


def test_a_built_task_costs_few_calls_of_our_own(project: Project) -> None:
    """Those of the commands themselves are not counted; all that is asked of the kernel for each task is."""
    few, many = (own_calls(chained(project, count), "run", "-q", "-j", "2") for count in (50, 150))
    each = {name: round(count / 100) for name, count in (many - few).items() if count >= 50}
    assert each.pop("clone3", 0) + each.pop("vfork", 0) + each.pop("clone", 0) == 1
    each.pop("access", 0)  # one for each folder in PATH
    assert each.get("openat", 0) <= 6
    assert each.get("write", 0) <= 2
    assert each.get("pwrite64", 0) <= 1
    assert sum(each.values()) <= 61
