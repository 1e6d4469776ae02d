"""One page of HTML about a run that needs nothing besides itself. Knows the page's data, not where it comes from."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from flowmake.core.text import counted
from flowmake.core.text import duration as in_words
from flowmake.views.report.page import Page

_HERE = files(__name__)
_SCRIPTS = ("data.js", "viewport.js", "graph.js", "timeline.js", "table.js", "details.js", "main.js")
"""In this order; together they are one module."""


def render(page: Page) -> str:
    """The report as HTML. All text in it is escaped, and only its own script may run in it."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"duration": duration, "words": lambda status: status.replace("_", " ")}
    environment.globals |= {"counted": counted}
    script = "".join(_text(name) for name in _SCRIPTS)
    style = _text("page.css")
    html = environment.from_string(_text("page.html.jinja")).render(
        page=page,
        data=_json(page),
        script=script,
        style=style,
        script_hash=_hash(script),
        style_hash=_hash(style),
    )
    return html.encode("utf-8", "replace").decode("utf-8")


def duration(seconds: float) -> str:
    """As on the command line, but for what is too short to be told from nothing there: `28ms`."""
    return f"{max(seconds, 0.0) * 1000:.0f}ms" if seconds < 0.0995 else in_words(seconds)


def _text(name: str) -> str:
    return _HERE.joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a Content Security Policy knows a script or a style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(page: Page) -> str:
    """Data for a `script` element, which no text in it can end or turn into a comment."""
    from msgspec import to_builtins

    shown: Any = {name: getattr(page, name) for name in ("tasks", "files", "drawings", "spans", "critical")}
    shown["run"] = {"id": page.run.id, "seconds": page.run.seconds}
    text = json.dumps(to_builtins(shown), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
