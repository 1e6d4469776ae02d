"""`flowmake why`: the reasons behind a verdict, down to the first changed file. Judges nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from flowmake.cli.given import open_project
from flowmake.cli.options import flow_options, json_option, targets_argument
from flowmake.cli.table import help_of

if TYPE_CHECKING:
    from flowmake.cli.changes import Changes
    from flowmake.cli.documents import FileState, TaskExplained
    from flowmake.core.plan import Judgement, Plan
    from flowmake.core.staleness import Reason, Verdict

NAMED = 3
"""How many of several tasks that are told about together are named."""


@click.command("why", help=help_of("why"))
@targets_argument()
@json_option
@flow_options
@click.pass_context
def command(ctx: click.Context, targets: tuple[str, ...], as_json: bool) -> int:
    from flowmake.cli import documents
    from flowmake.cli.changes import Changes

    project = open_project(ctx)
    plan = project.plan(targets, strict=False)
    changes = Changes(project)
    asked = list(_members(plan))
    told = list(dict.fromkeys([*asked, *_behind(plan, asked)]))
    if as_json:
        tasks = [_explained(plan.judgements[name], plan, changes) for name in told]
        documents.write(documents.WhyDocument(targets=asked, tasks=tasks))
    else:
        _print(plan, asked, told, changes)
    return 0


def _members(plan: Plan) -> Iterator[str]:
    """The concrete tasks that were asked for."""
    seen: set[str] = set()
    for target in plan.targets:
        for task in plan.graph.members(target):
            if task.name in plan.judgements and task.name not in seen:
                seen.add(task.name)
                yield task.name


def _behind(plan: Plan, names: Iterable[str]) -> Iterator[str]:
    """What these tasks wait on, and what that waits on, until something is stale by itself; nearest first."""
    from flowmake.core.staleness import Waiting

    seen: set[str] = set()
    front = list(names)
    while front:
        following: list[str] = []
        for name in front:
            verdict = plan.judgements[name].verdict
            for other in verdict.on if isinstance(verdict, Waiting) else ():
                if other not in seen:
                    seen.add(other)
                    following.append(other)
        yield from (name for name in following if not plan.judgements[name].task.is_group)
        front = following


def _explained(judgement: Judgement, plan: Plan, changes: Changes) -> TaskExplained:
    from flowmake.cli import states
    from flowmake.cli.documents import TaskExplained
    from flowmake.core.staleness import Waiting
    from flowmake.core.standing import verdict_word

    verdict = judgement.verdict
    return TaskExplained(
        task=judgement.task.name,
        verdict=verdict_word(verdict),
        reasons=states.reasons_of(verdict),
        waiting_on=list(verdict.on) if isinstance(verdict, Waiting) else [],
        inputs=states.inputs_of(judgement, plan.graph),
        outputs=states.outputs_of(judgement),
        changed=[file for reason in _reasons(verdict) for file in changes.of(reason.as_dict())],
    )


def _reasons(verdict: Verdict) -> Sequence[Reason]:
    from flowmake.core.staleness import Stale

    return verdict.reasons if isinstance(verdict, Stale) else ()


def _print(plan: Plan, asked: list[str], told: list[str], changes: Changes) -> None:
    """All that is not fresh, causes last; a fresh task is told about in full where nothing else was asked for."""
    from flowmake.cli.output import note
    from flowmake.core.staleness import Fresh, Stale
    from flowmake.core.text import counted

    fresh = [name for name in asked if isinstance(plan.judgements[name].verdict, Fresh)]
    if len(asked) == 1 and fresh:
        _print_fresh(plan.judgements[asked[0]], plan)
        return
    stale = [plan.judgements[name] for name in told if name not in fresh]
    for alike in _alike(sorted(stale, key=lambda judgement: isinstance(judgement.verdict, Stale))):
        _print_stale(alike, changes)
    if fresh:
        note(f"{counted(len(fresh), 'task')} fresh")


def _alike(judgements: Iterable[Judgement]) -> Iterable[list[Judgement]]:
    """Instances of one task whose verdict can be told in the same words, together: there may be thousands."""
    from flowmake.core.staleness import Stale
    from flowmake.views.reasons import likeness

    groups: dict[Hashable, list[Judgement]] = {}
    for judgement in judgements:
        verdict = judgement.verdict
        like = likeness(verdict.reasons) if isinstance(verdict, Stale) else verdict
        groups.setdefault((judgement.task.declared.name, like), []).append(judgement)
    return groups.values()


def _print_stale(alike: list[Judgement], changes: Changes) -> None:
    from flowmake.cli.output import painted, painted_state, say, say_lines
    from flowmake.core.staleness import Stale
    from flowmake.core.standing import verdict_word
    from flowmake.core.text import first_few, safe_line
    from flowmake.views.reasons import explain, verdict_lines

    verdict = alike[0].verdict
    names = first_few([safe_line(judgement.task.name) for judgement in alike], NAMED)
    say(f"{painted(names, bold=True)}: {painted_state(verdict_word(verdict))}")
    for reason in _reasons(verdict):
        say_lines(explain([reason]), "  ")
        for line in changes.lines(reason.as_dict()):
            say(f"      {line}")
    if not isinstance(verdict, Stale):
        say_lines([(("", line),) for line in verdict_lines(verdict)], "  ")


def _print_fresh(judgement: Judgement, plan: Plan) -> None:
    """What a fresh task was judged by."""
    from flowmake.cli import states
    from flowmake.cli.output import painted, painted_state, say
    from flowmake.core.text import safe_line, safe_text
    from flowmake.core.wording import short_digest

    recipe = judgement.facts.recipe
    say(f"{painted(safe_line(judgement.task.name), bold=True)}: {painted_state('fresh')}, judged by")
    groups = {
        "recipe": safe_text(recipe.text).splitlines() if recipe is not None else [],
        "environment": [safe_line(name) for name in sorted(recipe.env)] if recipe is not None else [],
        "inputs": [_digested(file, short_digest) for file in states.inputs_of(judgement, plan.graph)],
        "outputs": [_digested(file, short_digest) for file in states.outputs_of(judgement)],
    }
    for title, lines in groups.items():
        for line in [f"  {title}", *(f"    {line}" for line in lines)] if lines else []:
            say(line)


def _digested(file: FileState, shorten: Callable[[str], str]) -> str:
    from flowmake.core.text import safe_line

    return f"{shorten(file.digest or '')}  {safe_line(file.path)}"
