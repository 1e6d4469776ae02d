"""Declarations to tasks: what is settled, what is shared, and every problem with its place."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from flowmake.core.errors import FlowfileError
from flowmake.core.expand import concrete, expand, group
from flowmake.core.model import Declaration, Flow, Foreach, Input, KeySource, Output, Task
from flowmake.core.patterns import compile_pattern
from flowmake.core.source import Place

PLACE = Place("Flowfile", ("tasks", "t"))
FLOW = Flow(
    "/root", "/root/Flowfile", name="f", params={"out": "build", "list": ["x", "y*"], "cores": 2}, env={"E": "e"}
)


class NoFiles:
    def glob(self, pattern: str) -> list[str]:
        return list(filter(compile_pattern(pattern).matches, ["src/a[1].c", "src/b.c"]))

    def read(self, path: str) -> str:
        raise FileNotFoundError(path)

    def today(self) -> date:
        return date(2026, 1, 31)


def tasks(**fields: Any) -> list[Task]:
    return expand(Declaration("t", PLACE, **fields), FLOW, NoFiles())


def task(**fields: Any) -> Task:
    (found,) = tasks(**fields)
    return found


def over(**keys: Any) -> Foreach:
    return Foreach({name: v if isinstance(v, KeySource) else KeySource(values=tuple(v)) for name, v in keys.items()})


def test_without_foreach_there_is_one_task_of_the_same_name() -> None:
    declaration = Declaration("t", PLACE, needs=("a", "b@*"), after=("c",), pool="db", resources={"gpu": 1})
    (found,) = expand(declaration, FLOW, NoFiles())
    assert found == Task("t", declaration, needs=("a", "b@*"), after=("c",), pool="db", resources={"gpu": 1})


def test_there_is_a_task_for_each_combination() -> None:
    found = tasks(
        foreach=over(unit=KeySource(glob="src/{unit}.c"), mode=["fast"]),
        inputs=(Input("src/{{ unit }}.c"), Input("include/*.h")),
        outputs=(Output("{{ params.out }}/{{ mode }}/{{ unit }}.o"),),
        needs=("gen@{{ mode }}", "lint@{{ unit }}", "{{ params.list | raw }}"),
        pool="{{ mode }}-pool",
        resources={"cpu": "{{ params.cores }}", "mem": "{{ params.cores * 2 }}K", "gpu": 1},
    )
    assert [each.name for each in found] == ["t@a%5B1%5D,fast", "t@b,fast"]
    first = found[0]
    assert first.keys == {"unit": "a[1]", "mode": "fast"}
    assert first.inputs == (Input("src/a[1].c"), Input("include/*.h", "glob"))
    assert first.outputs == (Output("build/fast/a[1].o"),)
    assert first.needs == ("gen@fast", "lint@a%5B1%5D", "x", "y*")
    assert first.pool == "fast-pool"
    assert first.resources == {"cpu": 2, "mem": 4096, "gpu": 1}


@pytest.mark.parametrize(
    ("written", "settled"),
    [
        (Input("./a//b.c"), (Input("a/b.c"),)),
        (Input("a/../dir/"), (Input("dir/"),)),
        (Input("*.c", check="stat", name="n"), (Input("*.c", "glob", "stat", "n"),)),
        (Input("a[*].c"), (Input("a*.c"),)),
        (Input("./tmp*", "exclude"), (Input("tmp*", "exclude"),)),
        (Input("a[*].c", "exclude"), (Input("a[*].c", "exclude"),)),
        (Input("./list.txt", "lines", "stat", "n"), (Input("list.txt", "lines", "stat", "n"),)),
        (Input("{{ params.list }}", name="n"), (Input("x", name="n"), Input("y*", name="n"))),
        (Input("{{ params.list | raw }}"), (Input("x"), Input("y*", "glob"))),
        (Input("{% if params.nothing is defined %}x{% endif %}"), ()),
        (Input("{{ task.name }}-{{ flow.name }}-{{ env.E }}-{{ env.OWN }}"), (Input("t-f-e-own"),)),
        (Input("{{ flow.root }}/x"), (Input("x"),)),
    ],
)
def test_inputs_are_settled(written: Input, settled: tuple[Input, ...]) -> None:
    assert task(inputs=(written,), env={"OWN": "own"}).inputs == settled


@pytest.mark.parametrize(
    ("written", "settled"),
    [
        (Output("./out//", clean=True, name="n"), Output("out/", clean=True, name="n")),
        (Output("parts/*.csv", temp=True), Output("parts/*.csv", "glob", temp=True)),
        (Output("{{ params.out }}[[]1].o"), Output("build[1].o")),
    ],
)
def test_outputs_are_settled(written: Output, settled: Output) -> None:
    assert task(outputs=(written,)).outputs == (settled,)


def test_variables_may_be_templates_themselves() -> None:
    env = {"DIR": "{{ params.out }}/{{ k }}", "LATER": "{{ inputs }}", "OWN": "own"}
    (found,) = tasks(foreach=over(k=["x"]), inputs=(Input("{{ env.DIR }}/{{ env.OWN }}"),), env=env)
    assert found.inputs == (Input("build/x/own"),)
    with pytest.raises(FlowfileError, match="`env` has no `LATER`"):
        tasks(foreach=over(k=["x"]), inputs=(Input("{{ env.LATER }}"),), env=env)


def test_a_description_tells_of_the_instance_and_for_the_whole_leaves_a_gap() -> None:
    text = "Month {{ month }} in {{ params.out }}, for {{ task.name }}"
    declaration = Declaration("t", PLACE, description=text, foreach=over(month=[1, 2]))
    found = expand(declaration, FLOW, NoFiles())
    assert [task.description for task in found] == ["Month 1 in build, for t@1", "Month 2 in build, for t@2"]
    whole = group(declaration, ("t@1", "t@2"), FLOW)
    assert (whole.description, whole.needs, whole.is_group) == ("Month … in build, for t", ("t@1", "t@2"), True)


def test_a_description_that_reckons_with_its_keys_is_shown_for_the_whole_as_written() -> None:
    declaration = Declaration("t", PLACE, description="{{ month - 1 }} before", foreach=over(month=[1]))
    assert [task.description for task in expand(declaration, FLOW, NoFiles())] == ["0 before"]
    assert group(declaration, ("t@1",), FLOW).description == "{{ month - 1 }} before"


def test_a_description_may_not_mention_what_there_is_not() -> None:
    with pytest.raises(FlowfileError) as caught:
        task(description="{{ mnth }}")
    assert caught.value.problems[0].places == (PLACE.at("description"),)


def test_what_does_not_vary_is_shared() -> None:
    one, two = tasks(
        foreach=over(k=[1, 2]), inputs=(Input("a"), Input("{{ k }}")), outputs=(Output("b"),), resources={"gpu": 1}
    )
    assert one.outputs is two.outputs
    assert one.inputs[0] is two.inputs[0]
    assert one.resources is two.resources
    assert one.inputs[1] != two.inputs[1]


def test_one_task_for_given_keys() -> None:
    declaration = Declaration("t", PLACE, foreach=over(k=[1, 2]), outputs=(Output("{{ k }}.o"),))
    assert concrete(declaration, {"k": 2}, FLOW) == expand(declaration, FLOW, NoFiles())[1]
    assert concrete(Declaration("t", PLACE), {}, FLOW).name == "t"


def test_malformed_templates_are_found_before_anything_is_judged() -> None:
    fields: dict[str, Any] = {
        "kind": "call",
        "action": "m:f",
        "args": {"a": [1, {"b": "{{ x"}], "fine": "{{ inputs }}"},
        "env": {"V": "{% if %}"},
        "cwd": "{{ a b }}",
        "inputs": (Input("{{ nope }}"),),
    }
    with pytest.raises(FlowfileError) as caught:
        tasks(**fields)
    known = "`env`, `flow`, `params`, `task`"
    assert [(p.places[0].keys[2:], p.message, p.hint) for p in caught.value.problems] == [
        (
            ("args", "a", 1, "b"),
            "the template is not valid: unexpected end of template, expected 'end of print statement'",
            "",
        ),
        (("env", "V"), "the template is not valid: Expected an expression, got 'end of statement block'", ""),
        (("cwd",), "the template is not valid: expected token 'end of print statement', got 'b'", ""),
        (("inputs", 0), "`nope` is not defined", f"available here: {known}"),
    ]


@pytest.mark.parametrize(
    ("fields", "keys"),
    [({"kind": "run", "action": "a {{"}, ("run",)), ({"kind": "exec", "action": ("a", "{{")}, ("exec", 1))],
)
def test_a_malformed_action(fields: dict[str, Any], keys: tuple[Any, ...]) -> None:
    with pytest.raises(FlowfileError) as caught:
        tasks(**fields)
    assert [(p.places[0].keys[2:], p.message) for p in caught.value.problems] == [
        (keys, "the template is not valid: unexpected 'end of template'")
    ]


def test_all_problems_of_a_declaration_come_together_with_their_places() -> None:
    with pytest.raises(FlowfileError) as caught:
        tasks(
            foreach=over(city=["bern", "rome"]),
            inputs=(
                Input("{{ ctiy }}.csv"),
                Input("fine.csv"),
                Input("{{ '' }}", name="raw"),
                Input("{{ params.otu }}", name="code"),
                Input("fine.py", name="code"),
            ),
            outputs=(Output("x/{{ params.list }}"),),
            needs=("ok", "{{ city.nme }}"),
            after=("{{ 1/0 }}",),
            pool="{{ nope }}",
            resources={"mem": "{{ city }}", "gpu": "{{ nope }}"},
        )
    known = "`city`, `env`, `flow`, `params`, `task`"
    assert [(p.places[0].keys[2:], p.message, p.hint) for p in caught.value.problems] == [
        (("inputs", 0), "`ctiy` is not defined", f"did you mean `city`? (available here: {known})"),
        (("inputs", "raw"), "the entry is empty", "an entry may be left out with `{% if … %}`"),
        (("inputs", "code", 0), "`params` has no `otu`", "did you mean `out`? (it has: `cores`, `list`, `out`)"),
        (
            ("outputs", 0),
            "the template cannot be rendered: a list must stand alone in its entry, or be narrowed down to one element",
            "",
        ),
        (("needs", 1), "`city` has no `nme`", ""),
        (("after", 0), "the template cannot be rendered: division by zero", ""),
        (("pool",), "`nope` is not defined", f"available here: {known}"),
        (
            ("resources", "mem"),
            "`mem` is not an amount: `bern`",
            'write an integer, or text like "500M", "16G" or "2TiB"',
        ),
        (("resources", "gpu"), "`nope` is not defined", f"available here: {known}"),
    ]
