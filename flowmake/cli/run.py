"""`flowmake run`: its options, for click. Knows nothing of what comes of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from flowmake.cli import profile
from flowmake.cli.given import open_project, started_in
from flowmake.cli.glance import FLAGS, JOBS
from flowmake.cli.options import flow_options, targets_argument
from flowmake.cli.table import help_of

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


def _flag(name: str, help: str) -> Callable[..., Any]:
    return click.option(*FLAGS[name], name, is_flag=True, help=help)


_OPTIONS = (
    click.option(*JOBS, metavar="N", type=click.IntRange(min=1), help="How many at once; else by cores."),
    _flag("keep_going", "After a failure, go on with what does not depend on it."),
    _flag("fail_fast", "After a failure, stop the others at once."),
    _flag("dry_run", "Only tell what would run, and why."),
    _flag("force", "Run everything, fresh or not."),
    click.option(
        "--force-task", "force_tasks", metavar="TASK", multiple=True, help="Run TASK, fresh or not; repeatable."
    ),
    _flag("only", "Only the targets themselves, not what they need."),
    _flag("failed", "Only tasks whose last run failed, and what they need."),
    _flag("yes", "Say yes to every task that asks for confirmation."),
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
    _flag("quiet", "Silent unless something fails."),
    _flag("verbose", "Tell reasons and commands, too."),
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
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("run", help=help_of("run", _MORE))
@targets_argument()
@_run_options
@flow_options
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[str, ...], **given: Any) -> int:
    from flowmake.cli.starting import start

    if given["keep_going"] and given["fail_fast"]:
        raise click.UsageError("`--keep-going` and `--fail-fast` contradict each other", ctx)
    return start(open_project(ctx), targets, given, started_in(ctx), has_profile=ctx.default_map is not None)
