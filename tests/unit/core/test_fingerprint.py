"""Recipes: what is in them and what is not, how commands are rendered and quoted, what an empty output stands for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.errors import FlowfileError
from flowmake.core.fingerprint import EMPTY, identity, text_digest
from flowmake.core.model import Recipe
from flowmake.core.positions import render
from tests.desk import Desk

HEAD = """
[flow]
name = "demo"
[params]
year = 2026
words = ["a b", "it's"]
[env]
SHARED = "s"
"""


def recipe(fields: str, task: str = "t", head: str = HEAD, environ: dict[str, str] | None = None) -> Recipe:
    desk = Desk(f"{head}\n[tasks.t]\n{fields}", {"in.csv": "1", "b c.csv": "2", "steps/say.py": "x"})
    desk.environ = environ or {}
    evidence = desk.look()
    found = evidence.graph.tasks[task]
    return evidence.recipe(found, evidence.resolve(found))


def same(one: str, two: str) -> bool:
    left, right = recipe(f"run = 'x'\n{one}"), recipe(f"run = 'x'\n{two}")
    return (left.text, left.env) == (right.text, right.env)


# -- commands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "argv"),
    [
        ("run = 'echo {{ params.year }}'", ("bash", "-euo", "pipefail", "-c", "echo 2026")),
        ("run = 'x'\nshell = ['sh', '-c']", ("sh", "-c", "x")),
        ("run = 'x'\nwrapper = ['nice', '-n', '5']\nshell = ['sh', '-c']", ("nice", "-n", "5", "sh", "-c", "x")),
        ("exec = ['cc', '{{ inputs }}', '-o', '{{ outputs[0] }}']\ninputs = ['in.csv', 'b c.csv']\noutputs = ['o p']",
         ("cc", "in.csv", "b c.csv", "-o", "o p")),
        ("exec = ['say', '{{ params.words }}']\nwrapper = ['env']", ("env", "say", "a b", "it's")),
        ("exec = ['say', 'x={{ params.year }}', '{{ task.name }}']", ("say", "x=2026", "t")),
    ],
)  # fmt: skip
def test_the_command_with_wrapper_and_shell(fields: str, argv: tuple[str, ...]) -> None:
    assert recipe(fields).argv == argv


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ inputs }}", "'b c.csv' in.csv"),
        ("{{ inputs[1] }} {{ inputs[0] }}", "in.csv 'b c.csv'"),
        ("{{ params.words }}", """'a b' 'it'"'"'s'"""),
        ("{{ params.words | raw }}", "a b it's"),
        ("{{ params.words[0] | raw }}", "a b"),
        ("{{ env.SHARED }} {{ env.OWN }}", "s 'own s'"),
        ("{{ flow.name }} {{ flow.root }} {{ task.name }} {{ cpu }}", "demo /root t 1"),
        ("{% for f in inputs %}<{{ f }}>{% endfor %}", "<'b c.csv'><in.csv>"),
    ],
)
def test_what_templates_render_to_and_how_it_is_quoted(template: str, text: str) -> None:
    fields = (
        f"run = '''{template}'''\ninputs = ['*.csv']\noutputs = ['o']\nenv = {{ OWN = 'own {{{{ env.SHARED }}}}' }}"
    )
    assert recipe(fields).argv[-1] == text


def test_named_paths() -> None:
    fields = """
    inputs = { raw = "in.csv", all = ["*.csv"], code = ["steps/say.py", "steps/*"] }
    outputs = { table = "t.csv", plots = ["p 1", "p2"] }
    run = "{{ inputs.raw }} | {{ inputs.all }} | {{ inputs.code }} | {{ outputs.table }} | {{ outputs }}"
    """
    assert recipe(fields).argv[-1] == "in.csv | 'b c.csv' | steps/say.py | t.csv | t.csv 'p 1' p2"


def test_the_outputs_of_needs() -> None:
    head = HEAD + "[tasks.up]\nforeach.n = [1, 2]\noutputs = ['up {{ n }}']\nrun = 'x'\n[tasks.group]\nneeds = ['up']\n"
    fields = "needs = ['group', 'up@1']\nrun = '''{{ needs.group.outputs }} / {{ needs[\"up@1\"].outputs }}'''"
    assert recipe(fields, head=head).argv[-1] == "'up 1' 'up 2' / 'up 1'"


def test_what_no_template_knows_is_told_with_its_place() -> None:
    desk = Desk("[tasks.t]\nrun = 'echo {{ inputs.row }}'\ninputs = { raw = 'in' }", {"in": ""})
    evidence = desk.look()
    with pytest.raises(FlowfileError) as caught:
        evidence.recipe(evidence.graph.tasks["t"], evidence.resolve(evidence.graph.tasks["t"]))
    shown = render(caught.value.problems, lambda file: desk.text)
    assert shown.startswith("Flowfile:2:")
    assert "`row`" in shown.splitlines()[0]


# -- what counts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        "description = 'x'",
        "tags = ['x']",
        "retries = 3",
        "timeout = '1h'",
        "resources = { cpu = 4 }",
        "priority = 3",
        "on_fail_outputs = 'keep'",
        "allow_failure = true",
        "frozen = true",
        "always = true",
        "max_age = '1d'",
        "rerun_on = ['inputs']",
        "console = true",
        "confirm = 'sure?'",
        "on_success = 'true'",
        "on_failure = 'true'",
        "atomic = true",
        "inputs = ['in.csv']",
        "outputs = ['o']",
    ],
)
def test_what_is_no_part_of_the_recipe(fields: str) -> None:
    assert same("", fields)


@pytest.mark.parametrize(
    "fields",
    [
        "shell = ['sh', '-c']",
        "wrapper = ['nice']",
        "cwd = 'steps'",
        "env = { X = '1' }",
        "track_env = ['X']",
        "depfile = 'x.d'",
    ],
)
def test_what_is_part_of_the_recipe(fields: str) -> None:
    assert not same("", fields)


def test_the_recipe_as_it_is_shown() -> None:
    fields = "run = 'make'\nwrapper = ['nice']\ncwd = 'steps'\ndepfile = '{{ outputs[0] }}.d'\noutputs = ['o']"
    assert recipe(fields).text.splitlines() == [
        "make",
        'shell: ["bash", "-euo", "pipefail", "-c"]',
        'wrapper: ["nice"]',
        "cwd: steps",
        "depfile: o.d",
    ]
    assert recipe("exec = ['a', 'b c']").text == '["a", "b c"]'


def test_the_order_of_needs_and_of_args_does_not_count() -> None:
    head = HEAD + "[tasks.a]\nrun = 'a'\n[tasks.b]\nrun = 'b'\n"
    assert recipe("run = 'x'\nneeds = ['a', 'b']", head=head) == recipe("run = 'x'\nneeds = ['b', 'a']", head=head)
    call = "call = 'steps.say:hi'\nargs = {{ {} }}"
    assert recipe(call.format("x = 1, y = 2")).text == recipe(call.format("y = 2, x = 1")).text


def test_a_call_counts_by_its_name_its_arguments_and_its_module() -> None:
    found = recipe("call = 'steps.say:hi'\nargs = { n = '{{ params.year }}', w = ['{{ task.name }}!'] }")
    assert (found.call, found.args, found.argv) == ("steps.say:hi", {"n": 2026, "w": ["t!"]}, ())
    digest = text_digest("x")
    assert found.text.splitlines() == [
        "call: steps.say:hi",
        'args: {"n": 2026, "w": ["t!"]}',
        f"module: steps/say.py {digest}",
    ]
    assert recipe("call = 'json:dumps'").text.splitlines()[-1] == "module: json"


# -- environment -----------------------------------------------------------------------------------------------


def test_variables_count_by_digests_of_their_values() -> None:
    found = recipe("run = 'x'\nenv = { OWN = 'a' }\ntrack_env = ['T', 'UNSET']", environ={"T": "v", "OTHER": "x"})
    assert found.env == {"SHARED": text_digest("s"), "OWN": text_digest("a"), "T": text_digest("v"), "UNSET": ""}
    assert found.environment == {"SHARED": "s", "OWN": "a"}


def test_unset_and_empty_are_different() -> None:
    assert recipe("run = 'x'\ntrack_env = ['T']").env != recipe("run = 'x'\ntrack_env = ['T']", environ={"T": ""}).env


def test_a_declared_variable_counts_by_what_is_declared_even_if_tracked() -> None:
    fields = "run = 'x'\nenv = { T = 'declared' }\ntrack_env = ['T']"
    assert recipe(fields, environ={"T": "inherited"}).env["T"] == text_digest("declared")


# -- stamps ----------------------------------------------------------------------------------------------------

tables = st.dictionaries(st.text("ab=", max_size=2), st.text("ab=", max_size=2), max_size=3)


@given(env=tables, inputs=tables, text=st.text(max_size=3))
def test_an_identity_changes_with_recipe_environment_and_inputs(
    env: dict[str, str], inputs: dict[str, str], text: str
) -> None:
    one = identity(Recipe(text, env), inputs)
    assert one == identity(Recipe(text, dict(reversed(env.items()))), dict(reversed(inputs.items())))
    assert one.startswith("stamp:")
    assert one not in {
        identity(Recipe(text + "!", env), inputs),
        identity(Recipe(text, {**env, "new": ""}), inputs),
        identity(Recipe(text, env), {**inputs, "new": ""}),
    }


def test_variables_and_inputs_are_not_taken_for_each_other() -> None:
    assert identity(Recipe("", {"a": "b"}), {}) != identity(Recipe("", {}), {"a": "b"})


def test_the_digest_of_nothing() -> None:
    assert text_digest("") == EMPTY
