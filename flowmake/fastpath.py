"""This very command found nothing to do, and nothing it looked at has changed: the answer without any judging.

Standard library only. Finds the state folder and asks the snapshot there; everything else is the normal path's.
"""

from __future__ import annotations

import os
from time import time

from flowmake import __version__
from flowmake.world import snapshot
from flowmake.world.snapshot import Found

FLOWFILE = "Flowfile"
STATE = ".flowmake"


def run(argv: list[str]) -> int | Found | None:
    """The exit code, if a snapshot answers the command; what differs from one that would; None if there is none."""
    found = _find(argv) if argv[:1] == ["run"] else None
    if found is None or found.answer is None:
        return found
    try:
        os.write(2, found.answer.encode())  # unbuffered: what cannot be written must not come up again at exit
    except OSError:  # a full disk, a reader that has gone: the normal path knows how to go on then
        return None
    return 0


def listing() -> str | None:
    """What a run has kept of the flow around the current folder, if all that it read for it is as it was."""
    found = _find([])
    return None if found is None else found.answer


def flowfile() -> str | None:
    """The path of the Flowfile around the current folder, if there is one."""
    try:
        found = _flowfile([], os.getcwd())
    except FileNotFoundError:
        return None
    return None if found is None else os.path.join(*found)


def _find(argv: list[str]) -> Found | None:
    """The snapshot of a run with these arguments; without any, that of what is told about the flow."""
    if "FLOWMAKE_STATE_DIR" in os.environ:
        return None
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        return None
    flowfile = _flowfile(argv, folder)
    if flowfile is None:
        return None
    root, name = flowfile
    key = question(argv, folder) if argv else flow_question(root)
    state = snapshot.own_folder(os.path.join(root, STATE), name)
    path = snapshot.path_for(state, key) if argv else snapshot.listing_path(state)
    return snapshot.find(path, key, os.environ, time())


def question(argv: list[str], folder: str) -> bytes:
    """The key of this command line, called from this folder, in this environment."""
    return snapshot.key_of(argv, folder, os.environ, __version__)


def flow_question(root: str) -> bytes:
    """The key of what is told about the flow in a root, in this environment, from wherever it is asked."""
    return question([], root)


def _flowfile(argv: list[str], folder: str) -> tuple[str, str] | None:
    """Folder and name of the Flowfile that the arguments mean, searched upwards where they name none."""
    for index, option in enumerate(argv[:-1]):
        value = argv[index + 1]
        if option == "-C":
            folder = os.path.join(folder, value)
        elif option in ("-f", "--file"):
            path = os.path.join(folder, value)
            return (path, FLOWFILE) if os.path.isdir(path) else os.path.split(path)
    while not os.path.isfile(os.path.join(folder, FLOWFILE)):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder, FLOWFILE
