"""A graph that was flattened is the same graph again, knows what a change can affect, and takes commands over."""

from __future__ import annotations

import pytest

from flowmake.core.compiled import Compiled, Question
from flowmake.core.flattening import NotPlain, flatten
from flowmake.core.model import Trace
from flowmake.core.plan import needed
from tests.desk import Desk
from tests.pieces import whole

FLOW = """
[tasks.one]
inputs = ["a", "tree/"]
outputs = ["one"]
run = "make one"
[tasks.two]
inputs = ["one", "b"]
outputs = ["two"]
run = "make two"
[tasks.each]
foreach.n = ["x", "y"]
inputs = ["b"]
outputs = ["{{ n }}.out"]
run = "make {{ n }}"
[tasks.last]
needs = ["each"]
after = ["two"]
inputs = ["*.in", "!no.in"]
outputs = ["last"]
run = "make last"
[tasks.apart]
inputs = ["c"]
outputs = ["apart"]
run = "make apart"
"""
FILES = {"a": "a", "b": "b", "c": "c", "tree/deep/leaf": "leaf", "x.in": "x", "no.in": "no"}


def built(text: str = FLOW) -> Desk:
    desk = Desk(text, FILES)
    desk.run()
    desk.look()
    return desk


def compiled(desk: Desk, *, decisive: tuple[str, ...] = (), has_leftovers: bool = False) -> Compiled | None:
    evidence = desk.evidence
    names = needed(evidence.graph, desk.demand())
    flat = flatten(evidence, names, decisive, Question(("last",), b"asked"), has_leftovers)
    try:
        return Compiled(whole(flat))
    except NotPlain:
        return None


def sure(desk: Desk) -> Compiled:
    found = compiled(desk)
    assert found is not None
    return found


def test_it_is_the_same_graph() -> None:
    desk = built()
    before, found = desk.evidence.graph, sure(desk)
    after = found.graph(found.flow_of(found.names))
    assert found.question == Question(("last",), b"asked")
    for name in found.names:
        assert after.tasks[name] == before.tasks[name]
        assert after.upstream(name) == before.upstream(name)
        assert after.needs(name) == before.needs(name)
        assert after.order_only(name) == before.order_only(name)
        assert after.groups.get(name) == before.groups.get(name)
        assert [task.name for task in after.reads_from(name)] == [task.name for task in before.reads_from(name)]
    for path in ("one", "x.out", "a", "nowhere", "last"):
        assert after.producer(path) == before.producer(path)
    assert "none" not in after.tasks
    with pytest.raises(KeyError):
        after.tasks["none"]


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ("a", {"one", "two", "last"}),
        ("one", {"one", "two", "last"}),
        ("b", {"two", "each", "each@x", "each@y", "last"}),
        ("x.out", {"each@x", "each", "last"}),
        ("c", {"apart"}),
        ("x.in", {"last"}),
        ("tree/deep/leaf", {"one", "two", "last"}),
        ("tree/deep/new", {"one", "two", "last"}),
        ("/root/tree/deep", {"one", "two", "last"}),
    ],
)
def test_what_a_change_can_affect(changed: str, names: set[str]) -> None:
    affected = sure(built()).affected([changed])
    assert affected is not None
    assert set(affected) == names


def test_what_a_change_does_not_affect_is_told_without_groups() -> None:
    found = sure(built())
    assert "each" in found.names
    assert set(found.beside({"one": None, "two": None})) == {"apart", "each@x", "each@y", "last"}
    assert found.beside(dict.fromkeys(found.names)) == ()


def test_many_changes_are_found_as_few_are() -> None:
    found = sure(built())
    one_by_one = [found.affected([path]) for path in ("a", "b", "c")]
    assert [found.affected([path]) for path in ["a", "b", "c"] * 30] == one_by_one * 30


@pytest.mark.parametrize("changed", ["unknown", "no.in", "/elsewhere", "a-longer-name", ""])
def test_what_nobody_was_judged_by_may_mean_anything(changed: str) -> None:
    assert sure(built()).affected([changed]) is None
    assert sure(built()).affected(["a", changed]) is None


