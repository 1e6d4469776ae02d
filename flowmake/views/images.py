"""DOT text as images, drawn by the `dot` of Graphviz or what replaces it. Unaware of what the text says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from flowmake.core.errors import FlowmakeError, MissingTool, StateError, UsageError
from flowmake.core.text import safe_line, safe_text
from flowmake.world.replacing import replace_file

IMAGES = ("svg", "png", "pdf")
TEXTS = ("dot", "gv")
_SHRUNK = b"too large for"
"""What Graphviz says then."""
FALLBACK = "graphviz-pure"
"""A program from PyPI that takes the arguments of `dot`; it cannot write PDF."""


def write(text: str, path: str) -> bool:
    """Draw DOT `text` into a file, the format chosen by its ending; never half of one.

    False if it came out smaller than it was to be, as the format bounds its size.

    Raises `UsageError` for an unknown ending, `MissingTool` where no program can draw it, `StateError`.
    """
    ending = os.path.splitext(path)[1].lower().lstrip(".")
    if ending not in (*IMAGES, *TEXTS):
        raise UsageError(
            f"cannot draw `{safe_line(path)}`: the format `{ending}` is not known"
            if ending
            else f"cannot draw `{safe_line(path)}`: it has no ending to tell the format by",
            "known endings are `.svg`, `.png`, `.pdf`, `.dot` and `.gv`",
        )
    if ending in TEXTS:
        save(path, text.encode())
        return True
    done = _drawn(text, ending)
    save(path, done.stdout)
    return _SHRUNK not in done.stderr


def save(path: str, data: bytes) -> None:
    """Write a whole file. Raises `StateError`."""
    try:
        replace_file(path, data)
    except OSError as error:
        raise StateError(f"cannot write `{safe_line(path)}`: {error.strerror}") from error


def image(text: str, form: str) -> bytes:
    """DOT `text` drawn as `svg`, `png` or `pdf`. Raises `MissingTool`, or `FlowmakeError` if the program fails."""
    return _drawn(text, form).stdout


def _drawn(text: str, form: str) -> subprocess.CompletedProcess[bytes]:
    program = find_program(form)
    try:
        done = subprocess.run([program, f"-T{form}"], input=text.encode(), capture_output=True, check=False)
    except OSError as error:
        raise MissingTool(f"cannot start `{program}`: {error.strerror}", _install_hint(form)) from error
    if done.returncode or not done.stdout:
        said = safe_text(done.stderr).strip() or f"exit code {done.returncode}"
        raise FlowmakeError(f"`{os.path.basename(program)}` could not draw the graph: {said}")
    return done


def find_program(form: str) -> str:
    """The program to draw with: `dot`, else `graphviz-pure` where it knows the format. Raises `MissingTool`."""
    found = _which("dot") or (None if form == "pdf" else _which(FALLBACK))
    if found is None:
        message = f"drawing `{form}` needs the program `dot` of Graphviz, which is not installed"
        raise MissingTool(message, _install_hint(form))
    return found


def _which(name: str) -> str | None:
    """A program on the path, or beside this Python, whose environment may not be activated."""
    return shutil.which(name) or shutil.which(name, path=os.path.dirname(sys.executable))


def _install_hint(form: str) -> str:
    if form == "pdf":
        drawn = f"`-o FILE.svg` and `.png` work with the `{FALLBACK}` that is installed, " if _which(FALLBACK) else ""
        return f"`apt install graphviz` brings it; {drawn}`-o FILE.dot` and `--format mermaid|text|json` without either"
    return (
        f"`apt install graphviz` brings it, or `pip install {FALLBACK}` a replacement; "
        "`-o FILE.dot` and `--format mermaid|text|json` work without either"
    )
