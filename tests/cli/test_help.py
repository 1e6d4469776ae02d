"""Help and the group itself: what is listed, what an unknown command is told."""

from __future__ import annotations

from typing import Any

import pytest

from flowmake import __version__
from flowmake.cli.table import COMMANDS

HELP = """\
Usage: flowmake [OPTIONS] [COMMAND] [ARGS]...

  Runs only what is stale, judged by content and never by the age of files; tells you why; draws
  the graph.

Options:
  -V, --version    Show the version and exit.
  -C DIR           Change to DIR before doing anything.
  -f, --file FILE  The Flowfile; otherwise searched from here upwards.
  -h, --help       Show this message and exit.

Build:
  run         Run what is stale, in parallel.
  accept      Record what is there now as fresh, without running it.
  clean       Remove files that flowmake made, and only those.

Look:
  status      Show which tasks are fresh, stale or failed.
  why         Explain why a task is stale or fresh.
  list        List the tasks with their descriptions and tags.
  show        Show everything about one task, rendered.
  graph       Draw the graph, or print it as text.
  log         Print the log of a task.
  history     Show past runs and their tasks.
  lineage     Tell what made a file, and from what.
  report      Write a page about a run: graph, timeline, tasks, logs.

Set up:
  init        Write a starter Flowfile.
  check       Validate the Flowfile without running anything.
  schema      Print the JSON Schema of the Flowfile, for editors.
  doctor      Check that this machine has what flowmake needs.
  completion  Print the completion script for a shell.

  `flowmake COMMAND --help` tells more about each.
"""


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",)])
def test_help_groups_the_commands(project: Any, args: tuple[str, ...]) -> None:
    done = project.run(*args)
    assert (done.code, done.stdout, done.stderr) == (0, HELP, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(project: Any, name: str) -> None:
    done = project.run(name, "--help")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: flowmake {name}")
    assert f"\n  {COMMANDS[name].help}\n" in done.stdout


def test_version(project: Any) -> None:
    done = project.run("--version")
    assert (done.code, done.stdout) == (0, f"flowmake {__version__}\n")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("rnu", "did you mean `run`?"), ("weather", "to run a task of that name: `flowmake run weather`")],
)
def test_an_unknown_command(project: Any, name: str, hint: str) -> None:
    done = project.run(name)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == f"error: no such command `{name}`\nhint: {hint}\n"


def test_an_unknown_option(project: Any) -> None:
    done = project.run("status", "--jsn")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No such option")
    assert done.stderr.endswith("\nhint: `flowmake status --help` lists what there is\n")
