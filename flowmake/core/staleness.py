"""Is a task stale, and why: one pure function from trace and facts to a verdict. Unaware of order and of disks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from flowmake.core.model import Attempt, Recipe, Task, Trace
from flowmake.core.patterns import covers
from flowmake.core.ports import ABSENT

ReasonKind = Literal[
    "never_ran",
    "last_run_failed",
    "interrupted",
    "recipe_changed",
    "env_changed",
    "input_added",
    "input_removed",
    "input_changed",
    "input_missing",
    "output_missing",
    "output_changed",
    "too_old",
    "always",
    "forced",
]


_FIELDS: Mapping[str, Sequence[str]] = {
    "recipe_changed": ("old", "new"),
    "env_changed": ("name",),
    "input_changed": ("path", "old", "new"),
    "output_changed": ("path", "old", "new"),
    "input_added": ("path",),
    "input_removed": ("path",),
    "input_missing": ("path",),
    "output_missing": ("path",),
    "too_old": ("age", "max_age"),
}
"""What a reason of each kind names; those that are missing here name nothing."""


class Reason(Struct, frozen=True):
    """One reason for being stale, naming the very thing: `path`, `name` of a variable, `old` and `new` digest or text.

    `age` and `max_age` are seconds, for `too_old`.
    """

    kind: ReasonKind
    path: str = ""
    name: str = ""
    old: str = ""
    new: str = ""
    age: float = 0.0
    max_age: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The machine-readable form, only the fields that its kind has."""
        return {"kind": self.kind, **{name: getattr(self, name) for name in _FIELDS.get(self.kind, ())}}


class Fresh(Struct, frozen=True):
    """The trace matches what is there now."""


class Stale(Struct, frozen=True):
    """The task must run; there is at least one reason."""

    reasons: tuple[Reason, ...]


class Waiting(Struct, frozen=True):
    """Nothing of its own is stale, but these upstream tasks may yet change what it reads."""

    on: tuple[str, ...]


Verdict = Fresh | Stale | Waiting


class Facts(Struct, frozen=True):
    """What is true now about one task.

    `recipe` is None while it cannot be rendered (it mentions inputs not known yet). `inputs` are all inputs
    whose digest is settled; those in `unsettled` are made by tasks in `pending`, whose outcome is unknown.
    `whole` is False while even the set of inputs may still grow. `outputs` maps every path to expect, and for
    globs every path recorded or found, to its digest, `ABSENT` where nothing is. `missing` are declared inputs that are
    not there and that no task makes. `now` in epoch seconds.
    """

    recipe: Recipe | None
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    now: float
    pending: tuple[str, ...] = ()
    unsettled: frozenset[str] = frozenset()
    whole: bool = True
    forced: bool = False
    missing: tuple[str, ...] = ()


def judge(task: Task, trace: Trace | None, attempt: Attempt | None, facts: Facts) -> Verdict:
    """The verdict on one task.

    A task with pending upstreams is `Stale` as soon as something settled already makes it so, else `Waiting`.
    """
    declared = task.declared
    if declared.frozen and not facts.forced:
        return Fresh()
    reasons = tuple(_reasons(task, trace, attempt, facts))
    if reasons:
        return Stale(reasons)
    if facts.pending:
        return Waiting(facts.pending)
    return Fresh()


def _reasons(task: Task, trace: Trace | None, attempt: Attempt | None, facts: Facts) -> Iterator[Reason]:
    declared = task.declared
    if facts.forced:
        yield Reason("forced")
    if task.is_group:
        return
    if declared.always or not (task.inputs or task.outputs):
        yield Reason("always")
    if attempt is not None and attempt.status in ("failed", "timed_out"):
        yield Reason("last_run_failed")
    elif attempt is not None and attempt.status in ("interrupted", "running"):
        yield Reason("interrupted")
    elif trace is None:
        yield Reason("never_ran")
    for path in facts.missing:
        if trace is None or trace.inputs.get(path) != ABSENT:
            yield Reason("input_missing", path=path)
    if trace is None:
        return
    on = declared.rerun_on
    if "recipe" in on and facts.recipe is not None and facts.recipe.text != trace.recipe:
        yield Reason("recipe_changed", old=trace.recipe, new=facts.recipe.text)
    if "env" in on and facts.recipe is not None:
        yield from _env_reasons(trace.env, facts.recipe.env)
    if "inputs" in on:
        yield from _input_reasons(trace.inputs, facts)
    if "outputs" in on:
        yield from _output_reasons(task, trace.outputs, facts.outputs)
    if "age" in on and declared.max_age is not None and facts.now - trace.finished > declared.max_age:
        yield Reason("too_old", age=facts.now - trace.finished, max_age=declared.max_age)


def _env_reasons(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Reason]:
    if old == new:
        return
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield Reason("env_changed", name=name)


def _input_reasons(old: Mapping[str, str], facts: Facts) -> Iterator[Reason]:
    new = facts.inputs
    if old == new:
        return
    for path, digest in new.items():
        if path not in old:
            if path not in facts.missing:
                yield Reason("input_added", path=path)
        elif old[path] != digest and path not in facts.missing:
            yield Reason("input_changed", path=path, old=old[path], new=digest)
    if facts.whole:
        for path in old:
            if path not in new and path not in facts.unsettled:
                yield Reason("input_removed", path=path)


def _output_reasons(task: Task, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Reason]:
    if old == new:
        return
    temporary = [output for output in task.outputs if output.temp]
    for path, digest in new.items():
        recorded = old.get(path)
        if digest == recorded:
            continue
        if digest == ABSENT:
            if recorded is None or not any(covers(output.path, output.kind, path) for output in temporary):
                yield Reason("output_missing", path=path)
        else:
            yield Reason("output_changed", path=path, old=recorded or ABSENT, new=digest)
