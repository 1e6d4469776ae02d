"""What went wrong, as words on stderr and an exit code. The only place that turns exceptions into either."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from contextlib import suppress

import click

from flowmake.cli import github
from flowmake.core.errors import FlowfileError, FlowmakeError

INTERRUPTED = 130
BROKEN_PIPE = 141
MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EACCES})
"""Errors of the machine rather than of flowmake, wherever they come up: no crash to be reported."""
TOO_MANY = frozenset({errno.EMFILE, errno.ENFILE})
FEWER_FILES = "`ulimit -n` sets how many files may be open, and `-j` how many tasks run at once"


def explain(error: BaseException, ctx: click.Context | None) -> int:
    """Say on stderr what `error` means to a user and return the exit code."""
    match error:
        case FlowfileError():
            from flowmake.cli.given import read_source
            from flowmake.core.positions import render

            _say(render(error.problems, read_source(ctx)))
            if github.is_on():
                github.annotate(error.problems, ctx)
            return error.exit_code
        case FlowmakeError():
            _say(_with_hint(error.message, error.hint))
            return error.exit_code
        case click.ClickException():
            return _usage(error)
        case KeyboardInterrupt():
            return INTERRUPTED
        case BrokenPipeError():
            _silence_stdout()
            return BROKEN_PIPE
        case OSError() if error.errno in MACHINE:
            _silence_stdout()
            place = f"`{os.fsdecode(error.filename)}`: " if error.filename else ""
            _say(_with_hint(f"{place}{error.strerror}", FEWER_FILES if error.errno in TOO_MANY else ""))
            return FlowmakeError.exit_code
        case ImportError() if os.strerror(errno.EMFILE) in str(error):
            _say(_with_hint(os.strerror(errno.EMFILE), FEWER_FILES))
            return FlowmakeError.exit_code
        case _:
            return _crash(error)


def _with_hint(message: str, hint: str) -> str:
    return f"error: {message}\nhint: {hint}" if hint else f"error: {message}"


def _say(text: str) -> None:
    sys.stderr.write(text.rstrip("\n") + "\n")


def _usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if "\nhint: " not in message and context is not None:
        message += f"\nhint: `{context.command_path} --help` lists what there is"
    _say(f"error: {message}")
    return error.exit_code


def _silence_stdout() -> None:
    """Stdout can take no more: point it at nothing, or the interpreter complains once more when it ends."""
    with suppress(OSError):  # with too many files open, it is not stdout that is in trouble
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)


def _crash(error: BaseException) -> int:
    """One line for the user, everything for whoever mends it, in a file outside the project."""
    name = type(error).__name__
    try:
        path = _write_report(error)
    except OSError as failure:
        traceback.print_exception(error)
        _say(f"error: internal error: {name}: {error} (no crash report: {failure})")
        return FlowmakeError.exit_code
    _say(f"error: internal error: {name}: {error}\nhint: please report it with the file `{path}`")
    return FlowmakeError.exit_code


def _write_report(error: BaseException) -> str:
    import platform

    from flowmake import __version__

    descriptor, path = tempfile.mkstemp(prefix="flowmake-crash-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"flowmake {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        file.write(f"arguments: {sys.argv[1:]!r}\nfolder: {os.getcwd()}\n\n")
        file.writelines(traceback.format_exception(error))
    return path
