"""Renders every action once before anything runs, so that a misspelt name is found at once. Keeps no result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, SupportsIndex, cast

from flowmake.core import fingerprint
from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.fingerprint import Paths, Renderer
from flowmake.core.graph import Graph
from flowmake.core.model import Input, Output, Task
from flowmake.core.templates import PathList, has_template
from flowmake.core.wellformed import has_templates

STAND_IN = "path"


class _Unknown(PathList):
    """Paths not known yet: whichever is asked for by index, there may be one. Groups are known by their names."""

    __slots__ = ()

    def __getitem__(self, key: SupportsIndex | slice | str) -> Any:
        return STAND_IN if isinstance(key, SupportsIndex) else cast("Any", super().__getitem__(key))


def rehearse(graph: Graph, names: Iterable[str]) -> None:
    """Render the actions of these tasks, of one instance for each declaration, with stand-ins for unknown paths.

    Raises `FlowfileError` with all that cannot be rendered.
    """
    seen: set[str] = set()
    problems: dict[Problem, None] = {}
    in_all = any(map(has_template, graph.flow.env.values()))
    for name in names:
        task = graph.tasks[name]
        declared = task.declared
        if declared.kind == "none" or declared.name in seen:
            continue
        seen.add(declared.name)
        if not (in_all or has_templates(declared)):
            continue
        try:
            renderer = Renderer(graph.flow, task, partial(_rehearsed, graph, task))
            fingerprint.recipe(renderer, task, {})
        except FlowfileError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise FlowfileError(list(problems))


def _rehearsed(graph: Graph, task: Task) -> Paths:
    return Paths(_paths(task.inputs), _paths(task.outputs), _needs(graph, task))


def _paths(entries: Iterable[Input | Output]) -> PathList:
    pairs = [(entry.path, entry.name) for entry in entries if entry.kind != "exclude"]
    if all(entry.kind == "path" for entry in entries):
        return fingerprint.path_list(pairs)
    groups = {name: _Unknown([STAND_IN]) for _, name in pairs if name}
    found = _Unknown([STAND_IN])
    found.groups = dict(groups)
    return found


def _needs(graph: Graph, task: Task) -> Mapping[str, Any]:
    return {name: {"outputs": _Unknown([STAND_IN])} for name in task.needs if name in graph.tasks}
