"""`flowmake report`: a run as one page of HTML, or as a trace. Reads the records, judges as `status`, writes a file."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from flowmake.cli.given import open_project
from flowmake.cli.options import flow_options, run_option
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.build import Project
    from flowmake.cli.reporting import Account
    from flowmake.core.model import RunRecord
    from flowmake.views.report.layout import Drawing
    from flowmake.views.report.page import RunPage

NAMES = {"html": "report.html", "trace": "trace.json"}
_DETAILED = 40
"""Nodes; a graph of no more begins with every instance of its fan-outs."""
_MOST_DETAILED, _MOST_LINES = 1_500, 5_000


@click.command(
    "report",
    help=help_of(
        "report",
        "The page is one file that needs no network: graph, timeline, tasks with their logs, what has changed since "
        "the run before. `--format trace` is for https://ui.perfetto.dev and Chrome's about:tracing.",
    ),
)
@run_option("last")
@click.option("--format", "form", type=click.Choice(list(NAMES)), default="html", help="A page, or a trace.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write to FILE (`-`: stdout); otherwise to report.html or trace.json in the current folder.",
)
@flow_options
@click.pass_context
def command(ctx: click.Context, run: str, form: str, output: str | None) -> int:
    from flowmake.cli.output import note
    from flowmake.cli.reporting import account
    from flowmake.core.text import safe_line

    project = open_project(ctx)
    known = account(project, run)
    text = _trace(project, known) if form == "trace" else _page(project, known)
    if output == "-":
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return 0
    path = output or NAMES[form]
    _write(path, text)
    note(f"wrote `{safe_line(path)}`: {'trace' if form == 'trace' else 'report'} of the run {known.run.id}")
    return 0


def _write(path: str, text: str) -> None:
    from flowmake.core.errors import StateError
    from flowmake.core.text import safe_line
    from flowmake.world.replacing import replace_file

    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise StateError(f"cannot write `{safe_line(path)}`: {error.strerror}") from error


def _title(project: Project) -> str:
    return project.flow.name or os.path.basename(project.flow.root) or "flowmake"


def _trace(project: Project, known: Account) -> str:
    from flowmake.core.text import safe_text
    from flowmake.core.wording import reason_sentence
    from flowmake.views import trace

    secrets = project.secrets()
    more = {
        name: {
            "command": safe_text(secrets.mask(started["command"])),
            "reasons": [reason_sentence(reason) for reason in known.records[name].reasons]
            if name in known.records
            else [],
            "exit_code": known.ended.get(name, {}).get("exit_code"),
        }
        for name, started in known.started.items()
    }
    about = {"flow": _title(project), "run": known.run.id, "status": _status(known.run, running=known.running)}
    return trace.document(known.spans, known.critical, f"{_title(project)}, run {known.run.id}", more, about)


def _page(project: Project, known: Account) -> str:
    from flowmake import __version__, wiring
    from flowmake.cli.states import local_time, rfc3339
    from flowmake.cli.taskpages import TaskPages
    from flowmake.core.text import safe_line, safe_text
    from flowmake.views.report import render
    from flowmake.views.report.compare import compare
    from flowmake.views.report.page import Page
    from flowmake.views.timeline import relative

    pages = TaskPages(known, project.state, project.secrets())
    tasks = pages.all()
    previous = _run_page(known.earlier[0][0], running=False) if known.earlier else None
    return render(
        Page(
            title=safe_line(_title(project)),
            description=safe_text(project.flow.description),
            version=__version__,
            made=local_time(rfc3339(wiring.clock().now())),
            run=_this_run(known),
            tasks=tasks,
            files=pages.files,
            drawings=tuple(_drawings(known)),
            spans=tuple(relative(known.spans, known.run.started)),
            critical=tuple(pages.numbers[name] for name in known.critical),
            comparison=compare(tasks, previous),
        )
    )


def _drawings(known: Account) -> list[Drawing]:
    """The graph with fan-outs as one node each and, unless that is the same or too much, with all their instances."""
    from flowmake.views.composing import Options, draw
    from flowmake.views.report.layout import lay_out

    graph, order = known.plan.graph, known.plan.order
    collapsed = draw(graph, order)
    expanded = draw(graph, order, options=Options(expand=True))
    pictures = [collapsed]
    if len(collapsed.nodes) < len(expanded.nodes) <= _MOST_DETAILED and len(expanded.edges) <= _MOST_LINES:
        pictures.insert(0 if len(expanded.nodes) <= _DETAILED else 1, expanded)
    return [lay_out(chosen) for chosen in pictures]


def _this_run(known: Account) -> RunPage:
    from msgspec.structs import replace

    from flowmake.core.text import safe_line

    notices = dict.fromkeys(safe_line(event["text"]) for event in known.events if event["event"] == "notice")
    page = _run_page(known.run, running=known.running)
    return replace(page, notices=tuple(notices), critical_seconds=known.critical_seconds)


def _run_page(run: RunRecord, *, running: bool) -> RunPage:
    from flowmake.cli.states import local_time, rfc3339
    from flowmake.core.text import safe_line
    from flowmake.views.report.page import RunPage

    return RunPage(
        id=run.id,
        status=_status(run, running=running),
        started=local_time(rfc3339(run.started)),
        seconds=round(run.finished - run.started, 3) if run.finished else None,
        jobs=run.jobs,
        exit_code=run.exit_code if run.finished else None,
        targets=tuple(safe_line(target) for target in run.targets),
        argv=safe_line(shlex.join(run.argv)),
        who=safe_line("@".join(part for part in (run.user, run.host) if part)),
        commit=safe_line(run.commit),
        counts=dict(run.counts),
    )


def _status(run: RunRecord, *, running: bool) -> str:
    return run.status if run.finished or running else "interrupted"
