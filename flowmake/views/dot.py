"""A picture as Graphviz DOT, and as the images its `dot` makes of that. Unaware of graphs, plans and verdicts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from flowmake.core.errors import FlowmakeError, MissingTool, StateError, UsageError
from flowmake.core.text import cut_middle, safe_line, safe_text
from flowmake.views.picture import STATUSES, Node, Picture, Status, counts_text

if TYPE_CHECKING:
    from graphviz import Digraph  # type: ignore[import-untyped]

IMAGES = ("svg", "png", "pdf")
TEXTS = ("dot", "gv")
FALLBACK = "graphviz-pure"
"""A program from PyPI that takes the arguments of `dot`; it cannot write PDF."""

_MANY = 2_000
"""Edges; beyond, Graphviz is told to settle for a layout that takes seconds instead of minutes."""

_LABEL_WIDTH = 48
_TOOLTIP_LENGTH = 2_000

_STYLES: dict[Status, dict[str, str]] = {
    "fresh": {"style": "filled,rounded", "fillcolor": "#e6f4ea", "color": "#3c7a4e"},
    "stale": {"style": "filled,rounded", "fillcolor": "#fde9b8", "color": "#8a5a00", "peripheries": "2"},
    "waiting": {"style": "filled,rounded,dashed", "fillcolor": "#f1f3f5", "color": "#5f6b76"},
    "running": {"style": "filled,rounded,bold", "fillcolor": "#cfe2ff", "color": "#0b4fb3", "penwidth": "3"},
    "failed": {"style": "filled", "fillcolor": "#f3b4ae", "color": "#8f1d14", "shape": "octagon", "penwidth": "2"},
    "unknown": {"style": "filled,rounded", "fillcolor": "#ffffff", "color": "#444444"},
}
_KINDS: dict[str, dict[str, str]] = {
    "task": {"shape": "box"},
    "group": {"shape": "ellipse"},
    "foreach": {"shape": "box3d"},
    "file": {"shape": "note", "style": "filled", "fillcolor": "#ffffff", "color": "#888888", "fontsize": "10"},
}


def source(picture: Picture, *, rankdir: str = "LR", legend: bool = True) -> str:
    """The DOT text. `rankdir` as in Graphviz: `LR` (upstream at the left), `TB`, …; the legend shows what occurs."""
    from graphviz import Digraph

    dot = Digraph(name="flowmake", comment=safe_line(picture.title))
    dot.attr("graph", rankdir=rankdir, ranksep="0.6", nodesep="0.25", fontname="Helvetica", fontsize="11")
    dot.attr("graph", compound="true", newrank="true", label=_escaped(safe_line(picture.title)), labelloc="t")
    dot.attr("node", fontname="Helvetica", fontsize="11", margin="0.12,0.06", height="0.35")
    dot.attr("edge", color="#555555", arrowsize="0.7")
    if len(picture.edges) > _MANY:
        dot.attr("graph", nslimit="0.2", nslimit1="0.2", mclimit="0.1", splines="line")
    ids = _ids(picture)
    _add_nodes(dot, picture, ids)
    for edge in picture.edges:
        style = {"style": "dashed", "arrowhead": "empty", "tooltip": "order only"} if edge.kind == "order" else {}
        dot.edge(ids[edge.tail], ids[edge.head], **style)
    if legend:
        _add_legend(dot, picture)
    return str(dot.source)


def write(text: str, path: str) -> None:
    """Draw DOT `text` into a file, the format chosen by its ending; never leaves half a file.

    Raises `UsageError` for an unknown ending, `MissingTool` where no program can draw it, `StateError`.
    """
    ending = os.path.splitext(path)[1].lower().lstrip(".")
    if ending not in (*IMAGES, *TEXTS):
        raise UsageError(
            f"cannot draw `{safe_line(path)}`: the format `{ending}` is not known"
            if ending
            else f"cannot draw `{safe_line(path)}`: it has no ending to tell the format by",
            "known endings are `.svg`, `.png`, `.pdf`, `.dot` and `.gv`",
        )
    _replace(path, text.encode() if ending in TEXTS else image(text, ending))


def image(text: str, form: str) -> bytes:
    """DOT `text` drawn as `svg`, `png` or `pdf`. Raises `MissingTool`, or `FlowmakeError` if the program fails."""
    program = find_program(form)
    try:
        done = subprocess.run([program, f"-T{form}"], input=text.encode(), capture_output=True, check=False)
    except OSError as error:
        raise MissingTool(f"cannot start `{program}`: {error.strerror}", _install_hint(form)) from error
    if done.returncode or not done.stdout:
        said = safe_text(done.stderr).strip() or f"exit code {done.returncode}"
        raise FlowmakeError(f"`{os.path.basename(program)}` could not draw the graph: {said}")
    return done.stdout


def find_program(form: str) -> str:
    """The program to draw with: `dot`, else `graphviz-pure` where it knows the format. Raises `MissingTool`."""
    found = _which("dot") or (None if form == "pdf" else _which(FALLBACK))
    if found is None:
        message = f"drawing `{form}` needs the program `dot` of Graphviz, which is not installed"
        raise MissingTool(message, _install_hint(form))
    return found


def _which(name: str) -> str | None:
    """A program on the path, or beside this Python, whose environment may not be activated."""
    return shutil.which(name) or shutil.which(name, path=os.path.dirname(sys.executable))


def _install_hint(form: str) -> str:
    if form == "pdf":
        drawn = f"`-o FILE.svg` and `.png` work with the `{FALLBACK}` that is installed, " if _which(FALLBACK) else ""
        return f"`apt install graphviz` brings it; {drawn}`-o FILE.dot` and `--format mermaid|text|json` without either"
    return (
        f"`apt install graphviz` brings it, or `pip install {FALLBACK}` a replacement; "
        "`-o FILE.dot` and `--format mermaid|text|json` work without either"
    )


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
    if node.kind != "file":
        shape = attributes["shape"]
        attributes |= _STYLES[node.status]
        if node.kind == "foreach":
            attributes |= {"shape": shape, "style": attributes["style"].replace(",rounded", "")}
            attributes["penwidth"] = "2" if attributes.pop("peripheries", "") else attributes.get("penwidth", "1")
    return attributes | {"label": _escaped("\n".join(_label(node))), "tooltip": _escaped(_tooltip(node))}


def _label(node: Node) -> list[str]:
    lines = [cut_middle(safe_line(node.name), _LABEL_WIDTH)]
    if node.kind == "foreach":
        lines.append(counts_text(node))
    elif node.kind == "file" and len(node.outputs) > 1:
        lines.append(f"{len(node.outputs)} files")
    return lines


def _tooltip(node: Node) -> str:
    if node.kind == "file":
        return "\n".join(safe_line(path) for path in node.outputs[:20])
    status = "" if node.status == "unknown" else node.status
    parts = [safe_line(node.name) + (f": {status}" if status else ""), safe_text(node.description)]
    return "\n".join(part for part in (*parts, safe_text(node.command)) if part)[:_TOOLTIP_LENGTH]


def _add_legend(dot: Digraph, picture: Picture) -> None:
    statuses = Counter(status for node in picture.nodes if node.kind != "file" for status in node.counts)
    shown = [status for status in reversed(STATUSES) if status != "unknown" and statuses[status]]
    if not shown:
        return
    with dot.subgraph(name="cluster_legend") as box:
        box.attr(label="legend", fontsize="9", color="#cccccc", style="rounded", labeljust="l")
        for status in shown:
            look = {"shape": "box", "fontsize": "9", "height": "0.25", "margin": "0.08,0.03"} | _STYLES[status]
            box.node(f"legend {status}", label=status, **look)
        for left, right in pairwise(shown):
            box.edge(f"legend {left}", f"legend {right}", style="invis")


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


def _replace(path: str, data: bytes) -> None:
    partial = f"{path}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(data)
        os.replace(partial, path)
    except OSError as error:
        raise StateError(f"cannot write `{safe_line(path)}`: {error.strerror}") from error
