"""What the doctor looks at, one function for each thing. Prints nothing, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

from flowmake.cli.documents import Finding
from flowmake.core.errors import FlowfileError, FlowmakeError
from flowmake.core.text import counted, safe_line

if TYPE_CHECKING:
    from click import Context

    from flowmake.build import Project

PROBE = 0.05
"""Seconds for which the steps of a file system's clock are watched."""
COARSE = 10_000_000
"""Nanoseconds; beyond, files written within one step of the clock are often hashed twice."""
RC_FILES = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/completions/flowmake.fish"}


def examine(ctx: Context) -> Iterator[Finding]:
    """Everything, the machine first."""
    yield _python()
    yield _cores()
    yield _encoding()
    yield _program("dot", ["-V"], "drawing svg, png and pdf", "`apt install graphviz`")
    yield _program("git", ["--version"], "recording the commit in the history", "`apt install git`")
    yield _completion()
    yield from _project(ctx)


def _python() -> Finding:
    from flowmake import __version__

    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", f"flowmake {__version__} on {sys.implementation.name} {version} at {sys.executable}")


def _cores() -> Finding:
    from flowmake import wiring

    usable, all_of_them = wiring.cores(), os.cpu_count() or 1
    limited = f", of {all_of_them} in the machine" if usable < all_of_them else ""
    return Finding("cores", "ok", f"{usable} may be used{limited}")


def _encoding() -> Finding:
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") == "utf8":
        return Finding("encoding", "ok", "file names are UTF-8")
    return Finding("encoding", "note", f"file names are {encoding}", "set `LC_ALL=C.UTF-8`")


def _program(name: str, version: list[str], use: str, install: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(name, "note", f"not found; it is needed for {use}", install)
    done = subprocess.run([path, *version], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    said = (done.stdout or done.stderr).strip().splitlines()
    return Finding(name, "ok", safe_line(said[0]) if said else path)


def _completion() -> Finding:
    shell = os.path.basename(os.environ.get("SHELL", ""))
    if shell not in RC_FILES:
        return Finding("completion", "note", "there is none for this shell", "bash, zsh and fish have it")
    path = os.path.join(os.path.expanduser("~"), RC_FILES[shell])
    if _mentions(path, "flowmake"):
        return Finding("completion", "ok", f"set up for {shell} in {path}")
    return Finding("completion", "note", f"not set up for {shell}", "`flowmake completion --help` tells how")


def _mentions(path: str, word: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return word in file.read()
    except OSError:
        return False


def _project(ctx: Context) -> Iterator[Finding]:
    from flowmake.cli.given import open_project

    try:
        project = open_project(ctx)
        count = sum(1 for task in project.graph().tasks.values() if not task.is_group)
    except FlowfileError as error:
        yield Finding("flowfile", "problem", counted(len(error.problems), "error"), "`flowmake check` shows them")
        return
    except FlowmakeError as error:
        yield Finding("flowfile", "note", error.message, error.hint)
        return
    yield Finding("flowfile", "ok", f"{os.path.join(project.flow.root, project.flow.file)}, {counted(count, 'task')}")
    yield _shell(project)
    yield _clock_steps(project.flow.root)
    yield _state(project)
    yield _lock(project)


def _shell(project: Project) -> Finding:
    shell = project.flow.shell[0]
    path = shutil.which(shell)
    if path is None:
        return Finding("shell", "problem", f"`{shell}` is not found", "install it, or set `[flow] shell`")
    return Finding("shell", "ok", path)


def _clock_steps(root: str) -> Finding:
    """How finely the file system of the root tells times apart."""
    try:
        step = _smallest_step(root)
    except OSError as error:
        return Finding(
            "root", "problem", f"cannot write to {root}: {error.strerror}", "outputs could not be made there"
        )
    text = f"file times move in steps of {step / 1e6:.3g} ms" if step else "file times did not move while watched"
    if 0 < step <= COARSE:
        return Finding("root", "ok", text)
    return Finding(
        "root", "note", text, "just written files are hashed once more at the next look; nothing else suffers"
    )


def _smallest_step(folder: str) -> int:
    """Nanoseconds between two different times of change, the smallest seen; 0 if there were no two."""
    with tempfile.TemporaryFile(dir=folder) as file:
        times = set()
        end = time.monotonic() + PROBE
        while time.monotonic() < end:
            file.write(b".")
            file.flush()
            times.add(os.fstat(file.fileno()).st_mtime_ns)
    ordered = sorted(times)
    return min((after - before for before, after in pairwise(ordered)), default=0)


def _state(project: Project) -> Finding:
    try:
        with closing(project.store) as store:
            known = len(store.traces())
    except FlowmakeError as error:
        return Finding("state", "problem", error.message, error.hint)
    if project.notices:
        return Finding("state", "note", project.notices.pop(), "the next task that runs begins a new one")
    return Finding("state", "ok", f"{counted(known, 'task')} recorded" if known else "nothing recorded yet")


def _lock(project: Project) -> Finding:
    if project.is_running():
        return Finding("lock", "note", "held: a flowmake is at work in this root")
    return Finding("lock", "ok", "free")
