"""The schema in the hands of Taplo, which most editors that know TOML are built on."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
FLOWFILES = [REPO / "Flowfile.example", *sorted(REPO.glob("examples/*/Flowfile"))]
BROKEN = """\
[flow]
name = 3

[tasks.one]
inptus = ["a"]
run = ["a", "list"]
on_fail_outputs = "burn"

[tasks.two]
timeout = true

[hooks]
on_sucess = "x"
"""


@pytest.fixture
def taplo(project: Any) -> Any:
    """`taplo lint ARGS…` in a project whose Flowfiles it is told of; exit code and complaints with their places."""
    if shutil.which("taplo", path=project.environ()["PATH"]) is None:
        pytest.fail("taplo is missing: `pip install taplo` brings it")
    project.write(".taplo.toml", 'include = ["**/Flowfile", "**/*.toml"]\n')

    def lint(*args: str) -> tuple[int, set[tuple[str, int]]]:
        done = subprocess.run(
            ["taplo", "lint", "--colors", "never", *args],
            cwd=project.root,
            env=project.environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        found = re.findall(r"^error: (.*)\n +┌─ .*:(\d+):\d+$", done.stderr, re.MULTILINE)
        return done.returncode, {(message, int(line)) for message, line in found}

    return lint


@pytest.fixture
def schema(project: Any) -> str:
    """Where `flowmake schema` has written to, as Taplo wants to have it."""
    return project.write("flowfile.schema.json", project.run("schema").stdout).as_uri()


@pytest.mark.parametrize("flowfile", FLOWFILES, ids=lambda path: path.relative_to(REPO).as_posix())
def test_a_flowfile_that_is_right(project: Any, taplo: Any, schema: str, flowfile: Path) -> None:
    project.write("Flowfile", flowfile.read_text())
    assert taplo("--schema", schema, "Flowfile") == (0, set())


def test_what_is_wrong_is_found_where_it_is(project: Any, taplo: Any, schema: str) -> None:
    project.write("Flowfile", BROKEN)
    code, complaints = taplo("--schema", schema, "Flowfile")
    assert code == 1
    assert complaints >= {
        ('3 is not of type "string"', 2),
        ("Additional properties are not allowed ('inptus' was unexpected)", 5),
        ('["a","list"] is not of type "string"', 6),
        ('"burn" is not one of ["delete","keep"]', 7),
        ('true is not of types "number", "string"', 10),
        ("Additional properties are not allowed ('on_sucess' was unexpected)", 13),
    }


def test_the_starter_points_to_its_schema(project: Any, taplo: Any) -> None:
    assert project.run("init").code == 0
    assert taplo() == (0, set())
    project.write("Flowfile", project.read("Flowfile") + "[tasks.more]\ninptus = []\n")
    code, complaints = taplo()
    assert code == 1
    assert any("'inptus' was unexpected" in message for message, _ in complaints)


def test_the_starter_points_to_where_its_state_is(project: Any) -> None:
    assert project.run("init", env={"FLOWMAKE_STATE_DIR": "../state"}).code == 0
    first = project.read("Flowfile").splitlines()[0]
    schema = project.root / first.removeprefix("#:schema ")
    assert "../state/" in first
    assert json.loads(schema.read_text())["title"] == "Flowfile"


def test_every_field_is_documented(project: Any) -> None:
    fields = list(_fields(json.loads(project.run("schema").stdout), "Flowfile"))
    assert len(fields) > 100
    assert [name for name, node in fields if not node.get("x-taplo", {}).get("docs", {}).get("main")] == []


def _fields(node: Any, name: str) -> Iterator[tuple[str, Any]]:
    for field, inner in node.get("properties", {}).items():
        yield f"{name}.{field}", inner
        yield from _fields(inner, f"{name}.{field}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from _fields(node[key], f"{name}[]")


def test_there_is_nothing_that_editors_look_past(project: Any) -> None:
    text = project.run("schema").stdout
    assert [word for word in ('"$ref"', '"anyOf"', '"x-options"') if word in text] == []


def test_no_field_takes_null(project: Any) -> None:
    assert '"null"' not in project.run("schema").stdout
