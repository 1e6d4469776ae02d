"""When a run is remembered, what its snapshot rests on, and until when it holds; on a real project in a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import flowmake
from flowmake import shortcut
from flowmake.core.events import Event, TaskStarted
from flowmake.shortcut import Invocation
from flowmake.world import snapshot
from tests.answers import answer_of

KEY = b"question"
INVOCATION = Invocation(KEY, lambda total: f"{total} fresh")
TWO = """
[flow]
shell = ["sh", "-c"]
[tasks.one]
inputs = ["in/one"]
outputs = ["out/one"]
run = "cat in/one > out/one"
[tasks.two]
inputs = ["in/two"]
outputs = ["out/two"]
run = "cat in/two > out/two"
"""


TODAY = """
[tasks.day]
foreach.day = { dates = ["today", "today"] }
outputs = ["{{ day }}"]
run = "date > {{ outputs }}"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("one", "two"):
        (tmp_path / "in" / name).write_text(name)
    (tmp_path / "Flowfile").write_text(TWO)
    return tmp_path


def run(root: Path, on_event: Callable[[Event], object] = lambda event: None) -> int:
    """How many tasks were run."""
    done = flowmake.load(root).run(on_event=on_event, invocation=INVOCATION)
    assert done is not None
    assert done.exit_code == 0
    return sum(done.counts.values()) - done.counts.get("fresh", 0)


def answer(root: Path, now: float | None = None) -> str | None:
    path = snapshot.path_for(str(root / ".flowmake"), KEY)
    return answer_of(path, KEY, os.environ, time.time() if now is None else now)


def settle(root: Path) -> None:
    for _ in range(20):
        run(root)
        if answer(root) is not None:
            return
    raise AssertionError("no snapshot has been written")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with each time that the disk is looked at afresh."""
    made: list[str] = []
    again = shortcut._again
    monkeypatch.setattr(shortcut, "_again", lambda *args: made.append("again") or again(*args))
    return made


def test_a_run_that_ran_nothing_is_remembered_by_what_it_judged(root: Path, looks: list[str]) -> None:
    settle(root)
    snapshot.clear(str(root / ".flowmake"))
    looks.clear()
    assert run(root) == 0
    assert answer(root) == "2 fresh"
    assert looks == []


def test_a_run_that_ran_something_is_remembered_without_a_second_look(root: Path, looks: list[str]) -> None:
    settle(root)
    looks.clear()
    (root / "in" / "one").write_text("other")
    assert run(root) == 1
    assert answer(root) == "2 fresh"
    assert looks == []


def test_where_folders_that_counted_have_changed_the_disk_is_looked_at_afresh(root: Path, looks: list[str]) -> None:
    (root / "Flowfile").write_text(TWO + '[tasks.all]\ninputs = ["out/*"]\noutputs = ["all"]\nrun = "cat out/* > all"')
    settle(root)
    looks.clear()
    (root / "out" / "one").unlink()
    assert run(root) == 1
    assert answer(root) == "3 fresh"
    assert looks == ["again"]


def test_an_edit_while_another_task_runs_is_not_taken_for_fresh(root: Path) -> None:
    """`one` was found fresh by then, and its input is looked at again for nobody's sake."""
    settle(root)
    (root / "in" / "two").write_text("other")

    def edit(event: Event) -> None:
        if isinstance(event, TaskStarted):
            (root / "in" / "one").write_text("later")

    assert run(root, edit) == 1
    assert answer(root) is None
    assert run(root) == 1


def test_an_edit_of_what_another_task_discovers_is_not_taken_for_fresh(root: Path) -> None:
    """Both read the header; while the one runs that has to, it changes, and only that one's trace knows of it."""
    (root / "header").write_text("old")
    command = "echo 'x: header' > out/d{n}; cat header in/{n} > out/{n}"
    (root / "Flowfile").write_text(
        "".join(
            f'[tasks.{n}]\ninputs = ["in/{n}"]\noutputs = ["out/{n}"]\ndepfile = "out/d{n}"\n'
            f'run = "{command.format(n=n)}"\n'
            for n in ("one", "two")
        )
    )
    settle(root)
    (root / "in" / "two").write_text("other")

    def edit(event: Event) -> None:
        if isinstance(event, TaskStarted):
            (root / "header").write_text("new")

    assert run(root, edit) >= 1
    assert answer(root) is None
    assert run(root) >= 1
    assert (root / "out" / "one").read_text() == "newone"


