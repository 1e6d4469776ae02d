"""`flowmake list`: the tasks as declared. Judges nothing and looks at no state."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from flowmake.cli.options import flow_options, json_option, open_project
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
    from flowmake.cli import documents

    graph = open_project(ctx).graph()
    declarations = [d for d in graph.flow.declarations.values() if tag is None or tag in d.tags]
    tasks = [_listed(declaration, graph) for declaration in declarations]
    if as_json:
        documents.write(documents.ListDocument(tasks=tasks, default=list(graph.flow.default)))
    else:
        _print(tasks)
    return 0


def _listed(declaration: Declaration, graph: Graph) -> TaskListed:
    from flowmake.cli.documents import TaskListed

    name = declaration.name
    instances = None if name in graph.fanouts else list(graph.groups.get(name, (name,)))
    return TaskListed(
        task=name,
        description=graph.tasks[name].description,
        tags=list(declaration.tags),
        action=declaration.kind,
        foreach=list(declaration.foreach.keys) if declaration.foreach is not None else [],
        instances=instances,
        file=declaration.place.file,
    )


def _print(tasks: list[TaskListed]) -> None:
    from flowmake.views.table import Column, print_table

    columns = [Column("task", middle=True), Column("tags", spare=1), Column("description")]
    rows = [[_name(task), ", ".join(task.tags), task.description] for task in tasks]
    print_table(columns, rows, sys.stdout)


def _name(task: TaskListed) -> str:
    if not task.foreach:
        return task.task
    return f"{task.task}@… ({'not known yet' if task.instances is None else len(task.instances)})"
