"""flowmake dies at any change that it makes below the root: state, logs, snapshots, staged outputs, renames, deletions;
and where it copies itself.

Every change in `--full`; a few drawn at random otherwise.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flowmake.world.batches import OPENING, PROCESSES_PAY_FROM
from tests.conftest import Project
from tests.crashing import BUILD, Stand, Story

SAY = "echo {{ task.name }} >> $RAN; "

CHAIN = f"""
[tasks.a]
inputs = ["in"]
outputs = ["a"]
run = "{SAY} cp in a"
[tasks.b]
inputs = ["a"]
outputs = ["b"]
run = "{SAY} cat a a > b"
[tasks.c]
inputs = ["b"]
outputs = ["c"]
run = "{SAY} cat a b > c"
"""

ATOMIC = f"""
[defaults]
atomic = true
[tasks.a]
inputs = ["in"]
outputs = ["a"]
run = "{SAY} cp in {{{{ outputs }}}}"
[tasks.b]
inputs = ["a"]
outputs = ["b/"]
run = "{SAY} for i in $(seq $(wc -l < in)); do cp a {{{{ outputs }}}}/$i; done"
[tasks.c]
inputs = ["b/"]
outputs = ["c"]
run = "{SAY} cat b/* > {{{{ outputs }}}}"
"""

TEMPORARY = f"""
[tasks.a]
inputs = ["in"]
outputs = [{{ path = "a", temp = true }}]
run = "{SAY} cp in a"
[tasks.b]
inputs = ["a"]
outputs = [{{ path = "b", temp = true }}]
run = "{SAY} cat a a > b"
[tasks.c]
inputs = ["b"]
outputs = ["c"]
run = "{SAY} cat b b > c"
[tasks.d]
inputs = ["c"]
outputs = ["d"]
run = "{SAY} cp c d"
"""

EMPTIED = f"""
[tasks.a]
inputs = ["in"]
outputs = [{{ path = "a/", clean = true }}]
run = "{SAY} for i in $(seq $(wc -l < in)); do echo $i > a/$i; done"
[tasks.b]
inputs = ["a/"]
outputs = ["b"]
run = "{SAY} cat a/* > b"
"""

GLOBBED = f"""
[tasks.a]
inputs = ["in"]
outputs = ["a/*.txt"]
run = "{SAY} for i in $(seq $(wc -l < in)); do echo $i > a/p$i.txt; done"
[tasks.b]
inputs = ["a/*.txt"]
outputs = ["b"]
run = "{SAY} cat {{{{ inputs }}}} > b"
"""

FAILING = f"""
[tasks.a]
outputs = ["a"]
run = "{SAY} echo fine > a"
[tasks.b]
inputs = ["a"]
outputs = ["b", "b.dir/"]
run = "{SAY} echo half > b; echo half > b.dir/x; test -e fixed; cp a b; cp a b.dir/x"
[tasks.c]
inputs = ["b"]
outputs = ["c"]
run = "{SAY} cp b c"
"""

RETRIED = f"""
[tasks.a]
outputs = ["a"]
retries = 2
run = "{SAY} echo half > a; test $(grep -c '^a$' $RAN) -ge 2; echo whole > a"
[tasks.b]
inputs = ["a"]
outputs = ["b"]
run = "{SAY} cp a b"
"""

FANNED_OUT = f"""
[tasks.split]
inputs = ["in"]
outputs = ["split"]
run = "{SAY} cp in split"
[tasks.part]
foreach = {{ n = {{ lines = "split", from = "split" }} }}
outputs = ["part@{{{{ n }}}}"]
run = "{SAY} echo {{{{ n }}}} > part@{{{{ n }}}}"
[tasks.all]
needs = ["part"]
outputs = ["all"]
run = "{SAY} cat {{{{ needs['part'].outputs }}}} > all"
"""

SIDE_BY_SIDE = (
    "".join(
        f"""
[tasks.{name}]
inputs = ["in"]
outputs = ["{name}"]
run = "{SAY} cat in in > {name}"
"""
        for name in "abcde"
    )
    + f"""
