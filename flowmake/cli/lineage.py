"""`flowmake lineage`: which task, command and inputs made a file, when, by whom, transitively. Reads records only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import click

from flowmake.cli.given import open_project
from flowmake.cli.options import flow_options, json_option
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.build import Project
    from flowmake.cli.documents import FileOrigin

ALIKE = 3
"""How many files made by instances of one task are told of."""
LISTED = 10
"""How many inputs of a task are, and files that no task made."""


@click.command("lineage", help=help_of("lineage", "Follows the inputs back to the files that no task made."))
@click.argument("path", type=click.Path())
@json_option
@flow_options
@click.pass_context
def command(ctx: click.Context, path: str, as_json: bool) -> int:
    from flowmake.cli import documents
    from flowmake.cli.output import say

    project = open_project(ctx)
    files = _trace_back(project, path)
    if as_json:
        documents.write(documents.LineageDocument(path=files[0].path, files=files))
    else:
        for line in _told(files):
            say(line)
    return 0


def _trace_back(project: Project, path: str) -> list[FileOrigin]:
    from flowmake import wiring
    from flowmake.cli.ancestry import ancestry
    from flowmake.core.errors import UsageError
    from flowmake.core.patterns import normalise

    with closing(wiring.open_store(project.state, read_only=True)) as store:
        disk = wiring.open_files(project.flow.root, project.state, store)
        runs = {run.id: run for run in store.runs()}
        files = list(ancestry(normalise(project.here + path), store.traces(), runs, disk.digest))
    if not files[0].task and not files[0].now:
        raise UsageError(f"`{path}` does not exist, and no recorded run made it")
    return files


def _told(files: list[FileOrigin]) -> Iterator[str]:
    """Of many alike some, with all that were edited; how many more there are, at the end."""
    from flowmake.core.text import counted, safe_line

    told: Counter[str] = Counter()
    more: Counter[str] = Counter()
    for origin in files:
        made_by = origin.task.partition("@")[0]
        if told[made_by] >= (ALIKE if made_by else LISTED) and not origin.edited:
            more[made_by] += 1
            continue
        told[made_by] += 1
        yield from _lines(origin)
    for made_by, count in more.items():
        what = f"made by {safe_line(made_by)}" if made_by else "that no recorded task made"
        yield f"and {counted(count, 'more file')} {what}: `--json` tells of all"


def _lines(origin: FileOrigin) -> Iterator[str]:
    from flowmake.cli.output import painted
    from flowmake.cli.states import local_time
    from flowmake.core.text import duration, safe_line, safe_text
    from flowmake.core.wording import short_digest

    edited = ", edited since" if origin.edited and origin.now else ", no longer there" if origin.edited else ""
    yield f"{painted(safe_line(origin.path), bold=True)} ({short_digest(origin.digest)}{painted(edited, fg='yellow')})"
    if not origin.task:
        yield "  made by   no recorded task"
        return
    took = "" if origin.seconds is None else f" in {duration(origin.seconds)}"
    yield f"  made by   {safe_line(origin.task)}, {local_time(origin.finished)}{took}, run {origin.run}"
    if origin.user or origin.host:
        yield f"  for       {safe_line(origin.user)}@{safe_line(origin.host)}"
    if origin.commit:
        yield f"  commit    {origin.commit}"
    for index, line in enumerate(safe_text(origin.command).splitlines()):
        yield f"  {'' if index else 'recipe':<9} {line}"
    for index, name in enumerate(origin.inputs[:LISTED]):
        yield f"  {'' if index else 'from':<9} {safe_line(name)}"
    if len(origin.inputs) > LISTED:
        yield f"  {'':<9} and {len(origin.inputs) - LISTED} more"
