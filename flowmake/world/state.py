"""Where state is kept: the folder, its creation, and the names of what lies in it. Reads none of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress

from xxhash import xxh3_64_hexdigest

from flowmake.core.errors import StateError
from flowmake.core.expressions import expression
from flowmake.world.snapshot import own_folder

FOLDER = ".flowmake"
DEFAULT = "Flowfile"
VARIABLE = "FLOWMAKE_STATE_DIR"

_LONGEST = 200
"""Bytes of a log's name: file systems allow 255, and tools like to append to them."""

_BLOCK = 512
"""Bytes in a block as `stat` counts them."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,@=+-")
_ALL_PLAIN = expression(r"[a-zA-Z0-9_.,@=+-]*")

_CACHE_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder holds the state of flowmake; deleting it only makes everything stale.\n"
    "# For information about cache folder tags see https://bford.info/cachedir/\n"
)


class StateDir:
    """Where the state of one Flowfile is kept; nothing is created before `create`.

    `top` is the state folder of the root, which all Flowfiles in it share, with the lock. `path` holds what is
    recorded for this Flowfile alone: `top` itself, or a folder inside it for a Flowfile of another name.
    """

    def __init__(self, top: str, flowfile: str = DEFAULT) -> None:
        self.top = top
        self.path = own_folder(top, flowfile)
        self.database = os.path.join(self.path, "state.db")
        self.lock = os.path.join(top, "lock")
        self.runs = os.path.join(self.path, "runs")

    def create(self) -> None:
        """Make the folders, with the files that keep them out of git and out of backups. Raises `StateError`."""
        try:
            os.makedirs(self.path, exist_ok=True)
            for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _CACHE_TAG)):
                _complete(os.path.join(self.top, name), text)
        except OSError as error:
            hint = f"set {VARIABLE} to a folder that can be written to"
            raise StateError(
                f"cannot write to the state folder `{self.path}`: {error.strerror or error}", hint
            ) from error

    def run_folder(self, run: str) -> str:
        """What belongs to one run."""
        return f"{self.runs}/{run}"

    def events(self, run: str) -> str:
        """The events of one run, as JSON Lines."""
        return os.path.join(self.runs, run, "events.jsonl")

    def logs(self, run: str) -> str:
        """The folder of the logs of one run."""
        return f"{self.run_folder(run)}/logs"

    def log(self, run: str, task: str) -> str:
        """The log of one task in one run."""
        return f"{self.logs(run)}/{log_name(task)}"

    def create_run(self, run: str) -> None:
        """Make the folders for events and logs of a run. Raises `StateError`."""
        try:
            os.makedirs(os.path.join(self.runs, run, "logs"), exist_ok=True)
        except OSError as error:
            raise StateError(f"cannot make `{self.run_folder(run)}`: {error.strerror or error}") from error

    def size_of(self, run: str) -> int:
        """Bytes of the events and logs of a run, as far as they can be seen; what holes leave out does not count."""
        total = 0
        for folder in (self.run_folder(run), self.logs(run)):
            with suppress(OSError), os.scandir(folder) as entries:
                total += sum(entry.stat().st_blocks * _BLOCK for entry in entries if entry.is_file())
        return total

    def remove_runs(self, runs: list[str]) -> None:
        """Remove what belongs to these runs; what resists is left."""
        if runs:
            import shutil
        for run in runs:
            shutil.rmtree(self.run_folder(run), ignore_errors=True)


def locate(root: str, environ: Mapping[str, str], flowfile: str = DEFAULT) -> StateDir:
    """The state of a Flowfile in `root` (absolute): inside it, or below `FLOWMAKE_STATE_DIR` under a name of its own.

    A relative `FLOWMAKE_STATE_DIR` is relative to the root, so that it does not depend on where flowmake was called.
    """
    moved = environ.get(VARIABLE, "")
    if not moved:
        return StateDir(os.path.join(root, FOLDER), flowfile)
    real = os.path.realpath(root)
    name = _quoted(os.path.basename(real))[:_LONGEST]
    place = os.path.join(root, os.path.expanduser(moved), f"{name}-{xxh3_64_hexdigest(os.fsencode(real))}")
    return StateDir(os.path.normpath(place), flowfile)


def log_name(task: str, folds_case: bool = sys.platform == "darwin") -> str:
    """A file name for the log of a task: different for different tasks, readable, and never too long.

    `folds_case`: the file system takes `A` and `a` for the same name.
    """
    name = _quoted(task)
    if len(name) <= _LONGEST and not (folds_case and name != name.lower()):
        return name + ".log"
    return f"{name[: _LONGEST - 17]}~{xxh3_64_hexdigest(task.encode('utf-8', 'surrogateescape'))}.log"


def _complete(path: str, text: str) -> None:
    """Write a file, or what a crash kept from being written of it; what somebody made of it since is left."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            found = stream.read(len(text) + 1)
    except FileNotFoundError:
        found = ""
    if found != text and text.startswith(found):
        with open(path, "w", encoding="ascii") as stream:
            stream.write(text)


def _quoted(text: str) -> str:
    """Percent-encoded where a character could mean something to a file system or a shell."""
    if _ALL_PLAIN.fullmatch(text):
        return text
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in text.encode("utf-8", "surrogateescape"))
