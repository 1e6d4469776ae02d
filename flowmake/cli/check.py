"""`flowmake check`: everything wrong with a Flowfile, without running anything of it."""

from __future__ import annotations

import click

from flowmake.cli.given import open_project, read_source
from flowmake.cli.options import flow_options, json_option
from flowmake.cli.table import help_of


@click.command("check", help=help_of("check", "Finds all problems at once, in the tasks that no target needs, too."))
@json_option
@flow_options
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    from flowmake.core.errors import FlowfileError

    try:
        count = _judge_all(ctx)
    except FlowfileError as error:
        if not as_json:
            raise
        from flowmake.cli import documents
        from flowmake.core.positions import problems_as_json

        problems = problems_as_json(error.problems, read_source(ctx))
        documents.write(documents.CheckDocument(ok=False, problems=documents.problems(problems)))
        return error.exit_code
    _tell(count, as_json)
    return 0


def _judge_all(ctx: click.Context) -> int:
    """Load, link and judge every task, which renders all that can be rendered before a run; how many there are."""
    from flowmake.outposts import check_tables

    project = open_project(ctx)
    check_tables(project.flow)
    plan = project.plan(tuple(project.flow.declarations))
    return sum(1 for _ in plan.tasks())


def _tell(count: int, as_json: bool) -> None:
    from flowmake.cli import documents
    from flowmake.cli.output import note
    from flowmake.core.text import counted

    if as_json:
        documents.write(documents.CheckDocument(ok=True, problems=[], tasks=count))
    else:
        note(f"no problems in {counted(count, 'task')}")
