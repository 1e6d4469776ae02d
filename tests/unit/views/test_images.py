"""Drawing DOT text with the programs that are there, and what is said where they are not."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowmake.core.errors import FlowmakeError, MissingTool, StateError, UsageError
from flowmake.views import dot, images
from flowmake.views.composing import Known, Options, draw


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
    images.write("digraph { a -> b }", str(path))
    assert path.read_bytes().startswith(start)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_an_image_that_outgrows_its_format_is_told(tmp_path: Path) -> None:
    text = "digraph { rankdir=LR; node [width=9] " + " -> ".join(f"t{number}" for number in range(60)) + "}"
    assert not images.write(text, str(tmp_path / "graph.png"))
    assert images.write(text, str(tmp_path / "graph.svg"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("graph.bmp", "cannot draw `graph.bmp`: the format `bmp` is not known"),
        ("graph", "cannot draw `graph`: it has no ending to tell the format by"),
    ],
)
def test_unknown_endings_are_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        images.write("digraph {}", name)
    assert (caught.value.message, caught.value.exit_code) == (message, 2)
    assert caught.value.hint == "known endings are `.svg`, `.png`, `.pdf`, `.dot` and `.gv`"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = f"{tmp_path}/missing/graph.dot"
    with pytest.raises(StateError) as caught:
        images.write("digraph {}", path)
    assert caught.value.message == f"cannot write `{path}`: No such file or directory"


def test_what_graphviz_complains_about_is_passed_on() -> None:
    with pytest.raises(FlowmakeError) as caught:
        images.image("not dot at all", "svg")
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
        images.image("digraph {}", "svg")
    assert caught.value.message == "drawing `svg` needs the program `dot` of Graphviz, which is not installed"
    assert caught.value.hint == (
        "`apt install graphviz` brings it, or `pip install graphviz-pure` a replacement; "
        "`-o FILE.dot` and `--format mermaid|text|json` work without either"
    )


def test_without_dot_pdf_needs_graphviz_itself(only: Callable[..., None]) -> None:
    only()
    with pytest.raises(MissingTool) as caught:
        images.image("digraph {}", "pdf")
    assert caught.value.hint == (
        "`apt install graphviz` brings it; `-o FILE.dot` and `--format mermaid|text|json` without either"
    )


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_replacement_from_pypi_draws_our_graphs(
    only: Callable[..., None], graph: Any, order: list[str], known: Known, form: str
) -> None:
    only("graphviz-pure")
    image = images.image(dot.source(draw(graph, order, known, Options(files=True, cluster="tag"))), form)
    assert image.startswith(b"<?xml" if form == "svg" else b"\x89PNG")


def test_the_replacement_cannot_do_everything(only: Callable[..., None]) -> None:
    only("graphviz-pure")
    with pytest.raises(MissingTool) as caught:
        images.image("digraph {}", "pdf")
    assert caught.value.hint == (
        "`apt install graphviz` brings it; `-o FILE.svg` and `.png` work with the `graphviz-pure` that is installed, "
        "`-o FILE.dot` and `--format mermaid|text|json` without either"
    )


def test_dot_is_preferred(only: Callable[..., None], tmp_path: Path) -> None:
    only("dot", "graphviz-pure")
    assert images.find_program("svg") == str(tmp_path / "bin" / "dot")


def test_text_formats_need_no_program(only: Callable[..., None], tmp_path: Path) -> None:
    only()
    images.write("digraph {}", str(tmp_path / "graph.dot"))
    assert (tmp_path / "graph.dot").read_text() == "digraph {}"


def test_a_dot_that_cannot_start_is_named(only: Callable[..., None], tmp_path: Path) -> None:
    only()
    broken = tmp_path / "bin" / "dot"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(MissingTool) as caught:
        images.image("digraph {}", "svg")
    assert caught.value.message == f"cannot start `{broken}`: No such file or directory"
