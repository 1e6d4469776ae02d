"""`flowmake list`: the tasks as declared. Judges nothing and looks at no state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowmake.cli import tasklist
from flowmake.cli.given import open_flow, open_project
from flowmake.cli.options import flow_options, json_option
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.cli.documents import TaskListed
    from flowmake.core.graph import Graph
    from flowmake.core.model import Declaration


@click.command("list", help=help_of("list"))
@click.option("--tag", metavar="TAG", help="Only tasks with this tag.")
@json_option
@flow_options
@click.pass_context
def command(ctx: click.Context, tag: str | None, as_json: bool) -> int:
    opened = open_flow(ctx)
    flow = opened.flow
    shown = [d for d in flow.declarations.values() if tag is None or tag in d.tags]
    graph = open_project(ctx, opened).graph() if as_json or tasklist.needs_graph(shown) else None
    if graph is None or not as_json:
        tasklist.print_tasks(shown, graph)
        return 0
    from flowmake.cli import documents

    tasks = [_listed(declaration, graph) for declaration in shown]
    documents.write(documents.ListDocument(tasks=tasks, default=list(flow.default)))
    return 0


def _listed(declaration: Declaration, graph: Graph) -> TaskListed:
    from flowmake.cli.documents import TaskListed

    name = declaration.name
    return TaskListed(
        task=name,
        description=graph.tasks[name].description,
        tags=list(declaration.tags),
        action=declaration.kind,
        foreach=list(declaration.foreach.keys) if declaration.foreach is not None else [],
        instances=tasklist.instances(name, graph),
        file=declaration.place.file,
    )
