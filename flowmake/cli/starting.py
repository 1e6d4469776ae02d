"""`flowmake run` once it is known what was given: from there to a run, or to a preview of one. Parses nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowmake import fastpath
from flowmake.build import RunOptions, project_of
from flowmake.cli import tasklist
from flowmake.cli.carrying import Asked, carry_out
from flowmake.cli.given import tell
from flowmake.cli.observing import Wishes
from flowmake.observers.summary import nothing_to_do
from flowmake.opening import open_flow
from flowmake.shortcut import Invocation

if TYPE_CHECKING:
    from flowmake.build import Project
    from flowmake.core.model import Flow


def start_here(targets: tuple[str, ...], given: Mapping[str, Any]) -> int:
    """Run the flow around the current folder, and return the exit code."""
    project = project_of(open_flow(None, None, None))
    try:
        return start(project, targets, given, os.getcwd())
    finally:
        tell(project.notices)


def start(
    project: Project, targets: tuple[str, ...], given: Mapping[str, Any], folder: str, *, has_profile: bool = False
) -> int:
    """Run what is stale, or tell what would be, and return the exit code.

    `given` are options of `run` by name, those left out being as always; `folder` is the one it was called from. With
    a profile, which may say something else next time, no answer is kept for the same command line.
    """
    names = {name: given[name] for name in RunOptions.__struct_fields__ if name in given}
    options = RunOptions(**{**names, "jobs": given["jobs"] or 0, "argv": ("flowmake", *sys.argv[1:])})
    if given["dry_run"]:
        return _preview(project, targets, options, verbose=given["verbose"])
    wishes = Wishes(**{name: given[name] for name in Wishes.__struct_fields__ if name in given})
    asked = Asked(options, wishes, os.getcwd())
    return carry_out(project, targets, asked, None if has_profile else _invocation(asked, project.flow, folder))


def _invocation(asked: Asked, flow: Flow, folder: str) -> Invocation | None:
    """What the same command line may be answered with next time, if it asks for no more than that."""
    wishes = asked.wishes
    if wishes.verbose or wishes.want_files:
        return None
    key = fastpath.question(sys.argv[1:], folder)
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
