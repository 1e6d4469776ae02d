"""What is right at a glance is right: `flowfile` takes it, and there stands the same. Most of what is right is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.core import schema, schema_fields
from flowmake.core.errors import FlowfileError
from flowmake.core.flowfile import load_flow
from flowmake.core.model import Flow
from flowmake.core.obvious import plain_tasks
from flowmake.core.templates import has_template
from tests.unit.core.test_flowfile_errors import CASES, sections

NOT_SEEN = {"foreach", "slurm"}
"""Fields of a task that need a graph to be shown, or a second look."""
NEEDED = {"outputs": 'run = "true"', "args": 'call = "steps:fit"', "description": 'run = "true"'}
"""What has to stand beside a field."""
LIMITS = "[pools]\ndb = 1\na = 1\n[resources]\nmem = '1G'\ntime = 9\na = 2\n"
"""What has to be declared for it."""


def loaded(data: bytes) -> Flow:
    """The flow of a single file, from which nothing else is read."""

    def read(path: str) -> bytes:
        if path != "Flowfile":
            raise FileNotFoundError(path)
        return data

    return load_flow(
        "/root",
        "Flowfile",
        read,
        glob=lambda pattern: [],
        run_include=lambda argv, inputs: "",
        environ={},
        params={},
    )


def agree(data: bytes) -> bool:
    """Whether it is right at a glance; if so, it must be right, and show the same."""
    tasks = plain_tasks(data)
    if tasks is None:
        return False
    declarations = loaded(data).declarations.values()
    assert all(d.foreach is None and not has_template(d.description) for d in declarations)
    shown = [(name, tuple(task.get("tags", ())), task.get("description", "")) for name, task in tasks.items()]
    assert shown == [(d.name, d.tags, d.description) for d in declarations]
    return True


def toml(value: Any) -> str:
    """A value as TOML, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


# -- what is seen ----------------------------------------------------------------------------------------------


def examples(table: type[msgspec.Struct]) -> dict[str, str]:
    """The examples of the reference: TOML for each field."""
    info = msgspec.inspect.type_info(table)
    assert isinstance(info, msgspec.inspect.StructType)
    return {
        field.encode_name: (field.type.extra or {}).get("example", "")
        for field in info.fields
        if isinstance(field.type, msgspec.inspect.Metadata)
    }


@pytest.mark.parametrize(("field", "value"), examples(schema.TaskTable).items())
def test_each_field_of_a_task_as_in_the_reference(field: str, value: str) -> None:
    data = f"[tasks.a]\n{NEEDED.get(field, '')}\n{field} = {value}\n{LIMITS}".encode()
    assert loaded(data)
    assert agree(data) == (field not in NOT_SEEN)


def test_every_field_has_an_example() -> None:
    assert all(examples(schema.TaskTable).values())
    assert examples(schema.TaskTable).keys() == set(schema.TaskTable.__struct_fields__)


PLAIN = """\
[flow]
name = "weather"
description = "Weather, {{ daily }}"
default = ["report"]
shell = ["sh", "-c"]
remove_orphans = true
jobserver = "fifo"
secrets = ["TOKEN"]
[params]
year = 2026
cities = ["bonn", "oslo"]
share = 0.5
[env]
LC_ALL = "C"
THREADS = 1
[defaults]
retries = 1
shell = ["bash", "-c"]
[pools]
db = 1
[resources]
gpu = 0
[hooks]
finally = "true"
[tasks.fetch]
description = "Fetch {it}"
outputs = { raw = "data/raw.csv", more = ["data/x", "data/y/"] }
run = "echo {{ params.year }} > {{ outputs }}"
timeout = 1.5
[tasks.report]
tags = ["a", "b"]
inputs = ["data/*.csv", "!data/tmp*"]
exec = ["wc", "{{ inputs }}"]
"""


