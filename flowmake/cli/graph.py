"""`flowmake graph`: the picture of the flow, to a file or as text on stdout. Draws nothing itself."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from flowmake.cli.options import flow_options, open_project, targets_argument
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.views.picture import Picture

FORMATS = ("dot", "mermaid", "text", "json")
ENDINGS = {".mmd": "mermaid", ".mermaid": "mermaid", ".txt": "text", ".json": "json"}


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
@click.option("--expand", is_flag=True, help="Show every instance of a `foreach` task.")
@click.option("--files", is_flag=True, help="Show files as nodes, too.")
@click.option("--cluster", type=click.Choice(["include", "tag"]), default=None, help="Draw boxes around related tasks.")
@click.option("--direction", type=click.Choice(["LR", "TB"]), default="LR", help="Left to right, or top to bottom.")
@flow_options
@click.pass_context
def command(
    ctx: click.Context,
    targets: tuple[str, ...],
    output: str | None,
    form: str | None,
    expand: bool,
    files: bool,
    cluster: str | None,
    direction: str,
) -> int:
    from flowmake.views import drawing, picture

    project = open_project(ctx)
    plan = project.plan(targets or tuple(project.flow.declarations))
    options = picture.Options(
        expand=expand,
        files=files,
        cluster="include" if cluster == "include" else "tag" if cluster else "",
        title=project.flow.name,
    )
    drawn = drawing.of_plan(plan, options, running=project.is_running())
    if output is None:
        sys.stdout.write(_text(drawn, form or "dot", direction))
    else:
        _write(drawn, output, form, direction)
    return 0


def _text(picture: Picture, form: str, direction: str) -> str:
    match form:
        case "mermaid":
            from flowmake.views import mermaid

            return mermaid.source(picture, direction)
        case "text":
            from flowmake.views import text
            from flowmake.world.terminal import has_unicode

            return text.tree(picture, ascii_only=not has_unicode(sys.stdout))
        case "json":
            from flowmake.cli.documents import text_of
            from flowmake.views import graphjson

            return text_of(graphjson.document(picture))
        case _:
            from flowmake.views import dot

            return dot.source(picture, rankdir=direction)


def _write(picture: Picture, path: str, form: str | None, direction: str) -> None:
    form = form or ENDINGS.get(os.path.splitext(path)[1].lower())
    if form is None or form == "dot":
        from flowmake.views import dot

        dot.write(dot.source(picture, rankdir=direction), path)
        return
    from flowmake.core.errors import StateError

    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(_text(picture, form, direction))
    except OSError as error:
        raise StateError(f"cannot write `{path}`: {error.strerror}") from error
