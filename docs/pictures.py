"""Draws the pictures in docs/images: run it after changing examples/quickstart or how graphs are drawn.

python docs/pictures.py        # needs flowmake and what examples/quickstart/requirements.txt names, Graphviz, Chromium
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "examples" / "quickstart"
IMAGES = DOCS / "images"
GRAPHS: dict[str, tuple[str, ...]] = {
    "quickstart.svg": (),
    "clusters.svg": ("--cluster", "tag"),
    "part.svg": ("records", "--up", "1", "--down", "1", "--files"),
}
SHOWN = "#task=chart@wind"
BROWSER = (
    "chromium",
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1500,1060",
)


def draw(folder: Path, images: Path) -> None:
    """The graph of the example where it was run and one of its inputs edited since, and the report of the next run."""
    made = (folder / "report.html").as_uri() + SHOWN
    project = shutil.copytree(EXAMPLE, folder / "quickstart", ignore=shutil.ignore_patterns(".flowmake"))
    commands: tuple[tuple[str, ...], ...] = (
        ("flowmake", "run", "-q"),
        ("./edit-one-input",),
        *(("flowmake", "graph", *options, "-o", str(images / name)) for name, options in GRAPHS.items()),
        ("flowmake", "run", "-q"),
        ("flowmake", "report", "-o", str(folder / "report.html")),
        (*BROWSER, f"--user-data-dir={folder / 'browser'}", f"--screenshot={images / 'report.png'}", made),
    )
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in commands:
        subprocess.run(command, cwd=project, env=environ, check=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        draw(Path(scratch), IMAGES)


if __name__ == "__main__":
    main()
