"""What is drawn, as data: nodes, edges, and what is read off them. Unaware of drawing formats and of graphs."""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct, field

from flowmake.core.model import Task
from flowmake.core.text import counted

Status = Literal["failed", "running", "queued", "stale", "waiting", "fresh", "unknown"]
NodeKind = Literal["task", "group", "foreach", "file"]
EdgeKind = Literal["needs", "order"]

STATUSES: tuple[Status, ...] = ("failed", "running", "queued", "stale", "waiting", "fresh", "unknown")
"""The most notable first: what a collapsed node is shown as."""

SIGNS: dict[Status, str] = {
    "failed": "\u00d7",
    "running": "►",
    "queued": "▻",
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
    both may be empty. `missing` are the paths of a file node that tasks
    read, that are not there and that nothing makes.
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
    missing: tuple[str, ...] = ()

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


def counts_text(node: Node) -> str:
    """`12 instances, 1 failed, 3 stale` for a collapsed fan-out; what is fresh is not mentioned."""
    if node.expandable:
        return "instances not known yet"
    notable = [f"{_of(node, s)} {s}" for s in STATUSES if s not in ("fresh", "unknown") and node.counts.get(s)]
    return ", ".join([counted(len(node.tasks), "instance"), *notable])


def files_text(node: Node) -> str:
    """`3 files, 2 missing` (or `all`) for a node of several, `missing` for one that is; empty for one that is there."""
    if len(node.outputs) == 1:
        return "missing" if node.missing else ""
    files = counted(len(node.outputs), "file")
    count = "all" if len(node.missing) == len(node.outputs) else str(len(node.missing))
    return f"{files}, {count} missing" if node.missing else files


def _of(node: Node, status: Status) -> str:
    return "all" if node.counts[status] == len(node.tasks) > 1 else str(node.counts[status])


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
