"""Where boxes go: with Graphviz, without it, and when there are too many for it."""

from __future__ import annotations

import pytest

from flowmake.views.picture import Edge, Node, Picture
from flowmake.views.report.layout import HEIGHT, Drawing, label, lay_out, width


def picture(edges: dict[str, str], names: str = "") -> Picture:
    """`{"ab": "c"}`: c waits for a and b."""
    pairs = [(tail, head) for tails, heads in edges.items() for tail in tails for head in heads]
    nodes = dict.fromkeys([*(name for pair in pairs for name in pair), *names])
    made = tuple(Node(name, "task", (name,)) for name in nodes)
    return Picture(made, tuple(Edge((False, tail), (False, head)) for tail, head in pairs))


def overlapping(drawing: Drawing) -> list[tuple[str, str]]:
    boxes = drawing.boxes
    return [
        (a.name, b.name)
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if abs(a.x - b.x) < (a.w + b.w) / 2 and abs(a.y - b.y) < HEIGHT
    ]


@pytest.fixture(params=["graphviz", "columns"])
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With what is there to lay out graphs, and with nothing."""
    if request.param == "columns":
        monkeypatch.setenv("PATH", "/nonexistent")
        monkeypatch.setattr("sys.executable", "/nonexistent/python")
    name: str = request.param
    return name


def test_what_comes_first_is_left_and_nothing_overlaps(program: str) -> None:
    drawing = lay_out(picture({"a": "bcd", "bc": "e", "e": "f"}, names="xyz"))
    assert drawing.by_graphviz == (program == "graphviz")
    places = {box.name: box for box in drawing.boxes}
    for line in drawing.lines:
        assert drawing.boxes[line.tail].x < drawing.boxes[line.head].x
    assert len({places[name].x for name in "bcd"}) == 1
    assert overlapping(drawing) == []


def test_lines_begin_and_end_at_their_boxes() -> None:
    drawing = lay_out(picture({"a": "bc", "bc": "d"}))
    assert drawing.by_graphviz
    for line in drawing.lines:
        assert len(line.points) % 6 == 2
        tail, head = drawing.boxes[line.tail], drawing.boxes[line.head]
        assert line.points[0] == pytest.approx(tail.x + tail.w / 2, abs=tail.w / 2)
        assert line.points[-2] == pytest.approx(head.x - head.w / 2, abs=14)
        assert line.points[1] == pytest.approx(tail.y, abs=HEIGHT)


def test_names_mean_nothing_to_graphviz(program: str) -> None:
    hostile = ['a"; evil [label="x"]', "b->c", "\\N", "é日本", "{<p>|}", ""]
    nodes = tuple(Node(name, "task", (name,)) for name in hostile)
    edges = tuple(Edge((False, hostile[0]), (False, name)) for name in hostile[1:])
    drawing = lay_out(Picture(nodes, edges))
    assert drawing.by_graphviz == (program == "graphviz")
    assert [box.name for box in drawing.boxes] == hostile
    assert len(drawing.lines) == 5


def test_an_empty_picture(program: str) -> None:
    assert lay_out(Picture((), ())).boxes == ()


def test_too_many_for_graphviz_stand_in_folded_columns() -> None:
    names = [f"n{number}" for number in range(1_500)]
    nodes = tuple(Node(name, "task", (name,)) for name in names)
    drawing = lay_out(Picture(nodes, tuple(Edge((False, names[0]), (False, name)) for name in names[1:])))
    assert not drawing.by_graphviz
    assert max(box.y for box in drawing.boxes) - min(box.y for box in drawing.boxes) < 40 * 2 * HEIGHT
    assert overlapping(drawing) == []


def test_collapsed_fan_outs_that_wait_for_each_other_are_no_obstacle(program: str) -> None:
    assert len(lay_out(picture({"a": "b", "b": "a"})).lines) == 2


def test_labels_are_cut_and_counted() -> None:
    fan = Node("work", "foreach", ("work@1", "work@2"))
    assert label(fan) == "work ×2"  # noqa: RUF001
    assert label(Node("later", "foreach", expandable=True)) == "later"
    long = label(Node("x" * 90, "task"))
    assert (len(long), long[18:21]) == (38, "x…x")
    assert width(Node("WWW", "task")) > width(Node("iii", "task"))
    assert width(Node("日本語", "task")) > width(Node("abc", "task"))
