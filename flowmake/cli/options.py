"""Options and arguments that several commands share. Knows no command, nor what comes of what was given."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowmake.cli.given import FILE, PARAMS, PARAMS_FILE, STARTED_IN

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _enter(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Change the folder at once, so that every other path is relative to it (as in make and git)."""
    if value is None or (ctx.resilient_parsing and not os.path.isdir(value)):
        return
    with suppress(FileNotFoundError):  # whoever stands in a folder that has been removed may still go elsewhere
        ctx.meta.setdefault(STARTED_IN, os.getcwd())
    try:
        os.chdir(value)
    except OSError as error:
        raise click.BadParameter(f"cannot enter `{value}`: {error.strerror}", ctx, param) from error


def _remember(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value:
            ctx.meta[key] = value

    return callback


def _assignments(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> None:
    params: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"`{text}` is not of the form NAME=VALUE", ctx, param)
        params[name] = value
    if params:
        ctx.meta[PARAMS] = params


directory_option = click.option(
    "-C",
    "directory",
    metavar="DIR",
    is_eager=True,
    expose_value=False,
    callback=_enter,
    type=click.Path(file_okay=False),
    help="Change to DIR before doing anything.",
)


def _file_option(*names: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        *names,
        "file",
        metavar="FILE",
        expose_value=False,
        callback=_remember(FILE),
        type=click.Path(),
        help="The Flowfile; otherwise searched from here upwards.",
    )


file_option = _file_option("-f", "--file")
set_option = click.option(
    "--set",
    "assignments",
    metavar="NAME=VALUE",
    multiple=True,
    expose_value=False,
    callback=_assignments,
    help="Set a parameter of the flow; repeatable.",
)
params_file_option = click.option(
    "--params-file",
    metavar="FILE",
    expose_value=False,
    callback=_remember(PARAMS_FILE),
    type=click.Path(dir_okay=False),
    help="Read parameters from a TOML or JSON file.",
)
all_option = click.option("--all", "everything", is_flag=True, help="All tasks, not only what a bare run builds.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print versioned JSON instead of text.")


def flow_options(command: Decorated) -> Decorated:
    """Everything that says which flow: `-C -f --set --params-file`."""
    for option in (params_file_option, set_option, file_option, directory_option):
        command = option(command)
    return command


def flow_options_without_f(command: Decorated) -> Decorated:
    """The same for a command that has another use for `-f`."""
    for option in (params_file_option, set_option, _file_option("--file"), directory_option):
        command = option(command)
    return command


def complete_targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What may be typed for a target."""
    from flowmake.cli.complete import targets

    return targets(ctx, incomplete)


def _complete_tasks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from flowmake.cli.complete import tasks

    return tasks(ctx, incomplete)


def _complete_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from flowmake.cli.complete import runs

    return runs(ctx, incomplete)


def targets_argument(*, required: bool = False) -> Callable[[Decorated], Decorated]:
    """`TARGET…`: tasks, instances, outputs, tags."""
    return click.argument(
        "targets",
        metavar="TARGET..." if required else "[TARGET]...",
        nargs=-1,
        required=required,
        shell_complete=complete_targets,
    )


def target_argument(command: Decorated) -> Decorated:
    """Exactly one `TARGET`."""
    return click.argument("target", metavar="TARGET", shell_complete=complete_targets)(command)


def task_argument(*, required: bool) -> Callable[[Decorated], Decorated]:
    """One `TASK`: a name, nothing else."""
    return click.argument(
        "task", metavar="TASK" if required else "[TASK]", required=required, shell_complete=_complete_tasks
    )


RUN_FORMS = "an id, the beginning of one, `last`, or `-1`, `-2`... counted from the latest"
MINUS_COUNTS = {"ignore_unknown_options": True}
"""Context settings of a command whose arguments are runs: `-1` is none of its options."""


def _known_option(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    for given in (value,) if isinstance(value, str) else value or ():
        if given.startswith("-") and not given[1:].isdigit():
            raise click.NoSuchOption(given, ctx=ctx)
    return value


def run_argument(*, required: bool, nargs: int = 1) -> Callable[[Decorated], Decorated]:
    """`RUN`; for a command that has `MINUS_COUNTS`."""
    return click.argument(
        "run" if nargs == 1 else "runs",
        metavar="[RUN]" if nargs == 1 else "[RUN [RUN]]",
        required=required,
        nargs=nargs,
        callback=_known_option,
        shell_complete=_complete_runs,
    )


def run_option(default: str | None = None) -> Callable[[Decorated], Decorated]:
    """`--run RUN`"""
    return click.option(
        "--run", "run", metavar="RUN", default=default, help=f"Which run: {RUN_FORMS}.", shell_complete=_complete_runs
    )
