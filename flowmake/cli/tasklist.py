"""The table of `flowmake list`: as a run has kept it, while all that was read for it is as it was. Reads no Flowfile.

Needs neither click nor msgspec, each of which takes longer to load than the table takes to print.
"""

from __future__ import annotations

import marshal
import sys

TYPE_CHECKING = False  # as from `typing`, which only the table needs
if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowmake.core.model import Declaration, Flow

QUESTION = ["list"]
"""The only command line that is answered so: options ask for more, or for another flow."""


def is_answered(argv: Sequence[str]) -> bool:
    """Whether that was the command line, and its answer is at hand and has been printed."""
    from flowmake import fastpath

    told = fastpath.listing() if argv == QUESTION else None
    if told is None:
        return False
    print_tasks(marshal.loads(told.encode("latin-1")))
    return True


def as_text(flow: Flow) -> str | None:
    """What is to be kept for `is_answered`; None where more than the Flowfile as it stands decides what is listed."""
    declarations = list(flow.declarations.values())
    if flow.given or not all(map(is_plain, declarations)):
        return None
    return marshal.dumps([row(d, d.name, d.description) for d in declarations]).decode("latin-1")


def is_plain(declaration: Declaration) -> bool:
    """All that is shown of it stands in the Flowfile as it is: nobody needs to make a graph of the tasks."""
    from flowmake.core.templates import has_template

    return declaration.foreach is None and not has_template(declaration.description)


def row(declaration: Declaration, name: str, description: str) -> list[str]:
    """A line of the table, with name and description as they are to be shown."""
    return [name, ", ".join(declaration.tags), description]


def print_tasks(rows: list[list[str]]) -> None:
    from flowmake.views.table import Column, print_table

    print_table([Column("task", middle=True), Column("tags", spare=1), Column("description")], rows, sys.stdout)
