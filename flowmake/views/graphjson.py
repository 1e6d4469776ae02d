"""A picture as versioned JSON for programs. Unaware of graphs, plans and verdicts."""

from __future__ import annotations

from typing import Any

from flowmake.views.picture import Edge, Node, Picture

VERSION = 1


def document(picture: Picture) -> dict[str, Any]:
    """`{"v": 1, "nodes": […], "edges": […]}`; files are nodes with `file` instead of `task`."""
    return {
        "v": VERSION,
        "nodes": [_node(node) for node in picture.nodes],
        "edges": [{"from": edge.tail[1], "to": edge.head[1], "kind": _kind(edge)} for edge in picture.edges],
    }


def _kind(edge: Edge) -> str:
    """A file may be called like a task: the kind tells which end is one."""
    return "makes" if edge.head[0] else "reads" if edge.tail[0] else edge.kind


def _node(node: Node) -> dict[str, Any]:
    if node.kind == "file":
        return {"file": node.name, "paths": list(node.outputs), "missing": list(node.missing)}
    fields: dict[str, Any] = {
        "task": node.name,
        "kind": node.kind,
        "outputs": list(node.outputs),
        "verdict": node.status,
        "description": node.description,
        "command": node.command,
    }
    if node.kind == "foreach":
        fields |= {"instances": list(node.tasks), "counts": dict(node.counts), "instances_known": not node.expandable}
    return fields
