"""The command line: parses, calls `build`, prints through views and observers. Decides nothing about tasks."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

TYPE_CHECKING = False  # as from `typing`, whose import alone takes as long as the shortest answers
if TYPE_CHECKING:
    from collections.abc import Sequence

    from click import Context

    from flowmake.world.snapshot import Found

OBJECTS_BETWEEN_SEARCHES = 100_000
"""How many more objects than before there may be until those that refer to each other in circles are searched for."""


def main(argv: Sequence[str] | None = None, found: Found | None = None) -> int:
    """Run one command line and return its exit code; never raises but for a request to end the interpreter.

    `found` is what differs from the snapshot of this very command line.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may hold what no encoding can carry
    if found is not None and (code := _again(found)) is not None:
        return _ended(code)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "_FLOWMAKE_COMPLETE" not in os.environ:
        if (code := _run(arguments)) is not None:
            return _ended(code)
        from flowmake.cli import frontpage

        if (text := frontpage.answer(arguments)) is not None:
            return _printed(text)
        if (code := _listed(arguments)) is not None:
            return _ended(code)
    return _ended(_invoked(arguments))


def _again(found: Found) -> int | None:
    """The exit code of a run of what is affected; None where everything has to be looked at."""
    _search_seldom()
    from flowmake.cli.carrying import again

    try:
        return again(found)
    except (Exception, KeyboardInterrupt) as error:
        return _explain(error, None)


def _listed(arguments: list[str]) -> int | None:
    """The exit code where that was the command line; None where it was another."""
    from flowmake.cli import tasklist

    if arguments != tasklist.QUESTION:
        return None
    _search_seldom()
    try:
        tasklist.print_table_here()
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return _explain(error, None)
    return 0


def _run(arguments: list[str]) -> int | None:
    """The exit code of a run that needs no parser to be understood; None where the command line is another one."""
    if arguments[:1] != ["run"]:
        return None
    from flowmake.cli import glance

    found = glance.read(arguments[1:])
    if found is None:
        return None
    _search_seldom()
    try:
        from flowmake.cli.starting import start_here

        code = start_here(*found)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return _explain(error, None)
    return code


def _printed(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except Exception as error:
        return _explain(error, None)
    return 0


def _search_seldom() -> None:
    """What is made lives to the end, as a rule: searching it for cycles took a quarter of the time to load a flow."""
    import gc

    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES)


def _ended(code: int) -> int:
    """All that is left goes with the process: to search it for cycles at its end took a sixth of a short command."""
    import gc

    gc.freeze()
    return code


def _invoked(arguments: list[str]) -> int:
    """The exit code of a command, found and parsed by click."""
    _search_seldom()
    import click

    from flowmake.cli.group import flowmake

    ctx: click.Context | None = None
    try:
        if "_FLOWMAKE_COMPLETE" in os.environ:
            from flowmake.cli.complete import answer

            return answer(flowmake, os.environ["_FLOWMAKE_COMPLETE"])
        with (ctx := flowmake.make_context("flowmake", arguments)):
            code = flowmake.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except Exception as error:
        return _explain(error, ctx)
    except KeyboardInterrupt as error:
        return _explain(error, ctx)
    return code if isinstance(code, int) else 0


def _explain(error: BaseException, ctx: Context | None) -> int:
    from flowmake.cli.failures import explain

    return explain(error, ctx)
