"""Where a task may make files: inside the root, unless the Flowfile names a place outside. Looks at names only."""

from __future__ import annotations

from flowmake.core import templates
from flowmake.core.model import Declaration, Output
from flowmake.core.patterns import normalise

STATE = ".flowmake/"


def objection(entry: Output, path: str, declared: Declaration, root: str) -> str:
    """Why an output (`entry` as written, `path` as settled) is not one that this declaration may have, or nothing.

    Names that come out of data (`../../etc/x` in a list, say) must not lead anywhere that nobody wrote down.
    """
    if path[:1] not in "./":
        return ""
    if _holds_root(path, root):
        return f"`{path}` is the root or a folder above it, which no task makes"
    if f"{path}/".startswith(STATE):
        return f"`{path}` belongs to flowmake itself"
    if not path.startswith(("/", "../")):
        return ""
    if entry.clean:
        return f"`{path}` lies outside the root, where nothing is emptied"
    if declared.include:
        return f"`{path}` lies outside the root, which only the main Flowfile may name"
    return "" if _is_meant(entry.path, declared) else f"`{path}` leads out of the root"


def _holds_root(path: str, root: str) -> bool:
    above = path if path.startswith("/") else normalise(f"{root}/{path}")
    return path in ("./", ".") or f"{root.rstrip('/')}/".startswith(above.rstrip("/") + "/")


def _is_meant(text: str, declared: Declaration) -> bool:
    """Does the text as written say that it is outside, or may a parameter of the flow's own say so?"""
    if not templates.has_template(text) or text.startswith(("/", "../")):
        return True
    keys = declared.foreach.keys if declared.foreach is not None else {}
    from_files = {name for name, source in keys.items() if source.values is None}
    return text.lstrip().startswith("{") and from_files.isdisjoint(templates.names(text))
