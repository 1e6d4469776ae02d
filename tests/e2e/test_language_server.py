"""What editors show while a Flowfile is typed: Taplo's language server, and the schema that `flowmake init` writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowmake.core.schema import FlowTable, TaskTable
from tests.conftest import Project
from tests.languageserver import Editor, Problem

pytestmark = pytest.mark.npm

SCHEMA = "#:schema ../.flowmake/flowfile.schema.json\n"


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("editor")
    project = Project(folder, folder)
    assert project.run("init").code == 0
    project.write(".taplo.toml", 'include = ["**/Flowfile", "**/*.toml"]\n')
    started = Editor(folder, project.environ())
    yield started
    started.close()


def said(item: dict[str, Any]) -> str:
    text: str = item["documentation"]["value"]
    return text


def inserted(item: dict[str, Any]) -> str:
    text: str = item["textEdit"]["newText"] if "textEdit" in item else item["insertText"]
    return text


def fields(offered: dict[str, Any]) -> set[str]:
    """Fields alone; those of tables inside (`retries.delay`) are offered as well."""
    return {label for label in offered if "." not in label}


def test_the_fields_of_a_task(editor: Editor) -> None:
    offered = editor.completions(SCHEMA + "[tasks.one]\n|\n")
    assert fields(offered) == set(TaskTable.__struct_encode_fields__)
    assert said(offered["track_env"]) == (
        'Names of inherited variables whose values count for staleness.\n\nFor example `["CC"]`.'
    )
    assert [label for label, item in offered.items() if not said(item)] == []


def test_a_field_that_is_begun_is_replaced_by_its_whole(editor: Editor) -> None:
    offered = editor.completions(SCHEMA + '[tasks.one]\nrun = "true"\nat|\n')
    assert inserted(offered["atomic"]) == "atomic = ${0:false}"
    assert "run" not in offered


def test_the_fields_of_the_flow(editor: Editor) -> None:
    offered = editor.completions(SCHEMA + "[flow]\n|\n")
    assert fields(offered) == set(FlowTable.__struct_encode_fields__)
    assert said(offered["jobserver"]).startswith("How the GNU make jobserver is served to children.")


def test_the_tables_of_a_flowfile(editor: Editor) -> None:
    offered = editor.completions(SCHEMA + "[|]\n")
    tables = {"flow", "params", "env", "defaults", "pools", "resources", "executors", "hooks", "tasks"}
    assert fields(offered) >= tables
    assert said(offered["defaults"]).startswith("Any task field, for every task that does not set it.")
    assert "flow.jobserver" not in offered


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[tasks.one]\non_fail_outputs = |\n", ["delete", "keep"]),
        ("[tasks.one]\non_fail_outputs=|", ["delete", "keep"]),
        ('[tasks.one]\non_fail_outputs = "|"\n', ["delete", "keep"]),
        ('[tasks.one]\non_fail_outputs = "ke|"\n', ["delete", "keep"]),
        ('[flow]\njobserver = "|"\n', ["fifo", "none", "pipe"]),
        ('[tasks.one]\ninputs = { raw = { path = "x", check = | } }\n', ["content", "exists", "stat"]),
        (
            '[tasks.one.foreach]\nday = { dates = ["2026-01-01", "today"], every = "|" }',
            ["day", "month", "week", "year"],
        ),
        ("[tasks.one]\nrerun_on = [|]\n", ["age", "env", "inputs", "outputs", "recipe"]),
        ('[tasks.one]\nrerun_on = ["env", |]\n', ["age", "env", "inputs", "outputs", "recipe"]),
    ],
)
def test_allowed_values(editor: Editor, text: str, values: list[str]) -> None:
    assert sorted(editor.completions(SCHEMA + text)) == [f'"{value}"' for value in values]


def test_a_value_that_is_chosen_takes_the_place_of_what_was_typed(editor: Editor) -> None:
    chosen = editor.completions(SCHEMA + '[tasks.one]\non_fail_outputs = "ke|"\n')['"keep"']
    assert chosen["textEdit"] == {
        "range": {"start": {"line": 2, "character": 18}, "end": {"line": 2, "character": 22}},
        "newText": '"keep"',
    }
    assert said(chosen).startswith("What happens to outputs changed by a failed attempt.")


def test_a_table_in_place_of_a_number(editor: Editor) -> None:
    offered = editor.completions(SCHEMA + "[tasks.one]\nretries = { | }\n")
    assert set(offered) == {"attempts", "delay", "backoff", "max_delay", "jitter", "on"}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("[tasks.one]\nin|puts = []\n", "What the task reads: paths, directories"),
        ("[tasks.one]\nretr|ies = { attempts = 2 }\n", "How often a failed attempt is repeated, or a table"),
        ("[tasks.one]\nretries = { att|empts = 2 }\n", "Repetitions after the first attempt."),
        ("[tasks.one.foreach]\nzi|p = true\n", "Pair the keys up instead of combining each with each."),
        ("[tas|ks.one]\n", "The tasks, each a table"),
        ("[tasks.o|ne]\n", "A task. At most one of `run`, `exec` and `call`"),
        ("[def|aults]\n", "Any task field, for every task that does not set it."),
        ("[flow.hist|ory]\nruns = 3\n", "How much is remembered of past runs."),
        ('[executors.big]\nki|nd = "slurm"\n', "What runs the tasks: `slurm`, `dask`, or what a plug-in brings."),
        ('[tasks.one]\non_fail_outputs = "ke|ep"\n', "What happens to outputs changed by a failed attempt."),
    ],
)
def test_what_the_pointer_is_at_is_explained_once(editor: Editor, text: str, meaning: str) -> None:
    shown = editor.hover(SCHEMA + text)
    assert shown is not None
    assert shown.startswith(meaning)
    assert shown.count(meaning) == 1


def test_a_table_of_executors(editor: Editor) -> None:
    offered = editor.completions(SCHEMA + "[executors.big]\n|\n")
    assert inserted(offered["kind"]) == 'kind = "$0"'
    assert editor.problems(SCHEMA + '[executors.big]\npartition = "long"\n') == [
        Problem("big", '"kind" is a required property')
    ]
    assert editor.problems(SCHEMA + '[executors.big]\nkind = "slurm"\npartition = "long"\n') == []


@pytest.mark.parametrize(
    ("text", "underlined", "message"),
    [
        ("[flow]\nname = 3\n", "name", '3 is not of type "string"'),
        ('[tasks.one]\ninputs = "a.txt"\n', "inputs", '"a.txt" is not of types "array", "object"'),
        ('[tasks.one]\ninputs = ["a", 3]\n', "3", '3 is not of types "object", "string"'),
        ('[tasks.one]\non_fail_outputs = "burn"\n', "on_fail_outputs", '"burn" is not one of ["delete","keep"]'),
        ("[tasks.one]\nretries = -1\n", "retries", "-1 is less than the minimum of 0"),
        ("[pools]\ndb = 0\n", "db", "0 is less than the minimum of 1"),
        ("[tasks.one]\ninptus = []\n", "one", "Additional properties are not allowed ('inptus' was unexpected)"),
    ],
)
def test_what_is_wrong_is_underlined(editor: Editor, text: str, underlined: str, message: str) -> None:
    assert Problem(underlined, message) in editor.problems(SCHEMA + text)


def test_nothing_is_underlined_in_the_starter(editor: Editor, project: Any) -> None:
    assert project.run("init").code == 0
    _, _, rest = project.read("Flowfile").partition("\n")
    assert editor.problems(SCHEMA + rest) == []
