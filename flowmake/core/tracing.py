"""From facts to a trace: what is recorded of a task that succeeded, or is accepted as it is. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from msgspec import structs

from flowmake.core import fingerprint
from flowmake.core.errors import StateError
from flowmake.core.evidence import Evidence
from flowmake.core.model import Task, Trace
from flowmake.core.ports import ABSENT
from flowmake.core.producers import folders_of
from flowmake.core.staleness import Facts

EDITED = "changed while the task ran"
"""Recorded instead of a digest for an input that changed during the task; equal to no digest."""

NOTHING: Mapping[str, str] = {}


def settle(
    evidence: Evidence,
    name: str,
    before: Facts,
    made: Sequence[str],
    discovered: Sequence[str],
    started: float,
    ended: float,
    vouched: Mapping[str, str] = NOTHING,
    run: str = "",
) -> tuple[Trace, list[str]]:
    """The trace of a task that has just succeeded in that run, and the inputs that changed while it ran.

    `before` holds the digests from before its start. `made` are all outputs, `discovered` paths from a depfile.
    `vouched` are digests of files from where they were made.
    Whatever changed is recorded as `EDITED`, which no later digest equals, so that the task stays stale. So is what
    a depfile names for the first time, if it may have been otherwise when the command read it.
    """
    task = evidence.graph.tasks[name]
    assert before.recipe is not None
    old = evidence.trace(name)
    doubtful = evidence.files.doubtful(before.inputs)
    evidence.changed([*(old.outputs if old is not None else ()), *made, *discovered, *doubtful])
    for path, digest in vouched.items():
        evidence.files.vouch(path, digest)
    edited = _edited(evidence, task, before, doubtful) if doubtful else []
    inputs = before.inputs
    if discovered or (old is not None and old.discovered):
        inputs, late = _with_discovered(evidence, task, inputs, discovered, started)
        edited += late
    if edited:
        inputs = {**inputs, **dict.fromkeys(edited, EDITED)}
    trace = Trace(
        task=name,
        recipe=before.recipe.text,
        env=before.recipe.env,
        inputs=inputs,
        outputs=dict(zip(made, evidence.files.digests(made), strict=True)),
        finished=evidence.now(),
        seconds=ended - started,
        run=run,
        discovered=tuple(discovered),
        identity=fingerprint.identity(before.recipe, inputs),
    )
    return trace, edited


def speaks_for_itself(task: Task, trace: Trace) -> bool:
    """Does what was just recorded of a task tell that it is fresh, until one of the paths in it changes?

    Not where it may read more by now than it did, nor where something else than paths and recipe makes it stale.
    """
    declared = task.declared
    if declared.always or declared.max_age is not None or declared.kind == "call":
        return False
    if task.needs or trace.discovered or EDITED in trace.inputs.values() or not (task.inputs or task.outputs):
        return False
    return all(entry.kind == "path" and entry.check == "content" for entry in task.inputs)


def _edited(evidence: Evidence, task: Task, before: Facts, doubtful: Sequence[str]) -> list[str]:
    """Those of the doubtful inputs that are not what they were before the start."""
    checks = evidence.checks(task)
    return [p for p in doubtful if evidence.input_digest(p, checks.get(p, "content")) != before.inputs[p]]


def _with_discovered(
    evidence: Evidence, task: Task, inputs: Mapping[str, str], discovered: Sequence[str], started: float
) -> tuple[dict[str, str], list[str]]:
    """The inputs with what the depfile names now, without what it named before; those that may have been otherwise
    when the command read them.
    """
    forgotten = _forgotten(evidence, task, discovered)
    found = {path: digest for path, digest in inputs.items() if path not in forgotten}
    late: list[str] = []
    for path in discovered:
        if path not in found:
            found[path] = evidence.input_digest(path)
            if not _was_there(evidence, path, started):
                late.append(path)
    return found, late


def _forgotten(evidence: Evidence, task: Task, discovered: Sequence[str]) -> set[str]:
    """What the depfile named before, and neither it nor the Flowfile names now."""
    old = evidence.trace(task.name)
    gone = set(old.discovered) - set(discovered) if old is not None else set()
    return gone - {entry.path for entry in evidence.resolve(task)} if gone else gone


def _was_there(evidence: Evidence, path: str, moment: float) -> bool:
    """Did a file that nobody had looked at before have its content already then?

    What a task had made by then has, however short a time before; of anything else only its times tell.
    """
    producer = evidence.graph.outputs.producer(path)
    trace = evidence.trace(producer) if producer is not None else None
    if trace is not None and trace.finished <= moment:
        around = [made for made in (path, *folders_of(path)) if made in trace.outputs]
        if any(trace.outputs[made] == evidence.files.digest(made) for made in around):
            return True
    return not evidence.files.touched_since(path, moment)


def accepted(evidence: Evidence, name: str) -> Trace:
    """A trace that declares what is there now to be fresh. Raises `StateError` when an output is missing."""
    old = evidence.trace(name)
    facts = evidence.facts(name)
    task = evidence.graph.tasks[name]
    assert facts.recipe is not None
    globs = {output.path: evidence.files.glob(output.path) for output in task.outputs if output.kind == "glob"}
    literal = [output.path for output in task.outputs if output.kind == "path"]
    outputs = {path: evidence.files.digest(path) for path in dict.fromkeys([*literal, *chain(*globs.values())])}
    missing = [path for path, digest in outputs.items() if digest == ABSENT]
    missing += [glob for glob, found in globs.items() if not found]
    if missing:
        raise StateError(f"cannot accept `{name}`: its output `{missing[0]}` does not exist")
    base = Trace(name, facts.recipe.text, facts.recipe.env, facts.inputs, outputs, evidence.now(), 0.0, "")
    known = {"seconds": old.seconds, "discovered": old.discovered} if old is not None else {}
    return structs.replace(base, identity=fingerprint.identity(facts.recipe, facts.inputs), **known)