def test_plain_parts_together() -> None:
    assert not agree(PLAIN.encode())
    assert agree(PLAIN.replace("Fetch {it}", "Fetch it").encode())


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"[tasks]\n", b"[flow]\n[params]\n[tasks.a]\n"])
def test_next_to_nothing_is_right(data: bytes) -> None:
    assert agree(data)


# -- what is not -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_nothing_that_is_wrong_is_taken_for_right(path: Path) -> None:
    case = sections(path.read_text())
    if "Flowfile" in case and not case.keys() & {"set", "environ"}:
        assert plain_tasks(case["Flowfile"].encode()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "tasks = 1",
        "tasks.a = 1",
        "[flow]\nshell = []",
        '[flow]\ninclude = ["more.toml"]',
        '[flow]\nrequires = ">=99"',
        '[env]\nX = "\\u0000"',
        "[env]\nX = true",
        '[env]\n"A=B" = 1',
        "[params]\n1st = 1",
        "[pools]\ndb = 0",
        "[resources]\ngpu = -1",
        '[defaults]\nrun = "true"',
        '[tasks."a b"]',
        "[tasks.a]\nretries = true",
        "[tasks.a]\nretries = -1",
        "[tasks.a]\ntimeout = 0",
        "[tasks.a]\ntimeout = nan",
        '[tasks.a]\ntimeout = "soon"',
        f"[tasks.a]\ntimeout = {'9' * 400}",
        '[tasks.a]\noutputs = ["x"]',
        '[tasks.a]\nrun = " "',
        "[tasks.a]\nexec = []",
        '[tasks.a]\nrun = "true"\nexec = ["true"]',
        '[tasks.a]\nrun = "true"\noutputs = ["!x"]',
        '[tasks.a]\ninputs = ["!!x"]',
        '[tasks.a]\ninputs = [""]',
        '[tasks.a]\ninputs = { path = "x" }',
        '[tasks.a]\ninputs = { "a b" = "x" }',
        "[tasks.a]\nargs = { x = 1 }",
        '[tasks.a]\ncall = "steps"',
        '[tasks.a]\npool = "db"',
        "[tasks.a]\nresources = { gpu = 1 }",
        '[tasks.a]\nrerun_on = ["moon"]',
        '[tasks.a]\nretries = { on = ["exit:x"] }',
        '[tasks.a]\ninputs = [{ path = "x", lines = "y" }]',
        '[tasks.a]\nrun = "true"\noutputs = [{ temp = true }]',
        '[tasks.a]\ntags = ["x", 1]',
        '[tasks.a]\ndescription = "{{ params.x }}"',
        '[tasks.a]\ntrack_env = [""]',
        '[tasks.a]\non_fail_outputs = "ask"',
        '[tasks.a]\ncolour = "red"',
        "[[tasks]]",
        "[tasks.broken",
        "x = " + "[" * 2000,
    ],
)
def test_what_has_to_be_looked_at_more_closely(wrong: str) -> None:
    assert plain_tasks(wrong.encode()) is None


@pytest.mark.parametrize("data", [b"\xff", b"\xef\xbb\xbf[tasks.a]\n"], ids=["not UTF-8", "byte order mark"])
def test_unusual_bytes_have_to_be_looked_at_more_closely(data: bytes) -> None:
    assert plain_tasks(data) is None


# -- the same for whatever people write ------------------------------------------------------------------------

