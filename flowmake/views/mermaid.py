"""A picture as a Mermaid flowchart. Unaware of graphs, plans and verdicts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from flowmake.core.text import cut_middle, safe_line
from flowmake.views.picture import STATUSES, Node, Picture, Status, counts_text, files_text

_LABEL_WIDTH = 48
_MARKUP = re.compile(r'["#<>&`\\$%]|:(?! )')
"""Strings, entities, HTML, Markdown, formulas (`$$`), directives (`%%`), icons (`fa:fa-name`)."""
_SHAPES = {"task": ("[", "]"), "group": ("([", "])"), "foreach": ("[[", "]]"), "file": (">", "]")}
_CLASSES: dict[Status, str] = {
    "fresh": "fill:#e6f4ea,stroke:#3c7a4e,color:#111",
    "stale": "fill:#fde9b8,stroke:#8a5a00,stroke-width:3px,color:#111",
    "waiting": "fill:#f1f3f5,stroke:#5f6b76,stroke-dasharray:4 3,color:#111",
    "running": "fill:#cfe2ff,stroke:#0b4fb3,stroke-width:4px,color:#111",
    "queued": "fill:#cfe2ff,stroke:#0b4fb3,stroke-dasharray:4 3,color:#111",
    "failed": "fill:#f3b4ae,stroke:#8f1d14,stroke-width:3px,stroke-dasharray:1 2,color:#111",
}
_MISSING = "fill:#fff,stroke:#8f1d14,stroke-width:2px,stroke-dasharray:4 3,color:#8f1d14"


def source(picture: Picture, direction: str = "LR") -> str:
    """The text of a flowchart."""
    return "\n".join(_lines(picture, direction)) + "\n"


def _lines(picture: Picture, direction: str) -> Iterator[str]:
    if picture.title:
        yield from ("---", f"title: {_in_yaml(picture.title)}", "---")
    yield f"flowchart {direction}"
    ids = {node.key: f"n{number}" for number, node in enumerate(picture.nodes)}
    yield from _nodes(picture, ids)
    for edge in picture.edges:
        yield f"    {ids[edge.tail]} {'-.->' if edge.kind == 'order' else '-->'} {ids[edge.head]}"
    for node in picture.nodes:
        if node.link:
            yield f"    click {ids[node.key]} href {_quoted(node.link)}"
    for status in STATUSES:
        having = [ids[node.key] for node in picture.nodes if node.kind != "file" and node.status == status]
        if having and status in _CLASSES:
            yield f"    classDef {status} {_CLASSES[status]}"
            yield f"    class {','.join(having)} {status}"
    if missing := [ids[node.key] for node in picture.nodes if node.missing]:
        yield f"    classDef missing {_MISSING}"
        yield f"    class {','.join(missing)} missing"


def _nodes(picture: Picture, ids: dict[tuple[bool, str], str]) -> Iterator[str]:
    clusters: dict[str, list[Node]] = {}
    for node in picture.nodes:
        clusters.setdefault(node.cluster, []).append(node)
    for number, (cluster, nodes) in enumerate(clusters.items()):
        indent = "        " if cluster else "    "
        if cluster:
            yield f"    subgraph c{number}[{_quoted(cluster)}]"
        for node in nodes:
            left, right = _SHAPES[node.kind]
            yield f"{indent}{ids[node.key]}{left}{_label(node)}{right}"
        if cluster:
            yield "    end"


def _label(node: Node) -> str:
    name = cut_middle(safe_line(node.name), _LABEL_WIDTH)
    if node.kind == "foreach":
        name += f" ({counts_text(node)})"
    elif node.kind == "file" and (files := files_text(node)):
        name += f" ({files})"
    return _quoted(f"{name}: {node.status}" if node.kind != "file" and node.status != "unknown" else name)


def _quoted(text: str) -> str:
    """In quotes, with every character that Mermaid or HTML would read as markup as a numbered entity."""
    return '"' + _MARKUP.sub(lambda found: f"#{ord(found[0])};", safe_line(text)) + '"'


def _in_yaml(text: str) -> str:
    """In quotes, with no `%` that could begin a directive: these are looked for before anything else."""
    return json.dumps(safe_line(text)).replace("%", "\\u0025")