def test_what_decides_on_more_than_its_readers_may_mean_anything() -> None:
    found = compiled(built(), decisive=("b",))
    assert found is not None
    assert found.affected(["b"]) is None
    assert found.affected(["a"]) is not None
    assert set(found.affected([], read_again=["b"]) or ()) == {"two", "each", "each@x", "each@y", "last"}


def test_a_glob_beside_leftovers_is_left_to_the_normal_path() -> None:
    found = compiled(built(), has_leftovers=True)
    assert found is not None
    assert found.affected(["c"]) is not None
    assert found.affected(["x.in"]) is None


@pytest.mark.parametrize(
    "text",
    [
        '[params]\nbig = 99999999999999999999\n[tasks.a]\noutputs = ["a"]\nrun = "x"',
        '[flow]\nsecrets = ["WORD"]\n[tasks.a]\noutputs = ["a"]\nrun = "x"',
        '[tasks.a]\noutputs = [{ path = "t", temp = true }]\nrun = "x"',
        '[tasks.a]\nargs = { big = 99999999999999999999 }\noutputs = ["a"]\ncall = "m:f"',
    ],
    ids=["a big number", "secrets", "temporary", "a big number in arguments"],
)
def test_what_would_not_come_back_as_it_is_is_not_flattened(text: str) -> None:
    assert compiled(built(text)) is None


def test_a_list_of_inputs_is_left_to_the_normal_path() -> None:
    found = sure(built(FLOW + '[tasks.listed]\ninputs = [{ lines = "c" }]\noutputs = ["listed"]\nrun = "x"'))
    assert found.affected(["a"]) is not None
    assert found.affected(["c"]) is None


def test_a_trace_that_speaks_of_more_is_noticed() -> None:
    found = sure(built())
    trace = Trace("apart", "make apart", {}, {"c": "1"}, {"apart": "2"}, 1.0, 1.0, "run")
    assert found.has_known(trace)
    assert not found.has_known(Trace("apart", "", {}, {"c": "1", "a": "1"}, {}, 1.0, 1.0, "run"))
    assert not found.has_known(Trace("apart", "", {}, {"c": "1"}, {}, 1.0, 1.0, "run", discovered=("c",)))


# -- another Flowfile ------------------------------------------------------------------------------------------


def test_a_command_is_taken_over() -> None:
    desk = built()
    found = sure(desk)
    desk.text = FLOW.replace("make two", "make it two")
    revised = found.revise(desk.flow())
    assert revised is not None
    assert {name: task.declared.action for name, task in revised.items()} == {"two": "make it two"}
    assert found.graph(desk.flow()).tasks["two"].declared.action == "make it two"
    again = Compiled(whole(found.revised()))
    assert again.graph(again.flow_of(["two"])).tasks["two"].declared.action == "make it two"
    assert again.revise(desk.flow()) == {}
    assert again.affected(["c"]) == found.affected(["c"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('inputs = ["c"]', 'inputs = ["c", "a"]'),
        ('outputs = ["apart"]', 'outputs = ["apart", "more"]'),
        ("[tasks.apart]", "[tasks.other]"),
        ("[tasks.apart]", "[env]\nA = '1'\n[tasks.apart]"),
        ("[tasks.apart]", "[tasks.more]\nrun = 'x'\n[tasks.apart]"),
        ('run = "make apart"', 'exec = ["make", "apart"]'),
        ('run = "make apart"', 'run = "make {{"'),
        ('run = "make apart"', 'run = "make apart"\ntrack_env = ["HOME"]'),
        ("make {{ n }}", "build {{ n }}"),
        ("[tasks.one]", "[params]\nbig = 99999999999999999999\n[tasks.one]"),
    ],
)
def test_whatever_else_differs_is_left_to_the_normal_path(old: str, new: str) -> None:
    desk = built()
    found = sure(desk)
    desk.text = FLOW.replace(old, new)
    assert found.revise(desk.flow()) is None


def test_another_order_is_left_to_the_normal_path() -> None:
    desk = built()
    found = sure(desk)
    head, tail = FLOW.split("[tasks.apart]")
    desk.text = "[tasks.apart]" + tail + head
    assert found.revise(desk.flow()) is None
