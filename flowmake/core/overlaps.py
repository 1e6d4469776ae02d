"""Outputs that get in each other's way, and tasks that read what they make. Unaware of edges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from flowmake.core.errors import Problem
from flowmake.core.model import Input, Output, Task
from flowmake.core.patterns import compile_pattern, contains, covers
from flowmake.core.producers import Producers

Clash = tuple[str, str, str]
"""A sentence, and the two tasks involved, the one at fault first."""


def overlaps(outputs: Producers) -> Iterator[Clash]:
    """Every pair of outputs of different tasks of which one may hold, or be, the other."""
    clashes = chain(_in_directories(outputs), _matching_globs(outputs), _meeting_globs(outputs))
    return (clash for clash in clashes if clash[1] != clash[2])


def _in_directories(outputs: Producers) -> Iterator[Clash]:
    if not outputs.directories:
        return
    for path, task in chain(outputs.files.items(), outputs.directories.items()):
        if (around := outputs.directory_around(path)) is not None:
            yield f"`{path}`, made by `{task}`, lies inside a directory that `{around}` makes", task, around
    for glob, task in outputs.globs.items():
        if (around := outputs.directory_around(compile_pattern(glob).prefix + "*")) is not None:
            yield f"what `{glob}` of `{task}` matches lies inside a directory that `{around}` makes", task, around


def _matching_globs(outputs: Producers) -> Iterator[Clash]:
    for glob, task in outputs.globs.items():
        for path in outputs.matching(glob):
            other = outputs.files.get(path) or outputs.directories[path]
            yield f"`{path}`, made by `{other}`, matches the output glob `{glob}` of `{task}`", other, task


def _meeting_globs(outputs: Producers) -> Iterator[Clash]:
    for glob, task in outputs.globs.items():
        for other in outputs.globs_meeting(glob):
            if glob < other:
                maker = outputs.globs[other]
                yield f"`{glob}` of `{task}` and `{other}` of `{maker}` may match the same file", task, maker


def own_paths(task: Task) -> Iterator[Problem]:
    """Inputs that cannot be told from the task's own outputs."""
    for index, entry in enumerate(task.inputs):
        if entry.kind == "path" or entry.kind == "lines":
            for output in task.outputs:
                if not _is_apart(entry.path, output) and (wrong := _reads_own(entry.path, output)) is not None:
                    place = task.declared.place.at("inputs", *_entry_key(task, entry, index))
                    yield Problem(wrong[0].format(task=task.name), (place,), wrong[1])
                    break


def _is_apart(path: str, output: Output) -> bool:
    """Is neither of them the beginning of the other, as it is for nearly all?"""
    made = output.path
    return output.kind == "path" and not made.startswith(path) and not path.startswith(made) and path != "./"


def _reads_own(path: str, output: Output) -> tuple[str, str] | None:
    """What is wrong, and what to do, where an input cannot be told from what the task itself makes."""
    if path == output.path:
        return f"`{path}` is both an input and an output of `{{task}}`", "a task cannot read what it makes"
    if covers(output.path, output.kind, path):
        message = f"`{path}`, an input of `{{task}}`, counts as one of its own outputs (`{output.path}`)"
        return message, "keep what a task reads apart from what it makes"
    folder = path if path.endswith("/") else path + "/"
    if contains(folder, output.path):
        message = f"`{path}`, an input of `{{task}}`, holds its own output `{output.path}`"
        return message, "write a glob instead, in which a task's own outputs do not count"
    return None


def _entry_key(task: Task, entry: Input, index: int) -> tuple[str | int, ...]:
    if len(task.inputs) != len(task.declared.inputs):
        return ()
    return (entry.name,) if entry.name else (index,)
