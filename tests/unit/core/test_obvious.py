"""What is right at a glance is right: `flowfile` takes it, and there stands the same. Most of what is right is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowmake.core import schema
from flowmake.core.errors import FlowfileError
from flowmake.core.flowfile import load_flow
from flowmake.core.model import Flow
from flowmake.core.obvious import plain_tasks
from flowmake.core.templates import has_template
from tests.unit.core.test_flowfile_errors import CASES, sections

NOT_SEEN = {"foreach", "pool", "resources", "rerun_on", "slurm"}
"""Fields of a task that need a graph to be shown, or a second look."""
NEEDED = {"outputs": 'run = "true"', "args": 'call = "steps:fit"', "description": 'run = "true"'}
"""What has to stand beside a field."""


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


def text(tables: dict[str, dict[str, Any]]) -> bytes:
    lines = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{toml(key)} = {toml(value)}" for key, value in table.items())]
    return "\n".join([*lines, ""]).encode()


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
    data = f"[tasks.a]\n{NEEDED.get(field, '')}\n{field} = {value}\n".encode()
    assert loaded(data + b"[pools]\ndb = 1\n[resources]\nmem = 1\n")
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

WORDS = st.sampled_from(
    ["a", "x.csv", "x/*.csv", "!x", "!!x", "!", "", " ", "\n", "\0", "x\n", "a b", "ä", "日本", "\x1c", "\u2028"]
) | st.sampled_from(
    [
        "5s",
        "1h30m",
        "-1s",
        "9" * 400,
        "{{ params.x }}",
        "{%",
        "{#",
        "p.m:f",
        "p:f",
        "A=B",
        "delete",
        "keep",
        "pipe",
        "inf",
    ]
)
SCALARS = (
    WORDS
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([2**53, 2**53 + 1, 2**64, -(2**64)])
    | st.sampled_from([0.0, 1.5, -1.0, 1e300, float("inf"), float("nan")])
)
NAMES = st.sampled_from(["a", "b", "path", "lines", "A_1.x-y", "1a", "", "a b", "ä", "x\n"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=4
)


def tables(struct: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Any]]:
    """Its fields, as in the reference or with anything for a value, and fields that it does not have."""
    import tomli

    usual = {key: st.just(tomli.loads(f"x = {value or '1'}")["x"]) for key, value in examples(struct).items()}
    fields = [st.tuples(st.just(key), value) for key, value in usual.items()]
    anything = st.tuples(st.sampled_from([*usual, "colour"]), VALUES)
    return st.lists(st.one_of(st.one_of(fields), anything), max_size=4).map(dict)


FREE = st.dictionaries(NAMES, VALUES, max_size=3)
FLOWFILES = st.fixed_dictionaries(
    {},
    optional={
        "flow": tables(schema.FlowTable),
        "params": FREE,
        "env": FREE,
        "defaults": tables(schema.TaskTable),
        "pools": FREE,
        "resources": FREE,
        "hooks": tables(schema.HooksTable),
        "tasks.one": tables(schema.TaskTable),
        "tasks.two": tables(schema.TaskTable),
        "tasks": FREE,
    },
)


@settings(max_examples=400, deadline=None)
@given(FLOWFILES)
@example({"tasks.one": {"run": "true"}})
def test_what_is_taken_for_right_is_right(flowfile: dict[str, dict[str, Any]]) -> None:
    agree(text(flowfile))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["flow", "params", "env", "defaults", "pools", "resources", "hooks", "tasks.one"]), st.data())
def test_so_is_each_table_by_itself(name: str, data: st.DataObject) -> None:
    fields: dict[str, Callable[[], st.SearchStrategy[dict[str, Any]]]] = {
        "flow": lambda: tables(schema.FlowTable),
        "defaults": lambda: tables(schema.TaskTable),
        "hooks": lambda: tables(schema.HooksTable),
        "tasks.one": lambda: tables(schema.TaskTable),
    }
    table = data.draw(fields[name]() if name in fields else FREE)
    written = text({name: table})
    try:
        loaded(written)
    except FlowfileError:
        assert plain_tasks(written) is None
    else:
        agree(written)
