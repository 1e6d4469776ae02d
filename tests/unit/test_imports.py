"""What starting up may import: the price of every command line is paid here first."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowmake.cli.table import COMMANDS

HEAVY = {"click", "jinja2", "sqlite3", "asyncio", "rich", "graphviz", "psutil", "subprocess", "tempfile"}


FRONT = {"flowmake", "flowmake.cli", "flowmake.cli.frontpage", "flowmake.cli.table"}


def imported_by(statement: str, cwd: Path | None = None) -> set[str]:
    """Every module loaded once `statement` has run in a new interpreter, its own start-up not counted."""
    program = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "sys.stderr.write('\\n' + ' '.join(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True, cwd=cwd)
    return set(done.stderr.rsplit("\n", 1)[1].split())


def command_line(*args: str) -> str:
    return f"from flowmake.cli import main; code = main({list(args)!r}); assert code == 0, code"


def test_importing_the_package_costs_next_to_nothing() -> None:
    assert imported_by("import flowmake") == {"flowmake"}


def test_every_public_name_is_there() -> None:
    imported_by("import flowmake; assert all(hasattr(flowmake, name) for name in flowmake.__all__)")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    imported_by(
        "import flowmake\ntry: flowmake.lode\nexcept AttributeError as e: text = str(e)\n"
        "assert text == \"module 'flowmake' has no attribute 'lode'\", text"
    )


@pytest.mark.parametrize("args", [("--help",), (), ("--version",)])
def test_help_imports_no_command_and_no_room_below(args: tuple[str, ...]) -> None:
    loaded = imported_by(command_line(*args))
    assert {name for name in loaded if name.startswith("flowmake")} == FRONT
    assert not loaded & {*HEAVY, "collections.abc", "enum", "msgspec", "re", "textwrap", "tomli", "typing", "xxhash"}


def test_the_entry_alone_imports_nothing_heavy() -> None:
    assert not imported_by("import flowmake.__main__") & HEAVY


@pytest.mark.parametrize(
    "args",
    [
        ("run",),
        ("run", "-n"),
        ("status",),
        ("why",),
        ("list",),
        ("show", "a"),
        ("graph", "--format", "text"),
        ("history",),
        ("log",),
        ("lineage", "a"),
        ("diff", "-1", "-1"),
        ("report", "--format", "trace", "-o", "-"),
        ("check",),
    ],
)
def test_commands_import_nothing_that_they_do_not_use(tmp_path: Path, args: tuple[str, ...]) -> None:
    """No tables in a pipe, no templates in the flow, no pictures, no processes left to look for."""
    (tmp_path / "Flowfile").write_text('[tasks.a]\noutputs = ["a"]\nrun = "touch a"\n')
    imported_by(command_line("run", "-q"), tmp_path)
    assert not imported_by(command_line(*args), tmp_path) & {"rich", "jinja2", "graphviz", "psutil", "asyncio"}


def test_the_live_display_imports_no_library(tmp_path: Path) -> None:
    """Every run on a terminal begins with it."""
    drawing = (
        "import sys, time; sys.stderr.isatty = lambda: True; from flowmake.observers.console import Console; "
        "from flowmake.core.events import RunStarted, TaskStarted; console = Console(); "
        "console.on_event(RunStarted(time=0, run='r', targets=(), jobs=1, argv=(), expected=2)); "
        "console.on_event(TaskStarted(time=0, run='r', task='köln', attempt=1, pid=1, command='x', log='l')); "
        "console.on_tick(time.monotonic() + 1); console.close()"
    )
    assert not imported_by(drawing, tmp_path) & {"rich", "click"}


def test_a_command_imports_no_other_command(tmp_path: Path) -> None:
    (tmp_path / "Flowfile").write_text('[tasks.a]\noutputs = ["a"]\nrun = "touch a"\n')
    modules = {entry.module for entry in COMMANDS.values()}
    assert imported_by(command_line("list", "--json"), tmp_path) & modules == {"flowmake.cli.list"}


def test_nothing_to_do_imports_nothing_heavy(tmp_path: Path) -> None:
    """The second time, a snapshot answers: nothing of what judges or parses is imported."""
    (tmp_path / "Flowfile").write_text('[tasks.a]\noutputs = ["a"]\nrun = "echo {{ 1 }} > a"\n')
    statement = "import sys; sys.argv[1:] = ['run']; from flowmake.__main__ import main; assert main() == 0"
    imported_by(statement, tmp_path)
    shutil.rmtree(tmp_path / ".flowmake" / "snapshots")  # that of a run that has just written files asks to read them
    imported_by(statement, tmp_path)
    loaded = imported_by(statement, tmp_path)
    assert not loaded & {*HEAVY, "msgspec", "tomli", "xxhash", "typing", "re", "json"}
    assert not {name for name in loaded if name.startswith(("flowmake.cli", "flowmake.core"))}
