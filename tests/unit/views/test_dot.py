from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.core.errors import FlowmakeError, MissingTool, StateError, UsageError
from flowmake.views import dot
from flowmake.views.picture import Edge, Known, Node, Options, Picture, draw

SVG = "{http://www.w3.org/2000/svg}"
Snapshot = Callable[[str, str], None]


def drawn_texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("collapsed", Options(title="weather")),
        ("expanded", Options(expand=True)),
        ("files", Options(files=True)),
        ("clusters", Options(cluster="tag")),
    ],
)
def test_whole_dot_texts(
    graph: Any, order: list[str], known: Known, snapshot: Snapshot, name: str, options: Options
) -> None:
    snapshot(f"{name}.dot", dot.source(draw(graph, order, known, options)))


def test_without_statuses_there_is_no_legend(graph: Any) -> None:
    text = dot.source(draw(graph, ["fetch", "clean"]), rankdir="TB")
    assert "legend" not in text
    assert "rankdir=TB" in text


HOSTILE = [
    'quo"te',
    "back\\slash",
    "ends in \\",
    "<b>html</b>",
    "&lt;entity&amp;",
    "colon:port",
    "new\nline",
    "\\N \\G \\l",
    "per%cent {brace} | [x]",
    "umläut ✓",
    "node 1",
    "graph",
]


def expected_text(name: str) -> str:
    return name.replace("\n", "\\n")


def hostile_picture(names: list[str]) -> Picture:
    nodes = tuple(Node(n, "task", (n,), "stale", {"stale": 1}, command=n, description=n, cluster=n) for n in names)
    edges = tuple(Edge(a.key, b.key) for a, b in itertools.pairwise(nodes))
    return Picture(nodes, edges, names[0])


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_drawn_as_it_is(name: str) -> None:
    svg = dot.image(dot.source(hostile_picture([name, "plain"])), "svg")
    assert drawn_texts(svg).count(expected_text(name)) == 3
    assert len(list(ET.fromstring(svg).iter(f"{SVG}g"))) > 3


def test_hostile_names_together_keep_their_edges() -> None:
    svg = dot.image(dot.source(hostile_picture(HOSTILE)), "svg")
    edges = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("class") == "edge"]
    assert len(edges) >= len(HOSTILE) - 1


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20))
def test_no_name_breaks_the_syntax(name: str) -> None:
    text = dot.source(hostile_picture([name, "plain"]))
    done = subprocess.run(["dot", "-Tcanon"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_tooltips_tell_status_description_and_command(graph: Any) -> None:
    known = Known({"fetch": "stale"}, {"fetch": "curl -o raw.csv"})
    svg = dot.image(dot.source(draw(graph, ["fetch"], known)), "svg").decode()
    assert "fetch: stale&#10;get the data&#10;curl &#45;o raw.csv" in svg


def test_long_names_are_cut_in_the_middle() -> None:
    picture = Picture((Node("begin-" + "x" * 100 + "-end", "task"),), ())
    texts = drawn_texts(dot.image(dot.source(picture), "svg"))
    assert texts == ["begin-" + "x" * 18 + "…" + "x" * 19 + "-end"]


def test_bigger_graphs_settle_for_a_quick_layout() -> None:
    nodes = tuple(Node(f"t{n}", "task") for n in range(2_100))
    edges = tuple(Edge(nodes[n // 2].key, nodes[n].key) for n in range(1, 2_100))
    assert "splines=line" in dot.source(Picture(nodes, edges))
    assert "splines=line" not in dot.source(Picture(nodes, edges[:2_000]))


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        ("svg", b"<?xml"),
        ("png", b"\x89PNG"),
        ("pdf", b"%PDF"),
        ("dot", b"digraph"),
        ("gv", b"digraph"),
        ("SVG", b"<?xml"),
    ],
)
def test_the_ending_chooses_the_format(tmp_path: Path, ending: str, start: bytes) -> None:
    path = tmp_path / f"graph.{ending}"
    dot.write("digraph { a -> b }", str(path))
    assert path.read_bytes().startswith(start)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("graph.bmp", "cannot draw `graph.bmp`: the format `bmp` is not known"),
        ("graph", "cannot draw `graph`: it has no ending to tell the format by"),
    ],
)
def test_unknown_endings_are_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        dot.write("digraph {}", name)
    assert (caught.value.message, caught.value.exit_code) == (message, 2)
    assert caught.value.hint == "known endings are `.svg`, `.png`, `.pdf`, `.dot` and `.gv`"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = f"{tmp_path}/missing/graph.dot"
    with pytest.raises(StateError) as caught:
        dot.write("digraph {}", path)
    assert caught.value.message == f"cannot write `{path}`: No such file or directory"


def test_what_graphviz_complains_about_is_passed_on() -> None:
    with pytest.raises(FlowmakeError) as caught:
        dot.image("not dot at all", "svg")
    assert caught.value.message.startswith("`dot` could not draw the graph: ")
    assert "syntax error in line 1" in caught.value.message


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Leave only these programs to be found, wherever they really are."""

    def leave(*names: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in names:
            real = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
            assert real is not None, f"{name} is needed for this test"
            (folder / name).symlink_to(real)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setattr(sys, "executable", str(folder / "python"))

    return leave


def test_without_dot_the_error_says_what_to_install(only: Callable[..., None]) -> None:
    only()
    with pytest.raises(MissingTool) as caught:
        dot.image("digraph {}", "svg")
    assert caught.value.message == "drawing `svg` needs the program `dot` of Graphviz, which is not installed"
    assert caught.value.hint == (
        "`apt install graphviz` brings it, or `pip install graphviz-pure` a replacement; "
        "`-o FILE.dot` and `--format mermaid|text|json` work without either"
    )


def test_without_dot_pdf_needs_graphviz_itself(only: Callable[..., None]) -> None:
    only()
    with pytest.raises(MissingTool) as caught:
        dot.image("digraph {}", "pdf")
    assert caught.value.hint == (
        "`apt install graphviz` brings it; `-o FILE.dot` and `--format mermaid|text|json` without either"
    )


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_replacement_from_pypi_draws_our_graphs(
    only: Callable[..., None], graph: Any, order: list[str], known: Known, form: str
) -> None:
    only("graphviz-pure")
    image = dot.image(dot.source(draw(graph, order, known, Options(files=True, cluster="tag"))), form)
    assert image.startswith(b"<?xml" if form == "svg" else b"\x89PNG")


def test_the_replacement_cannot_do_everything(only: Callable[..., None]) -> None:
    only("graphviz-pure")
    with pytest.raises(MissingTool) as caught:
        dot.image("digraph {}", "pdf")
    assert caught.value.hint == (
        "`apt install graphviz` brings it; `-o FILE.svg` and `.png` work with the `graphviz-pure` that is installed, "
        "`-o FILE.dot` and `--format mermaid|text|json` without either"
    )


def test_dot_is_preferred(only: Callable[..., None], tmp_path: Path) -> None:
    only("dot", "graphviz-pure")
    assert dot.find_program("svg") == str(tmp_path / "bin" / "dot")


def test_text_formats_need_no_program(only: Callable[..., None], tmp_path: Path) -> None:
    only()
    dot.write("digraph {}", str(tmp_path / "graph.dot"))
    assert (tmp_path / "graph.dot").read_text() == "digraph {}"


def test_a_dot_that_cannot_start_is_named(only: Callable[..., None], tmp_path: Path) -> None:
    only()
    broken = tmp_path / "bin" / "dot"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(MissingTool) as caught:
        dot.image("digraph {}", "svg")
    assert caught.value.message == f"cannot start `{broken}`: No such file or directory"
