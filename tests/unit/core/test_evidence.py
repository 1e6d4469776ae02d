"""From files and records to facts: resolved inputs, digests as readers see them, late upstreams, traces."""

from __future__ import annotations

import pytest

from flowmake.core import tracing
from flowmake.core.errors import StateError
from flowmake.core.evidence import MANY, Evidence
from flowmake.core.fingerprint import EMPTY
from flowmake.core.model import Task
from tests.desk import Desk


def inputs_of(desk: Desk, name: str = "t") -> list[str]:
    evidence = desk.look()
    return [entry.path for entry in evidence.resolve(evidence.graph.tasks[name])]


def task(fields: str, more: str = "", **files: str) -> Desk:
    return Desk(f"[tasks.t]\nrun = 'x'\n{fields}\n{more}", files)


def edit(path: str, text: str) -> object:
    return lambda desk, task: (desk.files.write(path, text), desk.files.write(task.outputs[0].path, "made"))


# -- resolving -------------------------------------------------------------------------------------------------

ON_DISK = {
    "b.csv": "",
    "a.csv": "",
    "tmp.csv": "",
    "deep/c.csv": "",
    ".hidden.csv": "",
    "a.txt": "",
    "deep/x/d.csv": "",
}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("['b.csv', 'a.csv']", ["b.csv", "a.csv"]),
        ("['*.csv']", ["a.csv", "b.csv", "tmp.csv"]),
        ("['b.csv', '*.csv']", ["b.csv", "a.csv", "tmp.csv"]),
        ("['*.csv', '!tmp*']", ["a.csv", "b.csv"]),
        ("['!tmp*', '*.csv', 'tmp.csv']", ["a.csv", "b.csv", "tmp.csv"]),
        ("['**/*.csv', '!deep/']", ["a.csv", "b.csv", "tmp.csv"]),
        ("['**/*.csv', '!deep/*']", ["a.csv", "b.csv", "deep/x/d.csv", "tmp.csv"]),
        ("['.*']", [".hidden.csv"]),
        ("['deep/', 'deep/c.csv']", ["deep/", "deep/c.csv"]),
        ("{ two = ['*.txt'], one = 'a.csv' }", ["a.txt", "a.csv"]),
        ("['*.none']", []),
    ],
)
def test_declared_inputs_become_paths_in_order_without_duplicates(written: str, found: list[str]) -> None:
    assert inputs_of(task(f"inputs = {written}", **ON_DISK)) == found


def test_a_glob_sees_declared_outputs_before_they_are_there_but_not_its_own() -> None:
    more = "[tasks.other]\noutputs = ['out/other.csv', 'out/.hidden']\nrun = 'x'"
    desk = task("inputs = ['out/*']\noutputs = ['out/own', 'out/own*.x']", more, **{"out/own1.x": "", "out/src": ""})
    assert inputs_of(desk) == ["out/other.csv", "out/src"]


