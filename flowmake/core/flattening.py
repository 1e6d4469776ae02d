"""The part of a graph that one question needs, flattened to bytes for `compiled` to load. Unaware of files."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from xxhash import xxh3_128_digest

from flowmake.core.blocks import Sections, joined, packed, path_bytes
from flowmake.core.compiled import UNWRITABLE, Entry, Question, encoded, flow_text
from flowmake.core.evidence import Evidence
from flowmake.core.graph import Graph
from flowmake.core.model import Declaration


def flatten(
    evidence: Evidence, names: Sequence[str], decisive: Iterable[str], question: Question, has_leftovers: bool
) -> Sections | None:
    """The tasks behind `names`, all fresh and upstream first, as bytes by section; None where that would not do.

    `decisive` are paths on which more hangs than the tasks that read them. `has_leftovers`: there are files that
    tasks made which are gone, so that a glob does not match all that is there.
    """
    graph = evidence.graph
    if not _is_plain(graph):
        return None
    numbers = {name: number for number, name in enumerate(names)}
    try:
        makers = graph.outputs
        written = {name: encoded(declared) for name, declared in graph.flow.declarations.items()}
        sections = {
            "flow": flow_text(graph.flow),
            "question": encoded(question),
            "declared": encoded({name: xxh3_128_digest(text) for name, text in written.items()}),
            "makers": encoded((makers.files, makers.directories, makers.globs)),
            **_tasks(evidence, numbers, written, has_leftovers),
            **packed("down", [array("I", one).tobytes() for one in _downstream(graph, names, numbers)]),
        }
    except (*UNWRITABLE, KeyError):  # a task beyond the question
        return None
    owners = {path_bytes(path): one for path, one in _owners(evidence, names).items()}
    paths = sorted(owners)
    return {
        **sections,
        "names": joined(names),
        "groups": joined(name for name in names if graph.tasks[name].is_group),
        "decisive": joined(sorted({*decisive})),
        **packed("path", paths),
        **packed("owner", [array("I", owners[path]).tobytes() for path in paths]),
    }


def _is_plain(graph: Graph) -> bool:
    """Nothing that must not be written down, and nothing that changes the graph while it is worked on."""
    flow = graph.flow
    if graph.fanouts or flow.given or flow.dotenv or flow.secrets or flow.executors:
        return False
    outputs = chain.from_iterable(declaration.outputs for declaration in flow.declarations.values())
    return not any(output.temp for output in outputs)


def _tasks(
    evidence: Evidence, numbers: Mapping[str, int], written: Mapping[str, bytes], has_leftovers: bool
) -> Sections:
    """`written` are the declarations of the flow as bytes."""
    own = evidence.graph.flow.declarations
    declarations: dict[int, tuple[int, Declaration]] = {}
    entries = [encoded(_entry(evidence, name, numbers, declarations, has_leftovers)) for name in numbers]
    # In this order, since the entries find the declarations.
    packed_entries = packed("entry", entries)
    texts = [written[d.name] if own.get(d.name) is d else encoded(d) for _, d in declarations.values()]
    return {**packed_entries, **packed("declaration", texts)}


def _entry(
    evidence: Evidence,
    name: str,
    numbers: Mapping[str, int],
    declarations: dict[int, tuple[int, Declaration]],
    has_leftovers: bool,
) -> Entry:
    graph = evidence.graph
    task, trace = graph.tasks[name], evidence.trace(name)
    declared = task.declared
    number, _ = declarations.setdefault(id(declared), (len(declarations), declared))
    kinds = {entry.kind for entry in task.inputs}
    order_only = graph.order_only(name)
    return Entry(
        number,
        task.keys,
        task.inputs,
        task.outputs,
        task.needs,
        task.after,
        task.pool,
        task.resources,
        task.description,
        task.confirm,
        tuple([numbers[other] for other in graph.upstream(name)]),
        tuple([numbers[other] for other in graph.needs(name)]),
        tuple(sorted([numbers[other] for other in order_only])) if order_only else (),
        tuple(numbers[other] for other in graph.groups[name]) if name in graph.groups else None,
        () if trace is None else trace.discovered,
        "lines" in kinds or ("glob" in kinds and has_leftovers) or name in graph.ranged_over,
    )


def _downstream(graph: Graph, names: Iterable[str], numbers: Mapping[str, int]) -> list[list[int]]:
    down: list[list[int]] = [[] for _ in numbers]
    for number, name in enumerate(names):
        for other in graph.upstream(name):
            down[numbers[other]].append(number)
    return down


def _owners(evidence: Evidence, names: Iterable[str]) -> dict[str, list[int]]:
    """Which tasks were judged by which path, in order."""
    owners: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        task = evidence.graph.tasks[name]
        if task.is_group:
            continue
        trace = evidence.trace(name)
        read = () if trace is None else trace.inputs
        for path in {*read, *evidence.output_paths(task), *evidence.modules(task)}:
            owners.setdefault(path, []).append(number)
    return owners
