"""The page as text: escaped, whole, and guarded against anything but its own script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from flowmake.views.report import duration, render
from flowmake.views.report.page import Comparison, Page, RunPage, TaskPage

HOSTILE = "</script><script>alert(1)</script><!-- ]]> \u2028 & \" ' {{ 7*7 }} \udcff"


def page(**more: Any) -> Page:
    fields: dict[str, Any] = {
        "title": "t",
        "description": "",
        "version": "1",
        "made": "today",
        "run": RunPage("r2", "failed", "now", 1.0),
        "tasks": (),
        "files": (),
        "drawings": (),
        "spans": (),
    }
    return Page(**(fields | more))


class Elements(HTMLParser):
    """The tags of a page in order, with the text of its scripts and styles, as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.inside: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("script", "style", "title") and data.strip():
            self.inside.setdefault(self.tags[-1], []).append(data)


def test_hostile_text_adds_no_element() -> None:
    task = TaskPage(HOSTILE, "failed", log=HOSTILE, command=HOSTILE, ended=HOSTILE, reasons=((("old", HOSTILE),),))
    run = RunPage(HOSTILE, "failed", HOSTILE, 1.0, targets=(HOSTILE,), argv=HOSTILE, notices=(HOSTILE,), who=HOSTILE)
    tame = page(
        tasks=(TaskPage("x", "failed", log="x"),),
        run=RunPage("x", "failed", "x", 1.0, argv="x", who="x", notices=("x",)),
        description="x",
        comparison=Comparison(RunPage("x", "failed", "x", 1.0), broken=((0, "x"),)),
    )
    wild = page(
        title=HOSTILE,
        description=HOSTILE,
        tasks=(task,),
        files=((HOSTILE, HOSTILE),),
        run=run,
        comparison=Comparison(run, broken=((0, HOSTILE),)),
    )
    assert Elements(render(wild)).tags == Elements(render(tame)).tags
    assert "alert(1)</script>" not in render(wild)


def test_the_data_comes_back_as_it_was() -> None:
    text = HOSTILE.replace("\udcff", "")
    found = Elements(render(page(tasks=(TaskPage(text, log=text),))))
    assert json.loads(found.inside["script"][0])["tasks"] == [{"name": text, "log": text}]


def test_the_policy_names_exactly_this_script_and_this_style() -> None:
    text = render(page())
    found = Elements(text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1] == (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"script-src '{_hash(found.inside['script'][1])}'; style-src '{_hash(found.inside['style'][0])}'; img-src data:"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "0ms"), (0.0284, "28ms"), (0.0996, "0.1s"), (1.0, "1.0s"), (65, "1m 05s")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
