"""Large flows: the page stays small on disk, and what the browser holds stays small however many tasks there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from flowmake.views.picture import Edge, Node, Picture
from flowmake.views.report import render
from flowmake.views.report.layout import lay_out
from flowmake.views.report.page import Page, RunPage, TaskPage
from flowmake.views.timeline import Span, in_lanes

TASKS, WIDTH = 5_000, 250
MOST_ELEMENTS = 5_000
"""Fewer than one for each task, whatever is done on the page."""


def _upstream(index: int) -> tuple[int, ...]:
    return (index - WIDTH, index - index % WIDTH - WIDTH) if index >= WIDTH else ()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow of twenty layers, with every task run in one of eight lanes, one of them failed."""
    names = [f"task-{index}" for index in range(TASKS)]
    nodes = tuple(Node(name, "task", (name,)) for name in names)
    edges = tuple(Edge((False, names[u]), (False, names[i])) for i in range(TASKS) for u in set(_upstream(i)))
    tasks = tuple(
        TaskPage(
            name=name,
            status="failed" if index == 777 else "succeeded",
            command=f"make {name}",
            seconds=1 + index % 7,
            attempt=1,
            upstream=_upstream(index),
        )
        for index, name in enumerate(names)
    )
    spans = in_lanes(Span(t.name, 1, i // 8 * 7.0, i // 8 * 7.0 + 1 + i % 7, t.status) for i, t in enumerate(tasks))
    page = Page(
        title="large",
        description="",
        version="0",
        made="",
        run=RunPage("r1", "failed", "", 4400.0, jobs=8),
        tasks=tasks,
        files=(),
        drawings=(lay_out(Picture(nodes, edges)),),
        spans=tuple(spans),
    )
    path = tmp_path_factory.mktemp("large") / "report.html"
    path.write_text(render(page))
    return path


@pytest.fixture
def view(large: Path, look: Callable[..., Any]) -> Any:
    return look(large)


def _elements(view: Any) -> int:
    return int(view.script("return document.querySelectorAll('*').length"))


def test_it_opens_where_it_matters(view: Any) -> None:
    assert view.find('.node[aria-label^="task-777: failed"]').is_displayed()
    assert len(view.all("#table tbody tr")) == 100
    assert _elements(view) < MOST_ELEMENTS


def test_as_a_whole_it_is_a_few_shapes(view: Any) -> None:
    view.click("#graph-fit")
    view.frame()
    assert len(view.all("#drawing .blocks")) == 2
    assert len(view.all(".node")) == 1
    assert _elements(view) < MOST_ELEMENTS


def test_a_shape_can_be_clicked_where_a_task_is(view: Any) -> None:
    view.click("#graph-fit")
    view.frame()
    view.script(
        """
        const {left, top} = document.querySelector('#drawing').getBoundingClientRect();
        const shape = document.querySelector('#drawing .blocks.st-failed').getBoundingClientRect();
        const [clientX, clientY] = [shape.x + shape.width / 2, shape.y + shape.height / 2];
        document.elementFromPoint(clientX, clientY)
          .dispatchEvent(new MouseEvent('click', {clientX, clientY, bubbles: true}));
        """
    )
    assert view.find("#details h2").text == "task-777"


def test_every_task_is_found_and_shown(view: Any) -> None:
    view.search("task-4321")
    assert view.texts("#table td button") == ["task-4321"]
    view.click("#table td button")
    view.frame()
    assert view.find(".node.selected").get_attribute("aria-label") == "task-4321: succeeded, 3.0s"
    assert view.texts("#details li button") == ["task-4071", "task-4000", "task-4571"]
    assert len(view.all(".spans .selected")) == 1
    assert _elements(view) < MOST_ELEMENTS


def test_sorting_takes_all_and_shows_some(view: Any) -> None:
    heads = view.find("thead").find_elements(By.TAG_NAME, "button")
    heads[1].click()
    heads[1].click()
    assert view.texts("#table td button")[:2] == ["task-4999", "task-4998"]
    assert view.find("#more").text == "Show 400 more of 4900"
    view.click("#more")
    assert len(view.all("#table tbody tr")) == 500
    assert _elements(view) < 2 * MOST_ELEMENTS


def test_walking_stays_in_view(view: Any) -> None:
    view.script("document.querySelector('.node[tabindex=\"0\"]').focus()")
    for _ in range(3):
        view.script(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))"
        )
        view.frame()
    shown = view.script(
        "const [a, b] = ['#drawing', '.node:focus'].map((s) => document.querySelector(s).getBoundingClientRect());"
        "return a.left <= b.left && b.right <= a.right && a.top <= b.top && b.bottom <= a.bottom"
    )
    assert shown


def test_a_thousand_tasks_fit_into_two_megabytes(project: Any) -> None:
    """With commands, files and logs that are not short, each."""
    project.flowfile(
        """
        [tasks.first]
        outputs = ["first.txt"]
        run = "touch first.txt"

        [tasks.work]
        foreach = { n = { range = [0, 1000] } }
        inputs = ["first.txt", "in.txt"]
        outputs = ["out/a-rather-long-name-of-a-file-{{ n }}.txt"]
        run = '''
        # A comment of some length, as people write them, about what this command does and why it does it.
        for i in 1 2 3 4 5 6 7 8 9; do echo "task {{ n }} says line $i of a log that is longer than anybody reads"; done
        echo {{ n }} > {{ outputs }}
        '''
        """
    )
    project.write("in.txt", "x")
    assert project.run("run", "-q", "--force").code == 0
    assert project.run("report").code == 0
    page = project.read("report.html")
    assert 500_000 < len(page.encode()) < 2_000_000
    assert page.count("of a log that is longer than anybody reads") > 1000
