"""`flowmake graph`: the picture of the flow, to a file or as text on stdout. Draws nothing itself."""

from __future__ import annotations

import os
import sys
from math import inf
from typing import TYPE_CHECKING, Any

import click

from flowmake.cli.given import open_project
from flowmake.cli.options import complete_targets, flow_options, targets_argument
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.views.picture import Picture

FORMATS = ("dot", "mermaid", "text", "json")
ENDINGS = {".mmd": "mermaid", ".mermaid": "mermaid", ".txt": "text", ".json": "json"}


LARGE = 400
"""Nodes; more cannot be taken in at once."""


MERMAID_EDGES, MERMAID_CHARACTERS = 500, 50_000
"""What Mermaid draws at most, unless it is configured otherwise, which GitHub and others do not allow."""


class Steps(click.ParamType[float]):
    """How far to go: a number, or `all`."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if value == "all":
            return inf
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value)
        self.fail(f"`{value}` is neither a number of steps nor `all`", param, ctx)


@click.command(
    "graph",
    help=help_of(
        "graph",
        "Prints Graphviz DOT, unless told otherwise. The ending of `-o FILE` chooses the format: svg, png and pdf are "
        "drawn by Graphviz, which has to be installed; dot, mmd (Mermaid), txt and json need nothing.",
    ),
)
@targets_argument()
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write to FILE.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="The text format; otherwise by the ending of FILE.")
@click.option("--up", type=Steps(), help="Only what is at most N steps before the targets (`all`: everything).")
@click.option("--down", type=Steps(), help="Only what is at most N steps after the targets; goes with `--up`.")
@click.option(
    "--between", nargs=2, metavar="A B", shell_complete=complete_targets, help="Everything on the ways from A to B."
)
@click.option("--expand", is_flag=True, help="Show every instance of a `foreach` task.")
@click.option("--files", is_flag=True, help="Show files as nodes, too.")
@click.option(
    "--cluster",
    type=click.Choice(["include", "tag", "none"]),
    default="none",
    help="Draw boxes around what stands in the same included file, or has the same (first) tag.",
)
@click.option("--direction", type=click.Choice(["LR", "TB"]), default="LR", help="Left to right, or top to bottom.")
@click.option(
    "--link",
    metavar="URL",
    default="",
    help="Make each task a link to URL, `{task}` standing for its name; without that, to its place in a report there.",
)
@flow_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    targets: tuple[str, ...],
    output: str | None,
    form: str | None,
    cluster: str,
    direction: str,
    **options: Any,
) -> int:
    if cluster != "none":
        options["cluster"] = cluster
    drawn = open_project(ctx).drawing(targets, **options).picture
    if output is None:
        from flowmake.world.terminal import has_unicode

        sys.stdout.write(_text(drawn, form or "dot", direction, ascii_only=not has_unicode(sys.stdout)))
    else:
        _write(drawn, output, form, direction)
    return 0


def _text(picture: Picture, form: str, direction: str, *, ascii_only: bool = False) -> str:
    match form:
        case "mermaid":
            from flowmake.views import mermaid

            return mermaid.source(picture, direction)
        case "text":
            from flowmake.views import text

            return text.tree(picture, ascii_only=ascii_only)
        case "json":
            from flowmake.cli.documents import text_of
            from flowmake.views import graphjson

            return text_of(graphjson.document(picture))
        case _:
            from flowmake.views import dot

            return dot.source(picture, rankdir=direction)


def _write(picture: Picture, path: str, form: str | None, direction: str) -> None:
    from flowmake.views import images

    form = form or ENDINGS.get(os.path.splitext(path)[1].lower())
    text = _text(picture, form or "dot", direction)
    if form is None:
        whole = images.write(text, path)
        _tell(picture, path, whole=whole)
    else:
        images.save(path, text.encode())
        if form == "mermaid":
            _tell_of_mermaid(picture, text)


def _tell(picture: Picture, path: str, *, whole: bool) -> None:
    """What to do about a picture that nobody can read."""
    from flowmake.cli.output import note
    from flowmake.core.text import safe_line

    if not whole:
        note(f"warning: `{safe_line(path)}` is smaller than it should be, as its format bounds its size; SVG does not")
    if len(picture.nodes) > LARGE:
        note(f"hint: these are {len(picture.nodes)} nodes; `--up`, `--down` and `--between` draw a part of them")


def _tell_of_mermaid(picture: Picture, text: str) -> None:
    from flowmake.cli.output import note

    if len(picture.edges) > MERMAID_EDGES or len(text) > MERMAID_CHARACTERS:
        note(
            f"hint: Mermaid draws at most {MERMAID_EDGES} edges and {MERMAID_CHARACTERS:,} characters; this has "
            f"{len(picture.edges)} and {len(text):,}; `--up`, `--down` and `--between` draw a part"
        )
