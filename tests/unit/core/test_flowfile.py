"""From text to `Flow`: every form that may be written, where values come from, and wrong text told, never a crash."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.errors import FlowfileError, Problem, StateError
from flowmake.core.flowfile import load_flow
from flowmake.core.model import Flow, Foreach, Hooks, Input, KeySource, Output, Retry
from flowmake.core.positions import problems_as_json, render
from flowmake.core.source import Place

EXAMPLE = (Path(__file__).parents[3] / "Flowfile.example").read_text()


class Folder:
    """Files by name, and the programs that were run."""

    def __init__(self, files: Mapping[str, str | bytes], printed: str = "") -> None:
        self.files = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
        self.printed = printed
        self.ran: list[tuple[Sequence[str], Sequence[str]]] = []

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def glob(self, pattern: str) -> list[str]:
        return [path for path in reversed(self.files) if fnmatch(path, pattern)]

    def run_include(self, argv: tuple[str, ...], inputs: tuple[str, ...]) -> str:
        self.ran.append((argv, inputs))
        return self.printed

    def load(self, environ: Mapping[str, str] | None = None, params: Mapping[str, object] | None = None) -> Flow:
        return load_flow(
            "/root",
            "Flowfile",
            self.read,
            glob=self.glob,
            run_include=self.run_include,
            environ=environ or {},
            params=params or {},
        )


def load(text: str, **files: str) -> Flow:
    return Folder({"Flowfile": text, **files}).load()


def task(text: str) -> Any:
    return load("[tasks.a]\n" + text).declarations["a"]


def errors(folder: Folder, **options: Any) -> list[str]:
    with pytest.raises(FlowfileError) as caught:
        folder.load(**options)
    return [problem.message for problem in caught.value.problems]


# --- forms -----------------------------------------------------------------------------------------------------------


def test_an_empty_file_is_an_empty_flow() -> None:
    flow = load("")
    assert (flow.declarations, flow.default, flow.sources) == ({}, (), ("Flowfile",))
    assert flow.shell == ("bash", "-euo", "pipefail", "-c")


def test_the_flow_table_and_its_neighbours() -> None:
    flow = load("""
        flow.name = "n"
        flow.description = "d"
        flow.default = ["a"]
        flow.shell = ["sh", "-c"]
        flow.remove_orphans = true
        flow.jobserver = "fifo"
        env = { A = "x", N = 4 }
        pools.db = 1
        resources = { gpu = 2, mem = "16G" }
        hooks = { on_success = "s", on_failure = "f", on_recovery = "r", finally = "x" }
    """)
    assert (flow.root, flow.file, flow.place) == ("/root", "Flowfile", Place("Flowfile"))
    assert (flow.name, flow.description, flow.default, flow.shell) == ("n", "d", ("a",), ("sh", "-c"))
    assert (flow.remove_orphans, flow.jobserver) == (True, "fifo")
    assert (flow.env, flow.pools) == ({"A": "x", "N": "4"}, {"db": 1})
    assert flow.resources == {"gpu": 2, "mem": 16 * 1024**3}
    assert flow.hooks == Hooks("s", "f", "r", "x")


@pytest.mark.parametrize(
    ("written", "inputs"),
    [
        ('["a", "b/", "*.c"]', (Input("a"), Input("b/"), Input("*.c"))),
        ('["*.c", "!x.c"]', (Input("*.c"), Input("x.c", "exclude"))),
        ('[{ path = "a", check = "stat" }, { path = "!b" }]', (Input("a", check="stat"), Input("b", "exclude"))),
        ('[{ lines = "list.txt", check = "exists" }]', (Input("list.txt", "lines", "exists"),)),
        (
            '{ raw = "a", code = ["x", "!y"], big = { path = "z", check = "stat" }, all = [{ lines = "l" }] }',
            (
                Input("a", name="raw"),
                Input("x", name="code"),
                Input("y", "exclude", name="code"),
                Input("z", check="stat", name="big"),
                Input("l", "lines", name="all"),
            ),
        ),
        ("[]", ()),
        ("{}", ()),
    ],
)
def test_every_form_of_inputs(written: str, inputs: tuple[Input, ...]) -> None:
    assert task(f"inputs = {written}").inputs == inputs


@pytest.mark.parametrize(
    ("written", "outputs"),
    [
        ('["a", "b/"]', (Output("a"), Output("b/"))),
        (
            '[{ path = "a", temp = true }, { path = "b/", clean = true }]',
            (Output("a", temp=True), Output("b/", clean=True)),
        ),
        (
            '{ x = "a", y = ["b", { path = "c", temp = true }], z = { path = "d" } }',
            (Output("a", name="x"), Output("b", name="y"), Output("c", temp=True, name="y"), Output("d", name="z")),
        ),
    ],
)
def test_every_form_of_outputs(written: str, outputs: tuple[Output, ...]) -> None:
    assert task(f'run = "x"\noutputs = {written}').outputs == outputs


@pytest.mark.parametrize(
    ("written", "kind", "action"),
    [
        ('run = "echo"', "run", "echo"),
        ('exec = ["a", "b"]', "exec", ("a", "b")),
        ('call = "pkg.mod:fun"', "call", "pkg.mod:fun"),
        ('description = "a group"', "none", ""),
    ],
)
def test_every_action(written: str, kind: str, action: object) -> None:
    assert (task(written).kind, task(written).action) == (kind, action)


@pytest.mark.parametrize(
    ("written", "retry"),
    [
        ("3", Retry(3)),
        ("0", Retry()),
        ("{ attempts = 2 }", Retry(2)),
        (
            '{ attempts = 3, delay = "5s", backoff = 2.0, max_delay = "5m", jitter = true, on = ["exit:75"] }',
            Retry(3, 5.0, 2.0, 300.0, True, ("exit:75",)),
        ),
        ('{ delay = 1, on = ["signal:KILL"] }', Retry(1, 1.0, on=("signal:KILL",))),
    ],
)
def test_every_form_of_retries(written: str, retry: Retry) -> None:
    assert task(f"retries = {written}").retries == retry


@pytest.mark.parametrize(
    ("written", "foreach"),
    [
        ('{ a = [1, "x", true] }', Foreach({"a": KeySource((1, "x", True))})),
        ("{ a = [2026-01-31] }", Foreach({"a": KeySource(("2026-01-31",))})),
        ('{ a = [{ name = "x", n = 1 }] }', Foreach({"a": KeySource(({"name": "x", "n": 1},))})),
        ('{ a = { glob = "x/{a}.c" } }', Foreach({"a": KeySource(glob="x/{a}.c")})),
        ('{ a = { lines = "l" }, b = { json = "j" } }', Foreach({"a": KeySource(lines="l"), "b": KeySource(json="j")})),
        ("{ a = { range = [0, 9, 2] } }", Foreach({"a": KeySource(range=(0, 9, 2))})),
        (
            '{ d = { dates = [2026-01-01, "today"], every = "week" } }',
            Foreach({"d": KeySource(dates=("2026-01-01", "today"), every="week")}),
        ),
        ('{ p = { glob = "{p}", from = "split" } }', Foreach({"p": KeySource(glob="{p}", upstream="split")})),
        ("{ a = [1], b = [2], zip = true }", Foreach({"a": KeySource((1,)), "b": KeySource((2,))}, zip=True)),
        ("{ exclude = [{ a = 1 }], a = [1] }", Foreach({"a": KeySource((1,))}, ({"a": 1},))),
    ],
)
def test_every_form_of_foreach(written: str, foreach: Foreach) -> None:
    assert task(f"foreach = {written}").foreach == foreach


def test_the_other_fields() -> None:
    found = task("""
        description = "d"
        tags = ["t"]
        needs = ["n"]
        after = ["f"]
        call = "m:f"
        args = { day = 2026-01-31, list = [1] }
        cwd = "sub"
        shell = ["zsh", "-c"]
        env = { A = 1, B = "{{ x }}" }
        track_env = ["CC"]
        wrapper = ["nice"]
        timeout = "1m"
        resources = { cpu = 2, mem = "{{ params.mem }}" }
        priority = -1
        atomic = true
        always = true
        max_age = "1d"
        frozen = true
        rerun_on = ["inputs", "age"]
        depfile = "x.d"
        console = true
        confirm = "Sure?"
        on_fail_outputs = "keep"
        allow_failure = true
        on_success = "s"
        on_failure = "f"
        executor = "slurm"
        [resources]
        mem = "1G"
    """)
    assert found.args == {"day": "2026-01-31", "list": [1]}
    assert (found.tags, found.needs, found.after, found.cwd) == (("t",), ("n",), ("f",), "sub")
    assert (found.shell, found.wrapper, found.track_env) == (("zsh", "-c"), ("nice",), ("CC",))
    assert (found.env, found.resources) == ({"A": "1", "B": "{{ x }}"}, {"cpu": 2, "mem": "{{ params.mem }}"})
    assert (found.timeout, found.max_age, found.priority) == (60.0, 86400.0, -1)
    assert found.rerun_on == {"inputs", "age"}
    assert (found.atomic, found.always, found.frozen, found.console, found.allow_failure) == (True,) * 5
    assert (found.confirm, found.on_fail_outputs, found.executor, found.depfile) == ("Sure?", "keep", "slurm", "x.d")
    assert (found.description, found.on_success, found.on_failure) == ("d", "s", "f")


def test_a_task_that_says_nothing_has_the_defaults_of_the_model() -> None:
    found = task("")
    assert (found.max_age, found.timeout, found.retries, found.foreach) == (None, None, Retry(), None)
    assert found.rerun_on == {"inputs", "outputs", "recipe", "env", "age"}
    assert (found.place, found.include, found.confirm) == (Place("Flowfile", ("tasks", "a")), "", "")


@pytest.mark.parametrize(("written", "asked"), [("true", "Run `a`?"), ("false", ""), ('"Really?"', "Really?")])
def test_confirm_may_be_a_question_or_true(written: str, asked: str) -> None:
    assert task(f"confirm = {written}").confirm == asked


# --- defaults --------------------------------------------------------------------------------------------------------


def test_defaults_lie_under_every_task_and_its_own_value_wins_whole() -> None:
    flow = load("""
        [defaults]
        retries = 2
        env = { A = "1" }
        [tasks.a]
        [tasks.b]
        retries = 0
        env = { B = "2" }
    """)
    a, b = flow.declarations.values()
    assert (a.retries, a.env) == (Retry(2), {"A": "1"})
    assert (b.retries, b.env) == (Retry(0), {"B": "2"})


def test_a_default_action_gives_way_to_any_action_of_the_task() -> None:
    flow = load("""
        [defaults]
        call = "m:f"
        args = { x = 1 }
        [tasks.a]
        [tasks.b]
        run = "echo"
    """)
    a, b = flow.declarations.values()
    assert (a.kind, a.args) == ("call", {"x": 1})
    assert (b.kind, b.args) == ("run", {})


def test_defaults_hold_for_included_tasks_too() -> None:
    folder = Folder({"Flowfile": '[flow]\ninclude = ["x.toml"]\n[defaults]\npriority = 7\n', "x.toml": "[tasks.a]"})
    assert folder.load().declarations["a"].priority == 7


# --- includes --------------------------------------------------------------------------------------------------------


def test_included_files_share_the_namespace_and_are_sources() -> None:
    folder = Folder(
        {
            "Flowfile": '[flow]\ninclude = ["etl/*.toml", "more.toml"]\n[tasks.main]\n',
            "etl/b.toml": "[tasks.b]\npool = 'db'\n[params]\nx = 1\n",
            "etl/a.toml": "[tasks.a]\n[pools]\ndb = 1\n[resources]\ngpu = 1\n",
            "more.toml": "[tasks.c]",
        }
    )
    flow = folder.load()
    assert list(flow.declarations) == ["main", "a", "b", "c"]
    assert (flow.params, flow.pools, flow.resources) == ({"x": 1}, {"db": 1}, {"gpu": 1})
    assert flow.sources == ("Flowfile", "etl/a.toml", "etl/b.toml", "more.toml")
    assert [task.include for task in flow.declarations.values()] == ["", "etl/a.toml", "etl/b.toml", "more.toml"]
    assert flow.declarations["a"].place == Place("etl/a.toml", ("tasks", "a"))


def test_a_program_is_run_with_the_files_it_reads() -> None:
    text = '[flow]\ninclude = [{ exec = ["python", "gen.py"], inputs = ["gen.py", "conf/*.json"] }]'
    folder = Folder({"Flowfile": text, "conf/b.json": "", "conf/a.json": "", "gen.py": ""}, "[tasks.a]")
    flow = folder.load()
    assert folder.ran == [(("python", "gen.py"), ("gen.py", "conf/a.json", "conf/b.json"))]
    assert flow.declarations["a"].place.file == "<output of python gen.py>"
    assert flow.sources == ("Flowfile", "gen.py", "conf/a.json", "conf/b.json")


def test_a_program_is_not_run_when_what_it_reads_is_missing() -> None:
    folder = Folder({"Flowfile": '[flow]\ninclude = [{ exec = ["gen"], inputs = ["conf/*.json"] }]'})
    assert errors(folder) == ["no file matches `conf/*.json`"]
    assert folder.ran == []


def test_an_include_that_cannot_be_read_is_an_error_of_the_flowfile() -> None:
    class Locked(Folder):
        def read(self, path: str) -> bytes:
            if path == "x.toml":
                raise StateError("cannot read `x.toml`: permission denied")
            return super().read(path)

    folder = Locked({"Flowfile": '[flow]\ninclude = ["x.toml"]'})
    assert errors(folder) == ["cannot include `x.toml`: cannot read `x.toml`: permission denied"]


def test_text_that_is_not_utf8_is_shown_at_its_place() -> None:
    with pytest.raises(FlowfileError) as caught:
        Folder({"Flowfile": b'[flow]\nname = "\xff"\n'}).load()
    (problem,) = caught.value.problems
    assert (problem.message, problem.places) == ("not UTF-8 text", (Place("Flowfile", line=2, column=9),))


def test_windows_line_ends_and_a_byte_order_mark_are_taken() -> None:
    flow = Folder({"Flowfile": '\ufeff[tasks.a]\r\nrun = """\r\none\r\ntwo"""\r\n'}).load()
    assert flow.declarations["a"].action == "one\ntwo"


def test_lists_nested_without_end_are_an_error_and_no_crash() -> None:
    assert errors(Folder({"Flowfile": "a = " + "[" * 100_000})) == ["lists or tables are nested too deeply"]


# --- dotenv ----------------------------------------------------------------------------------------------------------


def test_dotenv_files_are_read_in_order_and_count_as_sources() -> None:
    text = '[flow]\ndotenv = ["a.env", "b.env", "c.env?"]'
    flow = Folder({"Flowfile": text, "a.env": "X=1\nY=1\n", "b.env": "Y=2\n"}).load()
    assert flow.dotenv == {"X": "1", "Y": "2"}
    assert flow.sources == ("Flowfile", "a.env", "b.env", "c.env")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=plain", "plain"),
        ("K = spaced out ", "spaced out"),
        ("export K=x", "x"),
        ("K=", ""),
        ("K=''", ""),
        ("K=a # comment", "a"),
        ("K=a#b", "a#b"),
        ("K= # comment", ""),
        ("K='single # $x \\n'", "single # $x \\n"),
        ('K="double # \\n\\t\\"\\$ \\d" # comment', 'double # \n\t"$ \\d'),
        ('K="two\nlines"', "two\nlines"),
        ("K=it's", "it's"),
        ("\n# comment\n\n  K=x\r\n", "x"),
        ("K=1\nK=2", "2"),
    ],
)
def test_the_lines_of_a_dotenv_file(line: str, value: str) -> None:
    assert Folder({"Flowfile": '[flow]\ndotenv = ["e"]', "e": line}).load().dotenv == {"K": value}


# --- parameters ------------------------------------------------------------------------------------------------------

PARAMS = """
[params]
year = 2026
rate = 0.5
fast = false
city = "bonn"
cities = ["bonn"]
years = [2026]
day = 2026-01-31
table = { a = 1 }
"""


def test_parameters_have_their_defaults_with_dates_as_text() -> None:
    assert load(PARAMS).params == {
        "year": 2026,
        "rate": 0.5,
        "fast": False,
        "city": "bonn",
        "cities": ["bonn"],
        "years": [2026],
        "day": "2026-01-31",
        "table": {"a": 1},
    }


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("year", "2027", 2027),
        ("year", 2027, 2027),
        ("rate", "2", 2.0),
        ("rate", 2, 2.0),
        ("fast", "yes", True),
        ("fast", "0", False),
        ("city", "oslo", "oslo"),
        ("city", "7", "7"),
        ("city", "", ""),
        ("cities", "oslo, rome", ["oslo", "rome"]),
        ("cities", "", []),
        ("cities", '["a,b"]', ["a,b"]),
        ("cities", ["x"], ["x"]),
        ("years", "1,2", [1, 2]),
        ("day", "2027-01-01", "2027-01-01"),
        ("table", "{ b = 2 }", {"b": 2}),
    ],
)
def test_an_override_takes_the_type_of_the_default(name: str, given: object, value: object) -> None:
    found = Folder({"Flowfile": PARAMS}).load(params={name: given}).params[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given"), [("year", True), ("year", 1.5), ("fast", 1), ("city", 7), ("cities", "[1"), ("rate", "")]
)
def test_an_override_of_another_type_is_an_error(name: str, given: object) -> None:
    (message,) = errors(Folder({"Flowfile": PARAMS}), params={name: given})
    assert message.startswith(f"parameter `{name}` must be ")


def test_the_command_line_wins_over_the_environment_over_the_file() -> None:
    folder = Folder({"Flowfile": "[params]\na-b = 1\nc = 1\nd = 1\n"})
    environ = {"FLOWMAKE_PARAM_A_B": "2", "FLOWMAKE_PARAM_C": "2", "FLOWMAKE_PARAM_OTHER": "x"}
    assert folder.load(environ, {"a-b": "3"}).params == {"a-b": 3, "c": 2, "d": 1}


# --- requires --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("requires", [">=0.0.1", ">=0.0.1,<99", "!=77"])
def test_a_version_that_suits(requires: str) -> None:
    assert load(f'flow = {{ requires = "{requires}" }}').declarations == {}


# --- wrong text is told, whatever it is ------------------------------------------------------------------------------

SNIPPETS = st.sampled_from(
    [
        *"[]{}=,\"'\n\\#\t\x00é.",
        "",
        "[[",
        '"""',
        "[tasks.a]\n",
        "[defaults]\n",
        "[flow]\n",
        "x = 1\n",
        "inputs",
        "foreach",
    ]
)
VALUES = """
    3 0 -1 1.5 inf nan true 2026-01-01 "x" "" "!" [] {} [[]] [{}] ["x",1] {"a\\u0020b"=""} [{path="x"}] {a={glob="x"}}
    {a=[1],zip=1} {exclude=[1]} {a=[{}]} {a={}} {a=[1],exclude=[{b=1}]} {x=[{lines="y"}]} "{{x}}" "1d" ["a","!b"]
"""
RIGHT_HANDS = st.sampled_from(VALUES.split())


