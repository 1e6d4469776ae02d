"""`flowmake accept`: what is there now counts as fresh from here on. Runs nothing."""

from __future__ import annotations

import click

from flowmake.cli.given import open_project
from flowmake.cli.options import flow_options, targets_argument
from flowmake.cli.table import help_of


@click.command(
    "accept", help=help_of("accept", "For outputs made by other means, or a change known to make no difference.")
)
@targets_argument(required=True)
@flow_options
@click.pass_context
def command(ctx: click.Context, targets: tuple[str, ...]) -> int:
    from flowmake.cli.observing import default_lock
    from flowmake.cli.output import note, say
    from flowmake.core.text import counted, safe_line

    accepted = open_project(ctx).accept(targets, lock=default_lock(), say=note)
    for name in accepted:
        say(safe_line(name))
    note(f"{counted(len(accepted), 'task')} accepted as fresh")
    return 0
