"""A picture as Graphviz DOT. Unaware of graphs, plans and verdicts, and of the programs that draw it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from flowmake.core.text import cut_middle, safe_line, safe_text
from flowmake.views.picture import SIGNS, STATUSES, Node, Picture, Status, counts_text, files_text

if TYPE_CHECKING:
    from graphviz import Digraph  # type: ignore[import-untyped]

_MANY = 2_000
"""Edges; beyond, Graphviz is told to settle for a layout that takes seconds instead of minutes."""

_LABEL_WIDTH = 48
_TOOLTIP_LENGTH = 2_000
_PATHS = 20

_STYLES: dict[Status, dict[str, str]] = {
    "fresh": {"style": "filled,rounded", "fillcolor": "#e6f4ea", "color": "#3c7a4e"},
    "stale": {"style": "filled,rounded", "fillcolor": "#fde9b8", "color": "#8a5a00", "peripheries": "2"},
    "waiting": {"style": "filled,rounded,dashed", "fillcolor": "#f1f3f5", "color": "#5f6b76"},
    "running": {"style": "filled,rounded,bold", "fillcolor": "#cfe2ff", "color": "#0b4fb3", "penwidth": "3"},
    "queued": {"style": "filled,rounded,dashed", "fillcolor": "#cfe2ff", "color": "#0b4fb3"},
    "failed": {"style": "filled", "fillcolor": "#f3b4ae", "color": "#8f1d14", "shape": "octagon", "penwidth": "2"},
    "unknown": {"style": "filled,rounded", "fillcolor": "#ffffff", "color": "#444444"},
}
_KINDS: dict[str, dict[str, str]] = {
    "task": {"shape": "box"},
    "group": {"shape": "ellipse"},
    "foreach": {"shape": "box3d"},
    "file": {"shape": "note", "style": "filled", "fillcolor": "#ffffff", "color": "#888888", "fontsize": "10"},
}
_MISSING = {"style": "filled,dashed", "color": "#8f1d14", "fontcolor": "#8f1d14", "penwidth": "2"}


def source(picture: Picture, *, rankdir: str = "LR") -> str:
    """The DOT text, with a legend of what occurs. `rankdir` as in Graphviz: `LR` (upstream at the left), `TB`, …"""
    from graphviz import Digraph

    dot = Digraph(name="flowmake", comment=safe_line(picture.title))
    dot.attr("graph", rankdir=rankdir, ranksep="0.6", nodesep="0.25", fontname="Helvetica", fontsize="11")
    dot.attr("graph", compound="true", newrank="true", label=_heading(picture), labelloc="t", labeljust="l")
    dot.attr("node", fontname="Helvetica", fontsize="11", margin="0.12,0.06", height="0.35")
    dot.attr("edge", color="#555555", arrowsize="0.7")
    if len(picture.edges) > _MANY:
        dot.attr("graph", nslimit="0.2", nslimit1="0.2", mclimit="0.1")
    ids = _ids(picture)
    _add_nodes(dot, picture, ids)
    for edge in picture.edges:
        style = {"style": "dashed", "arrowhead": "empty", "tooltip": "order only"} if edge.kind == "order" else {}
        dot.edge(ids[edge.tail], ids[edge.head], **style)
    return str(dot.source)


def _add_nodes(dot: Digraph, picture: Picture, ids: dict[tuple[bool, str], str]) -> None:
    clusters: dict[str, list[Node]] = {}
    for node in picture.nodes:
        clusters.setdefault(node.cluster, []).append(node)
    for number, (cluster, nodes) in enumerate(clusters.items()):
        if not cluster:
            for node in nodes:
                dot.node(ids[node.key], **_attributes(node))
            continue
        with dot.subgraph(name=f"cluster_{number}") as box:
            box.attr(label=_escaped(safe_line(cluster)), style="rounded", color="#aaaaaa", labeljust="l", labelloc="t")
            for node in nodes:
                box.node(ids[node.key], **_attributes(node))


def _attributes(node: Node) -> dict[str, str]:
    attributes = dict(_KINDS[node.kind])
    if node.missing:
        attributes |= _MISSING
    if node.kind != "file":
        shape = attributes["shape"]
        attributes |= _STYLES[node.status]
        if node.kind == "foreach":
            attributes |= {"shape": shape, "style": attributes["style"].replace(",rounded", "")}
            attributes["penwidth"] = "2" if attributes.pop("peripheries", "") else attributes.get("penwidth", "1")
    attributes |= {"label": _escaped("\n".join(_label(node))), "tooltip": _escaped(_tooltip(node))}
    return attributes | ({"URL": _escaped(node.link), "target": "_top"} if node.link else {})


def _label(node: Node) -> list[str]:
    sign = SIGNS[node.status] if node.kind != "file" else SIGNS["failed"] if node.missing else ""
    lines = [f"{sign} {cut_middle(safe_line(node.name), _LABEL_WIDTH)}".lstrip()]
    if node.kind == "foreach":
        lines.append(counts_text(node))
    elif node.kind == "file" and (files := files_text(node)):
        lines.append(files)
    return lines


def _tooltip(node: Node) -> str:
    if node.kind == "file":
        more = [f"and {len(node.outputs) - _PATHS} more"] if len(node.outputs) > _PATHS else []
        return "\n".join([*map(safe_line, node.outputs[:_PATHS]), *more])
    status = "" if node.status == "unknown" else node.status
    parts = [safe_line(node.name) + (f": {status}" if status else ""), safe_text(node.description)]
    return "\n".join(part for part in (*parts, safe_text(node.command)) if part)[:_TOOLTIP_LENGTH]


def _heading(picture: Picture) -> str:
    """Title and legend as a label of the whole graph, which takes no room from its ranks; empty without either."""
    title = [f'<FONT POINT-SIZE="14"><B>{_in_html(picture.title)}</B></FONT>'] if picture.title else []
    cells = "\n".join(f"<TD>{part}</TD>" for part in (*title, *_legend(picture)))
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6"><TR>\n{cells}\n</TR></TABLE>>' if cells else ""


def _in_html(text: str) -> str:
    """In tables, too, Graphviz takes a backslash for the beginning of something else, and stumbles over `]`."""
    return escape(safe_line(text)).replace("\\", "\\\\").replace("]", "&#93;")


def _legend(picture: Picture) -> Iterator[str]:
    """What statuses look like, and what is not plain from its shape, as far as it occurs."""
    occurring = {status for node in picture.nodes if node.kind != "file" for status in node.counts}
    for status in reversed(STATUSES):
        if status in occurring and status != "unknown":
            yield _swatch(status)
    if any(edge.kind == "order" for edge in picture.edges):
        yield "dashed arrow: order only"


def _swatch(status: Status) -> str:
    """As near to how a node looks as a table can come."""
    look = _STYLES[status]
    style = ",".join(part for part in look["style"].split(",") if part in ("rounded", "dashed"))
    color = f'COLOR="{look["color"]}" STYLE="{style or "solid"}" CELLBORDER="0" CELLSPACING="0"'
    border = look.get("penwidth", "1")
    text = f"<TR><TD>{f'{SIGNS[status]} {status}'.strip()}</TD></TR>"
    table = f'<TABLE BORDER="{border}" BGCOLOR="{look["fillcolor"]}" CELLPADDING="3" {color}>{text}</TABLE>'
    if "peripheries" in look:
        return f'<TABLE BORDER="1" CELLPADDING="2" {color}><TR><TD>{table}</TD></TR></TABLE>'
    return table


def _ids(picture: Picture) -> dict[tuple[bool, str], str]:
    """Names for Graphviz: a task's own where that is plain, as a colon or a backslash would mean something else."""
    ids: dict[tuple[bool, str], str] = {}
    for number, node in enumerate(picture.nodes):
        plain = node.kind != "file" and all(c.isalnum() or c in "_.-@,=+/" for c in node.name)
        ids[node.key] = node.name if plain else f"node {number}"
    return ids


def _escaped(text: str) -> str:
    """Text that Graphviz shows as it is: no escapes, entities or HTML in it."""
    from graphviz import escape

    shown: str = escape(text.replace("&", "&amp;"))
    return shown
