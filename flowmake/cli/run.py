"""`flowmake run`: what is stale is run. Turns options into a run with its observers; decides nothing about tasks."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from flowmake.cli import profile
from flowmake.cli.given import open_project, started_in
from flowmake.cli.options import flow_options, targets_argument
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.build import Project, RunOptions
    from flowmake.cli.carrying import Asked
    from flowmake.core.model import Flow
    from flowmake.shortcut import Invocation

LOCK = re.compile(r"wait(=\d+(\.\d+)?)?|fail|skip", re.ASCII)
_MORE = """\
TARGET is a task, `task@instance`, a glob over such names, `tag:NAME`, or the path of an output; `./path` is always a
path. Without any: what `[flow] default` says, or every task that no other task needs.

Exit codes: 0 done or nothing to do, 1 a task failed, 2 usage or Flowfile error, 4 state or I/O error, 75 another
flowmake is at work, 124 only timeouts failed or the deadline passed, 128+N stopped by signal N.
"""


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    from flowmake.core.units import DURATION_FORMS, seconds

    try:
        return None if value is None else seconds(float(value) if value.replace(".", "", 1).isdigit() else value)
    except ValueError:
        raise click.BadParameter(f"`{value}` is not {DURATION_FORMS}", ctx, param) from None


def _lock(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value and not LOCK.fullmatch(value):
        raise click.BadParameter(f"`{value}` is none of `wait`, `wait=SECONDS`, `fail`, `skip`", ctx, param)
    return value


_FLAGS = (
    click.option("-j", "--jobs", metavar="N", type=click.IntRange(min=1), help="How many at once; else by cores."),
    click.option("-k", "--keep-going", is_flag=True, help="After a failure, go on with what does not depend on it."),
    click.option("--fail-fast", is_flag=True, help="After a failure, stop the others at once."),
    click.option("-n", "--dry-run", is_flag=True, help="Only tell what would run, and why."),
    click.option("-B", "--force", is_flag=True, help="Run everything, fresh or not."),
    click.option(
        "--force-task", "force_tasks", metavar="TASK", multiple=True, help="Run TASK, fresh or not; repeatable."
    ),
    click.option("--only", is_flag=True, help="Only the targets themselves, not what they need."),
    click.option("--failed", is_flag=True, help="Only tasks whose last run failed, and what they need."),
    click.option("-y", "--yes", is_flag=True, help="Say yes to every task that asks for confirmation."),
    click.option(
        "--deadline", metavar="TIME", callback=_seconds, help="Stop when the run has taken this long: `90`, `1h30m`."
    ),
    click.option("--executor", metavar="NAME", default="", help="Run there all tasks that do not say they stay local."),
    click.option(
        "--lock",
        metavar="HOW",
        default="",
        callback=_lock,
        help="While another run is on: wait[=SECONDS], fail or skip.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Silent unless something fails."),
    click.option("-v", "--verbose", is_flag=True, help="Tell reasons and commands, too."),
    click.option(
        "--progress", type=click.Choice(["auto", "plain", "none"]), default="auto", help="How progress is shown."
    ),
    click.option("--events", metavar="FILE", default="", help="Write events as JSON Lines to FILE, or `-` for stdout."),
    click.option("--junit", metavar="FILE", default="", help="Write JUnit XML to FILE, a test case for each task."),
    click.option(
        "--metrics-file", metavar="FILE", default="", help="Write metrics for Prometheus' textfile collector to FILE."
    ),
    click.option(
        "--profile",
        metavar="PROFILE",
        is_eager=True,
        expose_value=False,
        callback=profile.apply,
        help="Take options from a TOML file, or from the one of this name in ~/.config/flowmake/profiles.",
    ),
)


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_FLAGS):
        command = option(command)
    return command


@click.command("run", help=help_of("run", _MORE))
@targets_argument()
@_run_options
@flow_options
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[str, ...], **given: Any) -> int:
    from flowmake.build import RunOptions
    from flowmake.cli.carrying import Asked, carry_out
    from flowmake.cli.observing import Wishes

    if given["keep_going"] and given["fail_fast"]:
        raise click.UsageError("`--keep-going` and `--fail-fast` contradict each other", ctx)
    names = {name: given[name] for name in RunOptions.__struct_fields__ if name in given}
    options = RunOptions(**{**names, "jobs": given["jobs"] or 0, "argv": ("flowmake", *sys.argv[1:])})
    project = open_project(ctx)
    if given["dry_run"]:
        return _preview(project, targets, options, verbose=given["verbose"])
    asked = Asked(options, Wishes(**{name: given[name] for name in Wishes.__struct_fields__}), os.getcwd())
    return carry_out(project, targets, asked, _invocation(ctx, asked, project.flow))


def _invocation(ctx: click.Context, asked: Asked, flow: Flow) -> Invocation | None:
    """What the same command line may be answered with next time, if it asks for no more than that.

    With a profile it does: that file may say something else by then.
    """
    wishes = asked.wishes
    if wishes.verbose or wishes.want_files or ctx.default_map is not None:
        return None
    from flowmake import fastpath
    from flowmake.cli import tasklist
    from flowmake.observers.summary import nothing_to_do
    from flowmake.shortcut import Invocation

    key = fastpath.question(sys.argv[1:], started_in(ctx))
    told = tasklist.as_text(flow)
    return Invocation(
        key,
        lambda total: "" if wishes.quiet else nothing_to_do(total) + "\n",
        asked.as_bytes(),
        listing=None if told is None else (fastpath.flow_question(flow.root), told),
    )


def _preview(project: Project, targets: tuple[str, ...], options: RunOptions, *, verbose: bool) -> int:
    """What would run, with the reasons: the same verdicts that a run would find."""
    from flowmake.cli.output import note, say
    from flowmake.cli.states import not_known_yet
    from flowmake.core.staleness import Fresh, Waiting
    from flowmake.core.text import counted, safe_line, safe_text
    from flowmake.views.reasons import verdict_lines

    plan = project.plan(targets, options)
    judged = list(plan.tasks())
    stale = [judgement for judgement in judged if not isinstance(judgement.verdict, Fresh)]
    for judgement in stale:
        say(safe_line(judgement.task.name))
        for line in verdict_lines(judgement.verdict):
            say(f"  {line}")
        if verbose and judgement.facts.recipe is not None:
            for line in safe_text(judgement.facts.recipe.text).splitlines():
                say(f"  $ {line}")
    waiting = sum(isinstance(judgement.verdict, Waiting) for judgement in stale)
    perhaps = f", {waiting} of them only if what they wait on comes out changed" if waiting else ""
    for sentence in not_known_yet(plan):
        note(sentence)
    note(f"{len(stale)} of {counted(len(judged), 'task')} would run{perhaps}" if stale else "nothing to do")
    return 0
