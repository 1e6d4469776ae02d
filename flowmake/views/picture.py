"""From a graph to nodes and edges worth drawing: fan-outs collapsed, files on request. Unaware of drawing formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Literal, Protocol
from urllib.parse import quote

from msgspec import Struct, field

from flowmake.core.model import Task
from flowmake.core.text import counted, safe_line

Status = Literal["failed", "running", "stale", "waiting", "fresh", "unknown"]
NodeKind = Literal["task", "group", "foreach", "file"]
EdgeKind = Literal["needs", "order"]
ClusterBy = Literal["", "include", "tag"]

STATUSES: tuple[Status, ...] = ("failed", "running", "stale", "waiting", "fresh", "unknown")
"""The most notable first: what a collapsed node is shown as."""

SIGNS: dict[Status, str] = {
    "failed": "\u00d7",
    "running": "►",
    "stale": "●",
    "waiting": "○",
    "fresh": "",
    "unknown": "",
}
"""So that a picture needs no colours to be read; of what every font has, as some programs that draw bring their own."""


class GraphLike(Protocol):
    """What is asked of a graph; `core.graph.Graph` is one."""

    tasks: dict[str, Task]
    groups: dict[str, tuple[str, ...]]
    fanouts: dict[str, tuple[str, ...]]

    def upstream(self, name: str) -> tuple[str, ...]: ...

    def producer(self, path: str) -> str | None: ...


class Node(Struct, frozen=True):
    """One thing drawn. `name` is the task's, or the path of a file (`name` and `is file` together are unique).

    `tasks` are the concrete tasks it stands for, `counts` how many of them have which status; `expandable` says that
    the instances of a fan-out are not known yet. `cluster` names the box it is drawn in, `link` is where a click leads;
    both may be empty.
    """

    name: str
    kind: NodeKind
    tasks: tuple[str, ...] = ()
    status: Status = "unknown"
    counts: dict[Status, int] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    command: str = ""
    description: str = ""
    cluster: str = ""
    link: str = ""
    expandable: bool = False

    @property
    def key(self) -> tuple[bool, str]:
        """What tells it from all other nodes: a file may be called like a task."""
        return self.kind == "file", self.name


class Edge(Struct, frozen=True):
    """From what comes first to what waits for it, both as `Node.key`."""

    tail: tuple[bool, str]
    head: tuple[bool, str]
    kind: EdgeKind = "needs"


class Picture(Struct, frozen=True):
    """Nodes, upstream first, and edges."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    title: str = ""


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
    """What is known about tasks besides the graph, by name: status, rendered command, the paths each one reads."""

    statuses: Mapping[str, Status] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, Collection[str]] = field(default_factory=dict)


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
    if not options.files:
        return Picture(tuple(nodes.values()), edges, options.title)
    from flowmake.views.files import FileNodes

    files = FileNodes(graph, units, known.reads)
    return Picture((*nodes.values(), *files.nodes.values()), files.edges_with(edges), options.title)


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


def counts_text(node: Node) -> str:
    """`12 instances, 1 failed, 3 stale` for a collapsed fan-out; what is fresh is not mentioned."""
    if node.expandable:
        return "instances not known yet"
    notable = [f"{_of(node, s)} {s}" for s in STATUSES if s not in ("fresh", "unknown") and node.counts.get(s)]
    return ", ".join([counted(len(node.tasks), "instance"), *notable])


def _of(node: Node, status: Status) -> str:
    return "all" if node.counts[status] == len(node.tasks) > 1 else str(node.counts[status])


def command_text(task: Task) -> str:
    """What a task does, as declared; empty for a group."""
    action = task.declared.action
    return action if isinstance(action, str) else " ".join(action)


def ends(picture: Picture) -> list[Node]:
    """Nodes that nothing else in the picture waits for, in order."""
    tails = {edge.tail for edge in picture.edges}
    return [node for node in picture.nodes if node.key not in tails]


def upstream_of(picture: Picture) -> dict[tuple[bool, str], list[tuple[bool, str]]]:
    """For each node, what it waits for."""
    result: dict[tuple[bool, str], list[tuple[bool, str]]] = {node.key: [] for node in picture.nodes}
    for edge in picture.edges:
        result[edge.head].append(edge.tail)
    return result
