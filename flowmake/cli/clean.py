"""`flowmake clean`: removes what flowmake made, and never anything else. Decides nothing about what that is."""

from __future__ import annotations

import click

from flowmake.cli.given import open_project
from flowmake.cli.options import flow_options, targets_argument
from flowmake.cli.table import help_of


@click.command(
    "clean",
    help=help_of("clean", "Without targets: the outputs of all tasks. Files that no run of flowmake made stay."),
)
@targets_argument()
@click.option("--orphans", is_flag=True, help="Only outputs of earlier runs that no task makes any more.")
@click.option("-n", "--dry-run", is_flag=True, help="Only print what would be removed.")
@flow_options
@click.pass_context
def command(ctx: click.Context, targets: tuple[str, ...], orphans: bool, dry_run: bool) -> int:
    from flowmake.cli.observing import default_lock
    from flowmake.cli.output import note, say
    from flowmake.core.errors import UsageError
    from flowmake.core.text import counted, safe_line

    if orphans and targets:
        raise UsageError("`--orphans` takes no targets", "orphans belong to no task any more")
    project = open_project(ctx)
    removed = project.clean(targets, orphans=orphans, dry_run=dry_run, lock=default_lock(), say=note)
    for path in removed:
        say(safe_line(path))
    note(f"{counted(len(removed), 'path')} {'would be removed' if dry_run else 'removed'}")
    return 0
