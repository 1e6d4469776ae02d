"""Draws the pictures in docs/images: run it after changing examples/quickstart or how graphs are drawn.

python docs/pictures.py        # needs flowmake and what examples/quickstart/requirements.txt names, and Graphviz
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
PICTURE = DOCS / "images" / "quickstart.svg"


def draw(folder: Path, picture: Path) -> None:
    """The graph of the example in a folder where it was run and one of its inputs edited since."""
    flowmake = str(Path(sys.executable).with_name("flowmake"))
    environ = {**os.environ, "PATH": f"{Path(flowmake).parent}{os.pathsep}{os.environ['PATH']}"}
    project = shutil.copytree(EXAMPLE, folder / "quickstart", ignore=shutil.ignore_patterns(".flowmake"))
    for command in (["flowmake", "run", "-q"], ["./edit-one-input"], ["flowmake", "graph", "-o", str(picture)]):
        subprocess.run(command, cwd=project, env=environ, check=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        draw(Path(scratch), PICTURE)


if __name__ == "__main__":
    main()