PATHS = [
    "a",
    "x.csv",
    "x/*.csv",
    "!x",
    "!!x",
    "!",
    "",
    " ",
    "\n",
    "\0",
    "x\0",
    "x\n",
    "a b",
    "ä",
    "日本",
    "\x1c",
    "\u2028",
]
AMOUNTS = ["16G", "16 Gb", "5s", "1h30m", "0s", "-1s", "9" * 400, "inf"]
WORDS = [*PATHS, *AMOUNTS, "{{ params.x }}", "{%", "{#", "p.m:f", "p:f", "A=B", "keep", "pipe", "timeout", "age"]
NUMBERS = [-2, -1, 0, 1, 2**53, 2**53 + 1, 2**64, -(2**64), 10**400, 0.0, 1.5, -1.0, 1e300, float("inf"), float("nan")]
SCALARS = [*WORDS, *NUMBERS, True, False]
NAMES = ["a", "b", "path", "lines", "A_1.x-y", "1a", "", "a b", "ä", "x\n", "A=B", "A\0"]
ODD = [
    *SCALARS,
    *([each] for each in SCALARS),
    *({name: each} for name in ("a", "time") for each in SCALARS),
    *({name: each} for name in NAMES for each in ("x", ["x"], 1)),
    *([], {}, [[]], [{}], [["a"]], [{"a": 1}], {"a": []}, {"a": {}}, {"a": ["b", 1]}, {"a": {"b": 1}}),
    *([{"path": "a"}], [{"lines": "a"}], ["a", "b"], ["a", "!b"], ["a", 1], ["a", ""]),
]
"""Values that are right in one place or another, and wrong in most."""

SMALL = {
    "retries": examples(schema_fields.RetryTable),
    "inputs": examples(schema_fields.InputEntry),
    "outputs": examples(schema_fields.OutputEntry),
}
"""Fields that hold tables with fields of their own."""

FIELDS = {
    "flow": examples(schema.FlowTable),
    "defaults": examples(schema.TaskTable),
    "hooks": examples(schema.HooksTable),
    "tasks.one": examples(schema.TaskTable),
}
FREE = ["params", "env", "pools", "resources", "tasks"]


@pytest.mark.parametrize(
    ("table", "field"), [(table, field) for table in FIELDS for field in [*FIELDS[table], "colour"]]
)
def test_whatever_a_field_holds(table: str, field: str) -> None:
    """Also with what has to stand beside it, and with what it may name."""
    for value in [*ODD, *_tables_of(field)]:
        line = f"{field} = {toml(value)}\n"
        _agree_or_refuse(f"[{table}]\n{line}".encode())
        if table == "tasks.one":
            _agree_or_refuse(f"[{table}]\n{NEEDED.get(field, '')}\n{line}{LIMITS}".encode())


def _tables_of(field: str) -> Iterator[Any]:
    """Each of its own fields with anything, by itself and beside a path."""
    for name in [*SMALL[field], "colour"] if field in SMALL else []:
        for each in [*SCALARS, [], ["timeout"], ["exit:1000"], ["exit:75", "signal:KILL"]]:
            yield from ({name: each}, [{name: each}], [{"path": "a", name: each}], {"a": {"path": "a", name: each}})


@pytest.mark.parametrize("table", [*FREE, *FIELDS])
def test_whatever_a_table_holds(table: str) -> None:
    for value in ODD:
        for name in NAMES:
            _agree_or_refuse(f"[{table}]\n{toml(name)} = {toml(value)}\n".encode())
        _agree_or_refuse(f"{table} = {toml(value)}\n".encode())


def _agree_or_refuse(data: bytes) -> None:
    try:
        loaded(data)
    except FlowfileError:
        assert plain_tasks(data) is None, data
    else:
        agree(data)


def tables(name: str) -> st.SearchStrategy[dict[str, str]]:
    """Fields, each as in the reference or with anything for a value."""
    usual = st.sampled_from(list(FIELDS[name].items()))
    odd = st.tuples(st.sampled_from([*FIELDS[name]]), st.sampled_from(ODD).map(toml))
    return st.lists(usual | usual | odd, max_size=5).map(dict)


@settings(max_examples=600, deadline=None)
@given(st.fixed_dictionaries({}, optional={name: tables(name) for name in FIELDS}))
def test_whatever_stands_together(flowfile: dict[str, dict[str, str]]) -> None:
    lines = [f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in table.items()) for name, table in flowfile.items()]
    _agree_or_refuse("".join(lines).encode())