@pytest.mark.parametrize("count", [1, 2, MANY])
def test_the_inputs_of_a_task_are_looked_at_together(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that they can be hashed side by side; the facts are the same."""
    desk = task('inputs = ["in/*"]', **{f"in/{number:03}": str(number) for number in range(count)})
    asked: list[str] = []
    foresee = desk.files.foresee
    monkeypatch.setattr(desk.files, "foresee", lambda paths, most=None: asked.extend(paths) or foresee(paths))
    facts = desk.look().facts("t")
    assert facts.inputs == {path: desk.files.digest(path) for path in sorted(desk.files.files)}
    assert asked == (sorted(desk.files.files) if count > 1 else [])


MANY_TASKS = f"""
[tasks.t]
foreach = {{ n = {{ range = [0, {MANY}] }} }}
inputs = ["src/{{{{ n }}}}", "all", "*.glob", "dir/", {{ path = "there", check = "exists" }}]
outputs = ["out/{{{{ n }}}}"]
run = "x"
[tasks.a]
outputs = ["all"]
run = "x"
"""


def test_the_files_of_many_tasks_are_looked_at_before_they_are_judged_one_by_one() -> None:
    """Those that are certain to be asked for: of tasks that have not run, nothing is known to be made."""
    files = {f"src/{number}": "" for number in range(MANY)}
    desk = Desk(MANY_TASKS, {**files, "x.glob": "", "dir/x": "", "there": "", "out/1": "not ours"})
    names = sorted(name for name in desk.graph().tasks if "@" in name)
    desk.look().foresee(names[1:])
    assert desk.files.hashed == []
    desk.evidence.foresee(names)
    assert sorted(desk.files.hashed) == sorted(files)
    desk.run("t@1")
    desk.files.hashed.clear()
    desk.look().foresee(names)
    assert sorted(desk.files.hashed) == sorted([*files, "out/1"])


def test_a_list_names_paths_one_a_line() -> None:
    text = "a.csv\n\n  ./b.csv  \r\na.csv\n/root/deep/c.csv\n/elsewhere/x\n"
    desk = task("inputs = ['z', { lines = 'list' }, '!b*']", list=text)
    assert inputs_of(desk) == ["z", "list", "a.csv", "deep/c.csv", "/elsewhere/x"]


def test_a_list_that_is_not_there_yet_names_nothing() -> None:
    assert inputs_of(task("inputs = [{ lines = 'list' }]")) == ["list"]


def test_lists_are_read_again_once_they_changed() -> None:
    desk = task("inputs = [{ lines = 'd/list' }]", **{"d/list": "a"})
    evidence = desk.look()
    assert evidence.listed("d/list") == ("a",)
    desk.files.write("d/list", "b")
    assert evidence.listed("d/list") == ("a",)
    evidence.changed(["d/"])
    assert evidence.listed("d/list") == ("b",)


# -- facts -----------------------------------------------------------------------------------------------------

CHAIN = """
[tasks.up]
inputs = ["src"]
outputs = ["mid", "extra"]
run = "x"
[tasks.t]
needs = ["up"]
inputs = ["mid", "own"]
outputs = ["out"]
run = "cat {{ inputs }}"
"""


def test_what_needs_make_counts_as_input_but_is_not_rendered() -> None:
    desk = Desk(CHAIN, {"src": "1", "own": "2"})
    desk.run()
    facts = desk.look().facts("t")
    assert list(facts.inputs) == ["mid", "own", "extra"]
    assert facts.recipe is not None
    assert facts.recipe.argv[-1] == "cat mid own"
    assert facts.whole


def test_what_pending_tasks_make_is_unsettled() -> None:
    desk = Desk(CHAIN, {"src": "1", "own": "2"})
    desk.run()
    facts = desk.look().facts("t", pending=["up"])
    assert (list(facts.inputs), facts.unsettled, facts.whole) == (["own"], {"mid", "extra"}, False)
    assert facts.recipe is not None


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ("inputs = ['mid']\nrun = '{{ inputs }}'", True),
        ("inputs = ['*']\nrun = 'x'", True),
        ("inputs = ['*']\nrun = '{{ inputs }}'", False),
        ("inputs = [{ lines = 'mid' }]\nexec = ['x', '{{ inputs[1] }}']", False),
        ("inputs = ['*']\nenv = { X = '{{ inputs[0] }}' }\nrun = 'x'", False),
        ("needs = ['up']\nrun = '{{ needs.up.outputs }}'", False),
        ("inputs = ['*']\ncall = 'a:b'\nargs = { x = ['{{ inputs }}'] }", False),
    ],
)
def test_a_recipe_is_unknown_while_the_files_it_mentions_may_grow(fields: str, known: bool) -> None:
    desk = Desk(f"[tasks.up]\noutputs = ['mid']\nrun = 'x'\n[tasks.t]\n{fields}")
    assert (desk.look().facts("t", pending=["up"]).recipe is not None) is known


def test_a_group_has_no_facts_of_its_own() -> None:
    facts = Desk("[tasks.up]\nrun = 'x'\n[tasks.t]\nneeds = ['up']").look().facts("t", pending=["up"])
    assert (facts.recipe, facts.inputs, facts.outputs, facts.pending) == (None, {}, {}, ("up",))


@pytest.mark.parametrize(("check", "counts"), [("content", True), ("exists", False), ("stat", True)])
def test_how_an_input_is_compared(check: str, counts: bool) -> None:
    desk = task(f"inputs = [{{ path = 'big', check = '{check}' }}]\noutputs = ['o']", big="1")
    assert desk.run() == ["t"]
    assert desk.run() == []
    desk.files.write("big", "2")
    assert desk.run() == (["t"] if counts else [])
    desk.files.remove("big")
    assert desk.run() == ["t"]


# -- digests as readers see them -------------------------------------------------------------------------------

STAMP = """
[tasks.check]
inputs = ["src"]
outputs = ["stamp"]
run = "x"
[tasks.t]
inputs = ["stamp"]
outputs = ["out"]
run = "y"
"""


def touch(desk: Desk, task: Task) -> None:
    for output in task.outputs:
        desk.files.write(output.path, "")


def test_an_empty_output_stands_for_what_made_it() -> None:
    desk = Desk(STAMP, {"src": "1"})
    assert desk.run(plays={"check": touch}) == ["check", "t"]
    evidence = desk.look()
    trace = evidence.trace("check")
    assert trace is not None
    assert evidence.input_digest("stamp") == trace.identity
    assert trace.outputs == {"stamp": EMPTY}
    desk.files.write("src", "2")
    assert desk.run(plays={"check": touch}) == ["check", "t"]
    assert desk.run(plays={"check": touch}) == []


def test_an_empty_source_is_just_empty() -> None:
    assert task("inputs = ['empty']", empty="").look().input_digest("empty") == EMPTY


def test_an_executable_empty_output_is_a_stamp_too() -> None:
    desk = Desk(STAMP, {"src": "1"})
    desk.run(plays={"check": lambda desk, task: desk.files.write("stamp", "", executable=True)})
    assert desk.look().input_digest("stamp").startswith("stamp:")


@pytest.mark.parametrize(
    ("made", "read", "names"),
    [("tmp/1", "tmp/1", ["tmp/1"]), ("tmp/", "tmp/1", ["tmp/1"]), ("tmp/", "tmp/*", ["tmp/1", "tmp/2"]),
     ("tmp/", "tmp/", ["tmp/"]), ("tmp/*", "tmp/*", ["tmp/1", "tmp/2"]), ("tmp/*", "tmp/2", ["tmp/2"])],
)  # fmt: skip
def test_removed_temporary_outputs_count_as_they_were(made: str, read: str, names: list[str]) -> None:
    desk = Desk(
        f"""
        [tasks.make]
        inputs = ["src"]
        outputs = [{{ path = "{made}", temp = true }}]
        run = "x"
        [tasks.t]
        inputs = ["{read}"]
        outputs = ["out"]
        run = "y"
        """,
        {"src": "1"},
    )

    def fill(desk: Desk, task: Task) -> None:
        desk.files.write("tmp/1", desk.files.text("src"))
        desk.files.write("tmp/2", "2")

    def removed() -> list[str]:
        evidence = desk.look()
        return evidence.temporary.removed("t", evidence.facts("t"))

    assert desk.run(plays={"make": fill}) == ["make", "t"]
    assert inputs_of(desk) == names
    before = desk.look().facts("t").inputs
    assert removed() == []
    evidence = desk.look()
    for path in evidence.temporary.paths(evidence.graph.tasks["make"]):
        desk.files.remove(path)
    assert desk.look().facts("t").inputs == before
    assert removed() == ["make"]
    assert desk.run(plays={"make": fill}) == []


def test_nothing_is_temporary_in_most_flows() -> None:
    desk = Desk(CHAIN, {"src": "1", "own": "2"})
    evidence = desk.look()
    assert evidence.temporary.removed("t", evidence.facts("t")) == []
    assert evidence.temporary.paths(evidence.graph.tasks["up"]) == []


# -- outputs ---------------------------------------------------------------------------------------------------


def test_what_an_output_glob_stands_for_is_what_was_made() -> None:
    desk = task("outputs = ['log', 'parts/*']", **{"parts/before": ""})
    evidence = desk.look()
    assert evidence.output_paths(evidence.graph.tasks["t"]) == ["log", "parts/before"]
    desk.run(plays={"t": lambda desk, task: (desk.files.write("log"), desk.files.write("parts/1"))})
    desk.files.write("parts/after", "")
    evidence = desk.look()
    assert evidence.output_paths(evidence.graph.tasks["t"]) == ["log", "parts/1", "parts/before"]
    desk.files.remove("parts/1")
    assert desk.look().facts("t").outputs["parts/1"] == ""


# -- upstreams learnt late -------------------------------------------------------------------------------------


def test_what_a_list_names_is_waited_for_once_the_list_is_settled() -> None:
    desk = Desk(
        """
        [tasks.choose]
        outputs = ["list"]
        run = "x"
        [tasks.a]
        outputs = ["a"]
        run = "x"
        [tasks.b]
        outputs = ["b/"]
        run = "x"
        [tasks.t]
        inputs = [{ lines = "list" }]
        run = "x"
        """,
        {"list": "a\nb/deep\n"},
    )
    evidence = desk.look()
    assert evidence.discover("t", ready=False) == ()
    assert evidence.discover("t", ready=True) == ("a", "b")
    assert evidence.discover("t", ready=True) == ()
    assert evidence.graph.upstream("t") == ("choose", "a", "b")


def test_a_list_that_nobody_makes_is_known_from_the_start() -> None:
    more = "[tasks.a]\noutputs = ['a']\nrun = 'x'"
    assert task("inputs = [{ lines = 'list' }]", more, list="a").look().discover("t", ready=False) == ("a",)


def test_discovered_inputs_are_compared_and_waited_for() -> None:
    desk = Desk(
        "[tasks.gen]\noutputs = ['gen.h']\nrun = 'x'\n[tasks.t]\ninputs = ['a.c']\noutputs = ['a.o']\nrun = 'x'"
    )
    desk.files.write("a.c", "1")
    desk.files.write("own.h", "1")
    desk.run("gen")
    evidence = desk.look()
    before = evidence.facts("t")
    desk.files.write("a.o", "1")
    started = desk.clock.now() + 1
    trace, edited = tracing.settle(evidence, "t", before, ["a.o"], ["gen.h", "own.h"], started, started + 1)
    assert edited == []
    assert trace.discovered == ("gen.h", "own.h")
    desk.store.accept(trace)
    evidence = desk.look()
    assert evidence.discover("t", ready=False) == ("gen",)
    assert evidence.facts("t").inputs == trace.inputs
    desk.files.remove("own.h")
    assert desk.look().facts("t").inputs["own.h"] == ""


def test_a_discovered_input_that_may_have_been_otherwise_when_it_was_read_is_recorded_as_edited() -> None:
    desk = Desk(
        "[tasks.gen]\noutputs = ['gen.h', 'all/']\nrun = 'x'\n"
        "[tasks.late]\noutputs = ['late.h']\nrun = 'x'\n"
        "[tasks.t]\ninputs = ['a.c']\noutputs = ['a.o']\nrun = 'x'"
    )
    for path in ("a.c", "own.h", "all/in.h", "all/edited.h", "late.h"):
        desk.files.write(path, "1")
    desk.run("gen")
    desk.clock.time += 1
    started = desk.clock.now()
    desk.clock.time += 1
    desk.run("late")
    desk.files.write("a.o", "1")
    evidence = desk.look()
    read = ["gen.h", "all/in.h", "late.h", "own.h", "gone.h"]
    trace, edited = tracing.settle(evidence, "t", evidence.facts("t"), ["a.o"], read, started, started)
    assert edited == ["late.h", "gone.h"]
    assert [path for path, digest in trace.inputs.items() if digest == tracing.EDITED] == edited


# -- traces ----------------------------------------------------------------------------------------------------


def settle(desk: Desk, evidence: Evidence) -> list[str]:
    before = evidence.facts("t")
    desk.files.write("src", "edited meanwhile")
    desk.files.write("out", "x")
    trace, edited = tracing.settle(evidence, "t", before, ["out"], (), 0.0, 1.0)
    desk.store.accept(trace)
    return edited


def test_an_input_that_changed_meanwhile_is_recorded_as_nothing_that_can_be() -> None:
    desk = task("inputs = ['src', 'same']\noutputs = ['out']", src="1", same="1")
    assert settle(desk, desk.look()) == ["src"]
    assert desk.store.traces()["t"].inputs["src"] == tracing.EDITED
    assert desk.run() == ["t"]
    assert desk.run() == []


def test_discovered_inputs_that_are_not_reported_any_more_are_forgotten() -> None:
    desk = task("inputs = ['a.c']\noutputs = ['a.o']", **{"a.c": "1", "old.h": "1", "new.h": "1"})
    for discovered in (["old.h"], ["new.h"]):
        evidence, now = desk.look(), desk.clock.now() + 1
        desk.files.write("a.o", "1")
        desk.store.accept(tracing.settle(evidence, "t", evidence.facts("t"), ["a.o"], discovered, now, now)[0])
    assert list(desk.store.traces()["t"].inputs) == ["a.c", "new.h"]


def test_accepting_records_what_is_there() -> None:
    desk = task("inputs = ['src']\noutputs = ['out', 'parts/*']", src="1", out="by hand", **{"parts/1": "1"})
    desk.store.accept(tracing.accepted(desk.look(), "t"))
    assert desk.run() == []
    desk.files.write("parts/2", "added")
    desk.store.accept(tracing.accepted(desk.look(), "t"))
    assert set(desk.store.traces()["t"].outputs) == {"out", "parts/1", "parts/2"}


@pytest.mark.parametrize(("outputs", "missing"), [("['out', 'gone']", "gone"), ("['out', 'gone/*']", "gone/*")])
def test_accepting_needs_all_outputs(outputs: str, missing: str) -> None:
    with pytest.raises(
        StateError, match=f"^cannot accept `t`: its output `{missing.replace('*', '.')}` does not exist$"
    ):
        tracing.accepted(task(f"outputs = {outputs}", out="x").look(), "t")