def problems_of(text: str) -> Sequence[Problem]:
    try:
        Folder({"Flowfile": text}).load()
    except FlowfileError as error:
        return error.problems
    return ()


def check_told(text: str) -> None:
    """Load a text; if it is wrong, every problem can be shown and points into it."""
    problems = problems_of(text)
    shown = render(problems, {"Flowfile": text}.get)
    assert re.search(r"\d+ errors?( in Flowfile)?\n$", shown) if problems else shown == ""
    for problem in problems_as_json(problems, {"Flowfile": text}.get):
        assert problem["line"] is None or 1 <= problem["line"] <= text.count("\n") + 1


@given(st.lists(st.tuples(st.integers(0, len(EXAMPLE)), st.integers(0, 20), SNIPPETS), min_size=1, max_size=4))
def test_a_mutilated_flowfile_is_told_and_nothing_else(edits: list[tuple[int, int, str]]) -> None:
    text = EXAMPLE
    for start, length, snippet in edits:
        text = text[:start] + snippet + text[start + length :]
    check_told(text)


@given(st.lists(st.tuples(st.integers(0, 1000), RIGHT_HANDS), min_size=1, max_size=5))
def test_any_value_in_any_place_is_told_and_nothing_else(edits: list[tuple[int, str]]) -> None:
    lines = EXAMPLE.split("\n")
    settings = [index for index, line in enumerate(lines) if re.match(r"[a-z_]+ = .*[^\[]$", line)]
    for pick, value in edits:
        index = settings[pick % len(settings)]
        lines[index] = f"{lines[index].split(' = ')[0]} = {value}"
    check_told("\n".join(lines))
