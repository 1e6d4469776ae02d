"""`flowmake show`: everything about a task, rendered. Judges it as a run would, changing nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from flowmake.cli.given import open_project, read_source
from flowmake.cli.options import flow_options, json_option, target_argument
from flowmake.cli.table import help_of
from flowmake.core.model import Retry
from flowmake.core.secrets import MASK

if TYPE_CHECKING:
    from flowmake.build import Project
    from flowmake.cli.documents import FileState, TaskShown
    from flowmake.core.graph import Graph
    from flowmake.core.model import Declaration, Task
    from flowmake.core.plan import Judgement, Plan
    from flowmake.core.source import Place

TOLD_APART = frozenset(
    {"name", "place", "include", "kind", "action", "description", "tags", "inputs", "outputs", "needs", "foreach"}
)
"""Fields of a declaration that have lines of their own; the others are settings."""


@click.command("show", help=help_of("show", "A `foreach` task is shown with all its instances."))
@target_argument
@json_option
@flow_options
@click.pass_context
def command(ctx: click.Context, target: str, as_json: bool) -> int:
    from flowmake.cli import documents

    project = open_project(ctx)
    plan = project.plan((target,), strict=False)
    names = dict.fromkeys(task.name for name in plan.targets for task in plan.graph.members(name))
    names = names or dict.fromkeys(plan.targets)
    running = project.is_running()
    where, secrets = _Where(ctx), project.secrets()
    hosts = _hosts(project, [plan.judgements[name] for name in names])
    shown = [_shown(plan.judgements[name], plan, where, hosts.get(name, ""), running=running) for name in names]
    tasks = [secrets.masked(task) for task in shown]
    if as_json:
        documents.write(documents.ShowDocument(tasks=tasks))
    else:
        sys.stdout.write("\n".join("".join(f"{line}\n" for line in _lines(task)) for task in tasks))
    return 0


class _Where:
    """Finds where things are declared; reads each file once."""

    def __init__(self, ctx: click.Context) -> None:
        self._read = cache(read_source(ctx))

    def __call__(self, place: Place) -> str:
        from flowmake.core.positions import locate

        text = self._read(place.file)
        if text is None:
            return place.file
        position = locate(text, place.key())
        return f"{place.file}:{position.line}:{position.column}"


def _hosts(project: Project, judgements: Sequence[Judgement]) -> dict[str, str]:
    """Where those tasks ran last that ran elsewhere."""
    last = {judgement.task.name: judgement.attempt.run for judgement in judgements if judgement.attempt is not None}
    with closing(project.store) as store:
        records = [record for run in dict.fromkeys(last.values()) for record in store.tasks_of(run)]
    return {record.task: record.host for record in records if record.host and last.get(record.task) == record.run}


def _shown(judgement: Judgement, plan: Plan, where: _Where, host: str, *, running: bool) -> TaskShown:
    from flowmake.cli import states
    from flowmake.cli.documents import TaskShown

    task, graph = judgement.task, plan.graph
    declared = task.declared
    return TaskShown(
        task=task.name,
        description=task.description,
        tags=list(declared.tags),
        action=declared.kind,
        command=judgement.facts.recipe.text if judgement.facts.recipe is not None else None,
        keys=dict(task.keys),
        inputs=states.inputs_of(judgement, graph),
        outputs=states.outputs_of(judgement),
        upstream=list(graph.upstream(task.name)),
        downstream=_downstream(task, graph),
        settings=_settings(declared, graph.flow.secrets),
        status=states.status_of(judgement, running=running),
        host=host,
        declared=where(declared.place),
    )


def _downstream(task: Task, graph: Graph) -> list[str]:
    """Who waits for it, by itself or for all instances of its `foreach` together."""
    downstream = graph.downstream()
    own = task.declared.name
    found = [*downstream[task.name], *(downstream[own] if own != task.name and own in downstream[task.name] else ())]
    return [name for name in dict.fromkeys(found) if name != own]


def _settings(declared: Declaration, secrets: Sequence[str]) -> dict[str, Any]:
    """The fields that are not as they would be by themselves."""
    from flowmake.core.model import Declaration

    usual = Declaration(declared.name, declared.place)
    values = {name: getattr(declared, name) for name in declared.__struct_fields__ if name not in TOLD_APART}
    found = {name: _plain(value) for name, value in values.items() if value != getattr(usual, name)}
    if "env" in found:
        found["env"] = {name: MASK if name in secrets else value for name, value in found["env"].items()}
    return found


def _plain(value: Any) -> Any:
    """As JSON has it; of a table, what is not as it would be by itself."""
    if isinstance(value, Retry):
        usual = Retry()
        changed = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {name: _plain(part) for name, part in changed if part != getattr(usual, name)}
    return sorted(value) if isinstance(value, frozenset) else list(value) if isinstance(value, tuple) else value


def _toml(value: Any) -> str:
    """As it could stand in a Flowfile."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(part)}" for name, part in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _lines(task: TaskShown) -> Iterator[str]:
    from flowmake.core.text import safe_line, safe_text

    yield safe_line(task.task) + (f": {safe_text(task.description)}" if task.description else "")
    yield from _field("tags", task.tags)
    yield from _field("keys", [f"{name} = {_toml(value)}" for name, value in task.keys.items()])
    yield from _field("command", _command(task))
    yield from _field("inputs", [_file(file) for file in task.inputs])
    yield from _field("outputs", [safe_line(file.path) for file in task.outputs])
    yield from _field("upstream", task.upstream)
    yield from _field("downstream", task.downstream)
    yield from _field("settings", [f"{name} = {_toml(value)}" for name, value in task.settings.items()])
    yield from _field("state", [_state(task)])
    yield from _field("declared", [task.declared])


def _command(task: TaskShown) -> list[str]:
    if task.command is None:
        return [] if task.action == "none" else ["not known before what it reads is made"]
    from flowmake.core.text import safe_text

    return safe_text(task.command).splitlines()


def _file(file: FileState) -> str:
    from flowmake.core.text import safe_line

    return safe_line(file.path) + (f" (made by {safe_line(file.made_by)})" if file.made_by else "")


def _state(task: TaskShown) -> str:
    from flowmake.cli.states import local_time
    from flowmake.core.text import duration, safe_line
    from flowmake.core.wording import reason_sentence, waiting_sentence

    status = task.status
    why = [reason_sentence(_fields(reason)) for reason in status.reasons]
    why += [waiting_sentence(status.waiting_on)] if status.waiting_on else []
    last = f"; last run {local_time(status.last_run)}, {status.last_status}" if status.last_status else ""
    took = f" after {duration(status.seconds)}" if status.seconds is not None else ""
    took += f" on {safe_line(task.host)}" if task.host not in ("", os.uname().nodename) else ""
    return status.state + (f": {'; '.join(why)}" if why else "") + last + took


def _fields(reason: Any) -> dict[str, Any]:
    from msgspec.structs import asdict

    return asdict(reason)


def _field(title: str, values: list[str]) -> Iterator[str]:
    """`title  value`, further values below the first; nothing at all without values."""
    from flowmake.core.text import safe_line

    for index, value in enumerate(values):
        yield f"  {title if index == 0 else '':<11}{safe_line(value)}"
