"""The table of `flowmake list` for the flow around the current folder, made in the shortest way that there is.

As a run has kept it, while all that was read for it is as it was; or from a Flowfile that is right at a glance; or from
the flow. The first two need neither click nor msgspec, each of which takes longer to load than the table to print.
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False  # as from `typing`, which would take as long to load as all that the first way needs
if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowmake.core.graph import Graph
    from flowmake.core.model import Declaration, Flow

    Rows = list[list[str]]

QUESTION = ["list"]
"""The only command line that is answered here alone: options ask for more, or for another flow."""

SMALL = 1 << 17
"""Bytes of a Flowfile up to which a glance in vain costs less than one that is enough may spare."""


def print_table_here() -> None:
    """Raises what opening the flow raises, where there is no shorter way."""
    rows = _kept()
    if rows is None:
        rows = _at_a_glance()
    if rows is None:
        _print_opened()
    else:
        _print(rows)


def as_text(flow: Flow) -> str | None:
    """What is to be kept for the next time; None where more than the Flowfile as it stands decides what is listed."""
    declarations = list(flow.declarations.values())
    if flow.given or not all(map(_is_plain, declarations)):
        return None
    return marshal.dumps([_row(d.name, d.tags, d.description) for d in declarations]).decode("latin-1")


def needs_graph(declarations: Sequence[Declaration]) -> bool:
    """Whether more is to be shown of any of them than stands in the Flowfile."""
    return not all(map(_is_plain, declarations))


def instances(name: str, graph: Graph) -> list[str] | None:
    """The tasks that a declaration stands for; None where a run will tell."""
    return None if name in graph.fanouts else list(graph.groups.get(name, (name,)))


def print_tasks(declarations: Sequence[Declaration], graph: Graph | None) -> None:
    """The table; there is a graph where that is needed."""
    _print([_row(_name(each, graph), each.tags, _description(each, graph)) for each in declarations])


def _kept() -> Rows | None:
    from flowmake import fastpath

    told = fastpath.listing()
    rows: Rows | None = None if told is None else marshal.loads(told.encode("latin-1"))
    return rows


def _at_a_glance() -> Rows | None:
    from flowmake import fastpath
    from flowmake.core import obvious
    from flowmake.core.spelling import OVERRIDE

    path = fastpath.flowfile()
    if path is None or any(name.startswith(OVERRIDE) for name in os.environ):
        return None
    try:
        with open(path, "rb") as file:
            data = file.read(SMALL + 1)
    except OSError:  # the long way tells what is the matter
        return None
    tasks = obvious.plain_tasks(data) if len(data) <= SMALL else None
    if tasks is None:
        return None
    return [_row(name, task.get("tags", ()), task.get("description", "")) for name, task in tasks.items()]


def _print_opened() -> None:
    from flowmake.opening import open_flow

    opened = open_flow(None, None, None)
    declarations = list(opened.flow.declarations.values())
    if not needs_graph(declarations):
        print_tasks(declarations, None)
        return
    from flowmake.build import project_of
    from flowmake.cli.given import tell

    project = project_of(opened)
    print_tasks(declarations, project.graph())
    tell(project.notices)


def _is_plain(declaration: Declaration) -> bool:
    """All that is shown of it stands in the Flowfile as it is: nobody needs to make a graph of the tasks."""
    from flowmake.core.templates import has_template

    return declaration.foreach is None and not has_template(declaration.description)


def _name(declaration: Declaration, graph: Graph | None) -> str:
    if declaration.foreach is None or graph is None:
        return declaration.name
    known = instances(declaration.name, graph)
    return f"{declaration.name}@… ({'not known yet' if known is None else len(known)})"


def _description(declaration: Declaration, graph: Graph | None) -> str:
    return declaration.description if graph is None else graph.tasks[declaration.name].description


def _row(name: str, tags: Sequence[str], description: str) -> list[str]:
    return [name, ", ".join(tags), description]


def _print(rows: Rows) -> None:
    from flowmake.views.table import Column, print_table

    print_table([Column("task", middle=True), Column("tags", spare=1), Column("description")], rows, sys.stdout)
