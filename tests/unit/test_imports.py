"""What starting up may import: the price of every command line is paid here first."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"click", "jinja2", "sqlite3", "asyncio", "rich", "graphviz", "psutil", "subprocess", "tempfile"}


def imported_by(statement: str) -> set[str]:
    """Every module loaded once `statement` has run in a new interpreter, its own start-up not counted."""
    program = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "sys.stderr.write('\\n' + ' '.join(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
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
    loaded = {name for name in imported_by(command_line(*args)) if name.startswith("flowmake")}
    assert loaded == {"flowmake", "flowmake.cli", "flowmake.cli.group", "flowmake.cli.options", "flowmake.cli.table"}


def test_the_entry_alone_imports_nothing_heavy() -> None:
    assert not imported_by("import flowmake.__main__") & HEAVY