AGAIN = {
    "an input edited while its own task runs": """
        [tasks.a]
        inputs = ["in/one"]
        outputs = ["out"]
        run = "echo more >> in/one; cp in/one out"
    """,
    "a glob that matches more since the task ran": """
        [tasks.a]
        inputs = ["in/*"]
        outputs = ["out"]
        run = "cat in/* > out"
        [tasks.b]
        after = ["a"]
        inputs = ["in/two"]
        outputs = ["b"]
        run = "echo x > in/three; echo b > b"
    """,
    "an input that a later task edits": """
        [tasks.a]
        inputs = ["in/one"]
        outputs = ["out"]
        run = "cp in/one out"
        [tasks.b]
        after = ["a"]
        inputs = ["in/one"]
        outputs = ["b"]
        run = "echo x >> in/one; echo b > b"
    """,
    "a module that a later task edits": """
        [tasks.a]
        inputs = ["in/one"]
        outputs = ["out"]
        call = "tool:make"
        [tasks.b]
        after = ["a"]
        inputs = ["in/two"]
        outputs = ["b"]
        run = "echo >> tool.py; echo b > b"
    """,
    "a task that always runs": """
        [tasks.a]
        always = true
        inputs = ["in/one"]
        outputs = ["out"]
        run = "cp in/one out"
    """,
    "a failure that is allowed": """
        [tasks.a]
        allow_failure = true
        inputs = ["in/one"]
        outputs = ["out"]
        run = "cp in/one out; exit 1"
        [tasks.b]
        inputs = ["in/two"]
        outputs = ["b"]
        run = "cp in/two b"
    """,
}


@pytest.mark.parametrize("flowfile", AGAIN.values(), ids=AGAIN.keys())
def test_what_has_run_and_would_run_again_is_not_remembered(root: Path, flowfile: str) -> None:
    (root / "tool.py").write_text("def make():\n    open('out', 'w').close()\n")
    (root / "Flowfile").write_text("\n".join(line.strip() for line in flowfile.splitlines()))
    assert run(root) >= 1
    assert answer(root) is None
    assert run(root) >= 1


def test_a_flow_that_changed_while_it_ran_is_not_remembered(root: Path) -> None:
    def edit(event: Event) -> None:
        if isinstance(event, TaskStarted):
            (root / "Flowfile").write_text(TWO.replace("cat ", "cat  "))

    run(root, edit)
    assert answer(root) is None
    assert run(root) == 2


# -- deadlines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ('max_age = "1h"', 3600.0),
        ('max_age = "1h"\nfrozen = true', None),
        ('max_age = "1h"\nrerun_on = ["inputs"]', None),
        ("", None),
    ],
)
def test_it_holds_until_something_is_too_old(root: Path, more: str, seconds: float | None) -> None:
    (root / "Flowfile").write_text(TWO + more)
    settle(root)
    now = time.time()
    held = [later for later in (0, 3000, 3600, 1e9) if answer(root, now + later) is not None]
    assert held == [later for later in (0, 3000, 3600, 1e9) if seconds is None or later < seconds]


def test_the_earliest_age_counts(root: Path) -> None:
    (root / "Flowfile").write_text(TWO.replace("[tasks.two]", 'max_age = "2h"\n[tasks.two]\nmax_age = "1h"'))
    settle(root)
    finished = flowmake.load(root).store.traces()["two"].finished
    assert answer(root, finished + 3599) == "2 fresh"
    assert answer(root, finished + 3601) is None


def test_days_that_count_from_today_hold_until_midnight(root: Path) -> None:
    (root / "Flowfile").write_text(TODAY)
    settle(root)
    midnight = datetime.combine(datetime.now().date() + timedelta(days=1), datetime.min.time()).timestamp()
    assert answer(root, midnight - 0.1) == "1 fresh"
    assert answer(root, midnight) is None


def test_days_that_count_from_today_depend_on_the_time_zone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "Flowfile").write_text(TODAY)
    settle(root)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    assert answer(root) is None
