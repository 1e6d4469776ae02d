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
    graph = None if not as_json and all(map(tasklist.is_plain, shown)) else open_project(ctx, opened).graph()
    if graph is None or not as_json:
        tasklist.print_tasks([tasklist.row(d, _name(d, graph), _description(d, graph)) for d in shown])
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
        instances=_instances(name, graph),
        file=declaration.place.file,
    )


def _instances(name: str, graph: Graph) -> list[str] | None:
    return None if name in graph.fanouts else list(graph.groups.get(name, (name,)))


def _description(declaration: Declaration, graph: Graph | None) -> str:
    return declaration.description if graph is None else graph.tasks[declaration.name].description


def _name(declaration: Declaration, graph: Graph | None) -> str:
    if declaration.foreach is None or graph is None:
        return declaration.name
    instances = _instances(declaration.name, graph)
    return f"{declaration.name}@… ({'not known yet' if instances is None else len(instances)})"
