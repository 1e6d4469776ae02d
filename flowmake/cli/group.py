"""The `flowmake` command itself: finds a command's module when it is run, and lists all without importing any."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NoReturn, cast

import click

from flowmake.cli import frontpage
from flowmake.cli.options import directory_option, file_option
from flowmake.cli.table import COMMANDS


class LazyGroup(click.Group):
    """A group whose commands stay unimported until one of them is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return cast("click.Command", import_module(entry.module).command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            _unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(frontpage.help_page(formatter.width + 2))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=entry.help) for name, entry in COMMANDS.items() if name.startswith(incomplete)
        ]
        return found or click.Command.shell_complete(self, ctx, incomplete)


def _unknown(ctx: click.Context, name: str) -> NoReturn:
    """A task's name where a command belongs is the likeliest slip, so say how to run one."""
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"to run a task of that name: `flowmake run {name}`"
    raise click.UsageError(f"no such command `{name}`\nhint: {hint}", ctx)


@click.command(
    cls=LazyGroup,
    name="flowmake",
    invoke_without_command=True,
    context_settings={"help_option_names": list(frontpage.HELP), "max_content_width": frontpage.WIDEST},
)
@click.version_option("", *frontpage.VERSION, message=frontpage.version_line().rstrip())
@directory_option
@file_option
@click.pass_context
def flowmake(ctx: click.Context) -> int | None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        return 0
    return None
