"""The part of a graph that one question needs, flattened to bytes for `compiled` to load. Unaware of files.

Piece by piece, each made when it is asked for and let go of then: all of them together, with what they are made
of, would take a third of what the graph itself takes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain

from flowmake.core.blocks import Piece, joined, packed, path_bytes
from flowmake.core.compiled import UNWRITABLE, Entry, Question, declared_digest, encoded, flow_text
from flowmake.core.evidence import Evidence
from flowmake.core.graph import Graph


class NotPlain(Exception):
    """The graph holds what must not be written down, or what changes while it is worked on."""


def flatten(
    evidence: Evidence, names: Sequence[str], decisive: Iterable[str], question: Question, has_leftovers: bool
) -> Iterator[Piece]:
    """The tasks behind `names`, all fresh and upstream first, as bytes by section. Raises `NotPlain` on the way.

    `decisive` are paths on which more hangs than the tasks that read them. `has_leftovers`: there are files that
    tasks made which are gone, so that a glob does not match all that is there.
    """
    graph = evidence.graph
    if not _is_plain(graph):
        raise NotPlain
    try:
        yield "flow", flow_text(graph.flow)
        yield "question", encoded(question)
        yield "declared", encoded({name: declared_digest(one) for name, one in graph.flow.declarations.items()})
        yield "makers", encoded((graph.outputs.files, graph.outputs.directories, graph.outputs.globs))
        yield "names", joined(names)
        yield "groups", joined(name for name in names if graph.tasks[name].is_group)
        yield "decisive", joined(sorted({*decisive}))
        yield from _tasks(evidence, names, has_leftovers)
        yield from _owners(evidence, names)
    except (*UNWRITABLE, KeyError) as error:  # a task beyond the question
        raise NotPlain from error


def _is_plain(graph: Graph) -> bool:
    """Nothing that must not be written down, and nothing that changes the graph while it is worked on."""
    flow = graph.flow
    if graph.fanouts or flow.given or flow.dotenv or flow.secrets or flow.executors:
        return False
    outputs = chain.from_iterable(declaration.outputs for declaration in flow.declarations.values())
    return not any(output.temp for output in outputs)


def _tasks(evidence: Evidence, names: Sequence[str], has_leftovers: bool) -> Iterator[Piece]:
    graph = evidence.graph
    numbers = {name: number for number, name in enumerate(names)}
    declarations = list({id(one): one for one in (graph.tasks[name].declared for name in names)}.values())
    places = {id(declared): place for place, declared in enumerate(declarations)}
    yield from packed("declaration", map(encoded, declarations))
    entries = (encoded(_entry(evidence, name, numbers, places, has_leftovers)) for name in names)
    yield from packed("entry", entries)
    down = _downstream(graph, names, numbers)
    yield from packed("down", (array("I", one).tobytes() for one in down))


def _entry(
    evidence: Evidence,
    name: str,
    numbers: Mapping[str, int],
    places: Mapping[int, int],
    has_leftovers: bool,
) -> Entry:
    """`places` are those of the declarations, by identity."""
    graph = evidence.graph
    task, trace = graph.tasks[name], evidence.trace(name)
    kinds = {entry.kind for entry in task.inputs}
    order_only = graph.order_only(name)
    return Entry(
        places[id(task.declared)],
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


def _owners(evidence: Evidence, names: Iterable[str]) -> Iterator[Piece]:
    """Which tasks were judged by which path, in order of the paths' bytes.

    Paths and tasks are paired by number, and the pairs brought in order by counting: a list for each path would take
    more than all the rest.
    """
    places: dict[bytes, int] = {}
    pairs = array("I"), array("I")
    for number, name in enumerate(names):
        for path in _judged_by(evidence, name):
            pairs[0].append(places.setdefault(path_bytes(path), len(places)))
            pairs[1].append(number)
    counts = array("I", bytes(4 * len(places)))
    for place in pairs[0]:
        counts[place] += 1
    ends = array("I", accumulate(counts))
    owners = array("I", bytes(4 * len(pairs[1])))
    for place, number in zip(reversed(pairs[0]), reversed(pairs[1]), strict=True):
        ends[place] -= 1
        owners[ends[place]] = number
    begins, paths = ends, sorted(places)
    yield from packed("path", paths)
    blocks = (
        owners[begins[place] : begins[place] + counts[place]].tobytes() for place in map(places.__getitem__, paths)
    )
    yield from packed("owner", blocks)


def _judged_by(evidence: Evidence, name: str) -> set[str]:
    """The paths that a task was judged by; none for a group."""
    task = evidence.graph.tasks[name]
    if task.is_group:
        return set()
    trace = evidence.trace(name)
    read = () if trace is None else trace.inputs
    return {*read, *evidence.output_paths(task), *evidence.modules(task)}
