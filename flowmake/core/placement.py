"""Which executor a task goes to, and whether its outputs can be fenced there. Knows names, not executors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowmake.core.errors import Problem
from flowmake.core.model import Declaration, Task
from flowmake.core.templates import names

LOCAL = "local"
CALL = "call"
"""The local executor of calls; nothing that a Flowfile may name."""


def executor_of(declared: Declaration, override: str) -> str:
    """The executor's name. What says `local`, or needs the terminal, stays here whatever the run is told."""
    if declared.console or declared.executor == LOCAL:
        return LOCAL
    return override or declared.executor or LOCAL


def local_executor_of(declared: Declaration) -> str:
    """Calls and commands have executors of their own."""
    return CALL if declared.kind == "call" else LOCAL


def unfenceable(task: Task) -> Iterator[Problem]:
    """Why the outputs of a task cannot be kept apart from those of an attempt that was given up for lost."""
    declared, place = task.declared, task.declared.place
    globs = [output.path for output in task.outputs if output.kind == "glob"]
    if globs:
        what = f"`{globs[0]}` cannot be an output of a task that runs elsewhere"
        hint = f'declare the folder, `"{_folder(globs[0])}"`, and write `{{{{ outputs }}}}` in the command; or {STAY}'
        yield Problem(what, (place.at("outputs"),), hint)
        return
    said = [declared.action, declared.args, declared.env, declared.cwd]
    if task.outputs and not any("outputs" in names(text) for text in _texts(said) if "{" in text):
        what = "a task that runs elsewhere must take the paths of its outputs from `{{ outputs }}`"
        hint = f"it writes under other names there, so that no lost attempt can spoil them; or {STAY}"
        yield Problem(what, (place.at(declared.kind),), hint)
    elif declared.depfile and "outputs" not in names(declared.depfile):
        what = "the depfile of a task that runs elsewhere must lie beside its outputs"
        yield Problem(what, (place.at("depfile"),), "write `{{ outputs[0] }}.d`")


STAY = '`executor = "local"` keeps it here'


def _folder(glob: str) -> str:
    fixed = glob[: min(glob.find(c) for c in "*?[" if c in glob)]
    return fixed.rpartition("/")[0] + "/" if "/" in fixed else "parts/"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