[tasks.all]
inputs = ["a", "b", "c", "d", "e"]
outputs = ["all"]
run = "{SAY} cat a b c d e > all"
"""
)
TWO = ("run", "-j2")

LISTED = f"""
[flow]
include = [{{ exec = ["cat", "more.toml"], inputs = ["more.toml"] }}]
[tasks.a]
inputs = ["in"]
outputs = ["a"]
depfile = "a.d"
run = "{SAY} cat in header > a; echo 'a: in header' > a.d"
"""
MORE = f'[tasks.b]\ninputs = ["a"]\noutputs = ["b"]\nrun = "{SAY} cp a b"\n'

MANY = f"""
[tasks.a]
inputs = ["many/*"]
outputs = ["a"]
run = "{SAY} cat many/* > a"
[tasks.b]
inputs = ["a"]
outputs = ["b"]
run = "{SAY} cp a b"
"""
SO_MANY = 2 * PROCESSES_PAY_FROM // OPENING + 1
"""Small files that are worth another process to digest them."""


def longer(project: Project) -> None:
    project.write("in", "1\n2\n3\n4\n")


def shorter(project: Project) -> None:
    project.write("in", "1\n")


def without_the_last(project: Project) -> None:
    """`c` becomes an orphan."""
    project.flowfile(CHAIN.partition("[tasks.c]")[0])


def another_command(project: Project) -> None:
    """Which the compiled graph takes over, and is written again."""
    project.flowfile(CHAIN.replace("cat a a > b", "cat a a a > b"))


def garbage(project: Project) -> None:
    project.write(".flowmake/state.db", "no state of ours, surely" * 1000)


BRIEF = "[flow]\nhistory = { runs = 1 }\n" + CHAIN


def four_runs(project: Project) -> None:
    """The next one forgets those before."""
    for number in range(4):
        project.write("in", str(number))
        assert project.run(*BUILD, env={"RAN": "/dev/null"}).code == 0
    longer(project)


THREE: dict[str, str] = {"in": "1\n2\n3\n"}
STORIES = {
    "from nothing": Story(CHAIN, THREE),
    "a change": Story(CHAIN, THREE, longer),
    "a command": Story(CHAIN, THREE, another_command),
    "atomic": Story(ATOMIC, THREE),
    "atomic, again": Story(ATOMIC, THREE, shorter),
    "temporary": Story(TEMPORARY, THREE, temps=frozenset("ab")),
    "temporary, again": Story(TEMPORARY, THREE, longer, temps=frozenset("ab")),
    "emptied": Story(EMPTIED, THREE, shorter),
    "globbed": Story(GLOBBED, {**THREE, "a/mine.txt": "mine\n"}, shorter),
    "failing": Story(FAILING, mend=lambda project: project.write("fixed")),
    "retried": Story(RETRIED),
    "fanned out": Story(FANNED_OUT, THREE),
    "fanned out, again": Story(FANNED_OUT, THREE, longer),
    "side by side": Story(SIDE_BY_SIDE, THREE, command=TWO, again=(TWO,), at_once=3),
    "listed": Story(LISTED, {**THREE, "header": "h\n", "more.toml": MORE}),
    "history": Story(BRIEF, THREE, four_runs),
    "clean": Story(CHAIN, THREE, lambda _: None, ("clean",), again=(("clean",), BUILD)),
    "accept": Story(
        CHAIN, THREE, lambda project: project.write("c", "by hand\n"), ("accept", "c"), again=(("accept", "c"),)
    ),
    "orphans": Story(CHAIN, THREE, without_the_last, ("clean", "--orphans"), again=(("clean", "--orphans"),)),
    "many files": Story(MANY, {f"many/{number}": f"{number}\n" for number in range(SO_MANY)}),
    "damaged state": Story(CHAIN, THREE, garbage),
}

# Without state nobody knows what to clean away, nor which files under a glob an earlier run has made.
BY_RECORDS = {"globbed", "clean", "accept", "orphans"}
BY_CONTENT = sorted(STORIES.keys() - BY_RECORDS)
BELOW_ONE = st.floats(0, 1, exclude_max=True)

if sys.platform == "linux":
    Stands = Callable[[str], Stand]

    @pytest.fixture(scope="module")
    def stand(tmp_path_factory: pytest.TempPathFactory) -> Stands:
        """Each story is set up once, when it is first told."""

        @functools.cache
        def stand(name: str) -> Stand:
            folder = tmp_path_factory.mktemp("crash")
            (folder / "root").mkdir()
            (folder / "home").mkdir()
            return Stand(STORIES[name], Project(folder / "root", folder / "home"))

        return stand

    @settings(max_examples=10, deadline=None, phases=[Phase.reuse, Phase.generate], report_multiple_bugs=False)
    @given(name=st.sampled_from(sorted(STORIES)), data=st.data())
    def test_a_crash_somewhere(stand: Stands, name: str, data: st.DataObject) -> None:
        points = stand(name).course.points(thinned=True)
        number, half = data.draw(st.sampled_from(points))
        stand(name).crash(number, half=half)

    @settings(max_examples=8, deadline=None, phases=[Phase.reuse, Phase.generate], report_multiple_bugs=False)
    @given(st.sampled_from(BY_CONTENT), st.data(), BELOW_ONE, BELOW_ONE)
    def test_a_power_cut_somewhere(stand: Stands, name: str, data: st.DataObject, which: float, share: float) -> None:
        number = data.draw(st.integers(1, len(stand(name).course.changes) + 1))
        stand(name).lose_power(number, which, share)

    @pytest.mark.parametrize("name", ["a change", "a command"])
    def test_a_crash_while_graph_and_snapshot_are_written(stand: Stands, name: str) -> None:
        """Between the two as well: neither speaks for the other's time."""
        course = stand(name).course
        points = [point for point in course.points(thinned=False) if "/snapshots" in course.changes[point[0] - 1]]
        renamed = [change for change in course.changes if change.startswith("rename ") and "/snapshots/" in change]
        assert [change.endswith(".graph") for change in renamed] == [True, False]
        for number, half in points:
            stand(name).crash(number, half=half)

    def test_a_crash_while_copies_digest(stand: Stands) -> None:
        """Before there is one, and when it has just begun and nobody will ever hear it."""
        course = stand("many files").course
        points = [point for point in course.points(thinned=False) if course.kind(point[0]) == "fork"]
        assert len(points) == 2, "this test needs two processors"
        for number, half in points:
            stand("many files").crash(number, half=half)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", STORIES)
    def test_a_crash_at_every_change(stand: Stands, name: str) -> None:
        for number, half in stand(name).course.points(thinned=name != "from nothing"):
            stand(name).crash(number, half=half)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", BY_CONTENT)
    def test_many_power_cuts(stand: Stands, name: str) -> None:
        """After every fourth change one file of the state is cut, now this one here, now that one there."""
        for number in range(2, len(stand(name).course.changes) + 2, 4):
            stand(name).lose_power(number, number * 0.37 % 1, number * 0.61 % 1)
