"""Help and the group itself: what is listed, what an unknown command is told."""

from __future__ import annotations

from typing import Any

import pytest

from flowmake import __version__
from flowmake.cli.frontpage import ABOUT, EPILOG, OPTIONS, help_page
from flowmake.cli.group import flowmake
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
  diff        Show what differs between two runs.
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


@pytest.mark.parametrize("columns", [20, 52, 60, 61, 79, 80, 100, 119, 120, 122, 200])
def test_the_front_page_is_laid_out_as_click_does_it(columns: int) -> None:
    """It is written without click, so that it shows at once; nobody shall see that it is."""
    assert help_page(columns) == by_click(columns)


def by_click(columns: int) -> str:
    width = max(min(columns, 120) - 2, 50)
    with flowmake.make_context("flowmake", [], resilient_parsing=True, terminal_width=width) as ctx:
        formatter = ctx.make_formatter()
        flowmake.format_usage(ctx, formatter)
        with formatter.section("About"):
            formatter.write_text(ABOUT)
        with formatter.section("Options"):
            formatter.write_dl(list(OPTIONS.items()))
        across = max(map(len, COMMANDS))
        for heading in dict.fromkeys(entry.heading for entry in COMMANDS.values()):
            with formatter.section(heading):
                named = [(name, entry.help) for name, entry in COMMANDS.items() if entry.heading == heading]
                formatter.write_dl([(name.ljust(across), line) for name, line in named])
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(EPILOG)
        return formatter.getvalue().replace("About:\n", "")


def test_the_front_page_names_every_option_that_there_is() -> None:
    with flowmake.make_context("flowmake", [], resilient_parsing=True) as ctx:
        records = [param.get_help_record(ctx) for param in flowmake.get_params(ctx)]
    assert dict(record for record in records if record) == OPTIONS


@pytest.mark.parametrize("args", [("-C", "/", "--help"), ("-C", "/")])
def test_help_after_an_option_is_the_same(project: Any, args: tuple[str, ...]) -> None:
    assert project.run(*args).stdout == HELP


def test_the_width_comes_from_the_variable(project: Any) -> None:
    assert project.run("--help", env={"COLUMNS": "60"}).stdout == help_page(60)


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
