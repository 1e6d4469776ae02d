"""Every page of the documentation is run from top to bottom, so that none says what is no longer true."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from flowmake.cli.group import flowmake
from flowmake.cli.table import COMMANDS
from tests.pages import Page, bare_environ, blocks, comparable, matches

REPO = Path(__file__).resolve().parents[2]
PAGES = [REPO / "README.md", REPO / "CONTRIBUTING.md", *sorted((REPO / "docs").rglob("*.md"))]
RUN_NOTHING = {"CONTRIBUTING.md", "docs/index.md", "docs/coming-from/index.md"}
"""Pages that only point elsewhere. What is looked up or was decided (`LOOKED_UP`) has tests of its own."""
LOOKED_UP = ("docs/reference/", "docs/design/", "docs/benchmarks/")
PICTURE = REPO / "docs" / "images" / "quickstart.svg"
MENTIONED = re.compile(r"`flowmake ([^`]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def _name(page: Path) -> str:
    return page.relative_to(REPO).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_page(page: Path, tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    mismatches = Page(page, tmp_path, bare_environ(home)).mismatches()
    assert not mismatches, "\n\n".join(mismatches)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_page_runs_something(page: Path) -> None:
    name = _name(page)
    runs = any(block is not None and block.language == "console" for block in blocks(page.read_text()))
    assert runs == (name not in RUN_NOTHING and not name.startswith(LOOKED_UP))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_snippet_is_a_flowfile(page: Path, tmp_path: Path) -> None:
    """A TOML block that is no file of the page stands for a part of a Flowfile."""
    (home := tmp_path / "home").mkdir()
    complaints = []
    for block in blocks(page.read_text()):
        if block is not None and block.language == "toml" and not block.title:
            (tmp_path / "Flowfile").write_text("\n".join(block.lines) + "\n")
            command = ["flowmake", "check"]
            done = subprocess.run(
                command, cwd=tmp_path, env=bare_environ(home), capture_output=True, text=True, timeout=60, check=False
            )
            if done.returncode:
                complaints.append(f"{_name(page)}:{block.line}: {done.stderr}")
    assert complaints == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_the_text_mentions_exists(page: Path) -> None:
    """Commands and options in the running text, which nobody runs."""
    prose = re.sub(r"(?ms)^(`{3,}).*?^\1", "", page.read_text())
    mentioned = [line.replace("[", "").replace("]", "").split() for line in MENTIONED.findall(prose)]
    assert [" ".join(words) for words in mentioned if not _is_known(words)] == []


def _is_known(words: list[str]) -> bool:
    name, *arguments = words
    if name in ("COMMAND", "--help", "--version", "-V"):
        return True
    if name not in COMMANDS:
        return False
    with click.Context(flowmake) as ctx:
        command = flowmake.get_command(ctx, name)
    assert command is not None
    known = {option for param in command.params for option in param.opts} | {"-h", "--help"}
    given = [word for word in arguments if word.startswith("-")]
    return all((word.partition("=")[0] if word.startswith("--") else word[:2]) in known for word in given)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (["done in 0.1s: 3 succeeded"], ["done in 12.5s: 3 succeeded"]),
        (["[0/2] a started", "[0/2] b started"], ["[0/2] b started", "[1/2] a started"]),
        (
            ["[1/2] a ✗ exit code 1", "    log: x", "[2/2] b ✓ 0.0s"],
            ["[1/2] b ✓ 0.0s", "[2/2] a ✗ exit code 1", "    log: x"],
        ),
        (["run 20260101-101010-0a0b of 2026-01-01 10:10:10"], ["run 20270101-101010-ffff of 2027-01-01 10:10:10"]),
        (["first", "…", "last"], ["first", "last"]),
        (["first", "…", "last"], ["first", "a", "b", "last"]),
        (["made by … of 3"], ["made by me of 3"]),
        (["a  b"], ["a    b"]),
    ],
)
def test_the_same(expected: list[str], actual: list[str]) -> None:
    assert matches(expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ([], ["something"]),
        (["something"], []),
        (["3 succeeded"], ["2 succeeded"]),
        (["a", "b"], ["b", "a"]),
        (["first", "…"], ["second"]),
        (["a.b"], ["axb"]),
    ],
)
def test_not_the_same(expected: list[str], actual: list[str]) -> None:
    assert not matches(expected, actual)


def test_progress_keeps_its_details() -> None:
    lines = ["[2/2] b ✗ exit code 1", "    log: b", "[1/2] a ✓ 0.0s", "done"]
    assert comparable(lines) == ["[] a ✓ SECONDS", "[] b ✗ exit code 1", "    log: b", "done"]


def test_the_picture_shows_the_example(tmp_path: Path) -> None:
    """Node by node and edge by edge; how they are laid out is a matter of the Graphviz at hand."""
    (home := tmp_path / "home").mkdir()
    project = shutil.copytree(REPO / "examples" / "quickstart", tmp_path / "quickstart")
    subprocess.run(["flowmake", "graph", "-o", "now.svg"], cwd=project, env=bare_environ(home), check=True, timeout=60)
    assert _drawn(PICTURE) == _drawn(project / "now.svg"), "python docs/pictures.py draws it again"


def _drawn(picture: Path) -> set[str]:
    return set(re.findall(r"<title>(.*?)</title>", picture.read_text()))


def test_the_reference_of_commands_is_what_the_commands_say() -> None:
    made = runpy.run_path(str(REPO / "docs" / "generate_commands.py"))
    assert made["PAGE"].read_text(encoding="utf-8") == made["commands_page"](), "run `python docs/generate_commands.py`"


def test_the_page_on_reliability_counts_its_tests() -> None:
    made = runpy.run_path(str(REPO / "docs" / "count_tests.py"))
    text = made["PAGE"].read_text(encoding="utf-8")
    assert text == made["counted"](text), "run `python docs/count_tests.py`"
    assert "| 0 |" not in text
