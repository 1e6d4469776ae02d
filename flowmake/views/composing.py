"""From a graph to a picture worth drawing: fan-outs collapsed, files on request. Unaware of drawing formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Literal
from urllib.parse import quote

from msgspec import Struct, field
from msgspec.structs import replace

from flowmake.core.model import Task
from flowmake.core.text import safe_line
from flowmake.views.files import FileNodes, MissingFiles
from flowmake.views.picture import STATUSES, Edge, EdgeKind, GraphLike, Node, NodeKind, Picture, Status

ClusterBy = Literal["", "include", "tag"]


class Options(Struct, frozen=True):
    """What to draw: every instance of a fan-out (`expand`), file nodes (`files`), boxes by included file or tag.

    `link` makes each task a link to this address, with `{task}` standing for its name; without that, to its place in a
    report at this address.
    """

    expand: bool = False
    files: bool = False
    cluster: ClusterBy = ""
    title: str = ""
    link: str = ""


class Known(Struct, frozen=True):
    """What is known about tasks besides the graph, by name: status, rendered command, the paths each one reads, and
    those of them that are not there and that nothing makes.
    """

    statuses: Mapping[str, Status] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, Collection[str]] = field(default_factory=dict)
    missing: Mapping[str, Collection[str]] = field(default_factory=dict)


NOTHING_KNOWN = Known()
DEFAULTS = Options()
_PLACEHOLDER = "{task}"


def draw(graph: GraphLike, names: Iterable[str], known: Known = NOTHING_KNOWN, options: Options = DEFAULTS) -> Picture:
    """The picture of the tasks called `names` (upstream first) and the edges among them."""
    chosen = dict.fromkeys(names)
    if options.expand:
        chosen = _without_idle_names(graph, chosen)
    else:
        chosen = dict.fromkeys(chain(chosen, (g for g, members in graph.groups.items() if chosen.keys() & {*members})))
    shown = _owners(graph, chosen, expand=options.expand)
    units: dict[str, list[str]] = {}
    for name in chosen:
        units.setdefault(shown[name], []).append(name)
    nodes = {unit: _node(graph, unit, members, known, options) for unit, members in units.items()}
    edges = _strongest(_edges(graph, chosen, shown))
    files = FileNodes(graph, units, known.reads) if options.files else MissingFiles(graph, units, known.missing)
    missing = {path for paths in known.missing.values() for path in paths}
    marked = (replace(node, missing=tuple(filter(missing.__contains__, node.outputs))) for node in files.nodes.values())
    return Picture((*nodes.values(), *marked), files.edges_with(edges), options.title)


def _without_idle_names(graph: GraphLike, chosen: dict[str, None]) -> dict[str, None]:
    """Once its instances are drawn, the name of a fan-out is drawn only if something waits for it."""
    waited_for = {upstream for name in chosen for upstream in graph.upstream(name)}
    return {name: None for name in chosen if name in waited_for or not chosen.keys() & {*graph.groups.get(name, ())}}


def _owners(graph: GraphLike, chosen: Iterable[str], *, expand: bool) -> dict[str, str]:
    """The name of the node each task is drawn as."""
    owners = {name: name for name in chosen}
    if not expand:
        for group, members in graph.groups.items():
            for member in members:
                if member in owners:
                    owners[member] = group
    return owners


def _node(graph: GraphLike, unit: str, members: list[str], known: Known, options: Options) -> Node:
    task = graph.tasks[unit]
    concrete = tuple(name for name in members if not graph.tasks[name].is_group)
    first = graph.tasks[concrete[0]] if concrete else task
    counts = Counter(known.statuses.get(name, "unknown") for name in concrete or members)
    return Node(
        name=unit,
        kind=_kind(graph, unit, options),
        tasks=concrete,
        status=next(status for status in STATUSES if counts[status]),
        counts={status: counts[status] for status in STATUSES if counts[status]},
        outputs=tuple(output.path for name in concrete for output in graph.tasks[name].outputs),
        command=known.commands.get(first.name) or command_text(first),
        description=task.description,
        cluster=_cluster(first, options.cluster),
        link=_link(unit, options.link),
        expandable=unit in graph.fanouts,
    )


def _kind(graph: GraphLike, unit: str, options: Options) -> NodeKind:
    if unit in graph.groups and not (options.expand and unit not in graph.fanouts):
        return "foreach"
    return "group" if graph.tasks[unit].is_group else "task"


def _cluster(task: Task, by: ClusterBy) -> str:
    declared = task.declared
    if by == "tag":
        return declared.tags[0] if declared.tags else ""
    return declared.include if by == "include" else ""


def _link(name: str, address: str) -> str:
    if not address:
        return ""
    address = address if _PLACEHOLDER in address else f"{address}#task={_PLACEHOLDER}"
    return address.replace(_PLACEHOLDER, quote(safe_line(name), safe=""))


def _edges(graph: GraphLike, chosen: Mapping[str, None], shown: Mapping[str, str]) -> Iterator[Edge]:
    for name in chosen:
        ordered = _only_ordered(graph.tasks[name], graph)
        for upstream in graph.upstream(name):
            tail, head = shown.get(upstream), shown[name]
            if tail is not None and tail != head:
                kind: EdgeKind = "order" if upstream in ordered else "needs"
                yield Edge((False, tail), (False, head), kind)


def _strongest(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """One edge for each pair of nodes; `needs` wins."""
    kinds: dict[tuple[tuple[bool, str], tuple[bool, str]], EdgeKind] = {}
    for edge in edges:
        pair = edge.tail, edge.head
        if kinds.get(pair) != "needs":
            kinds[pair] = edge.kind
    return tuple(Edge(tail, head, kind) for (tail, head), kind in kinds.items())


def _only_ordered(task: Task, graph: GraphLike) -> set[str]:
    """Upstreams that are there because of `after` alone."""
    if not task.after:
        return set()
    makers = {graph.producer(entry.path) for entry in task.inputs if entry.kind == "path"}
    return set(task.after) - set(task.needs) - {maker for maker in makers if maker}


def command_text(task: Task) -> str:
    """What a task does, as declared; empty for a group."""
    action = task.declared.action
    return action if isinstance(action, str) else " ".join(action)
