"""Which git commit is checked out around a folder. Unaware of what that is noted down for."""

from __future__ import annotations

import os
from contextlib import suppress


def commit_at(folder: str) -> str:
    """The commit, asked of git only where there is a checkout; empty where there is none, or no git."""
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return ""
        folder = parent
    return _said(["git", "-C", folder, "rev-parse", "--quiet", "--verify", "HEAD"])


def _said(argv: list[str]) -> str:
    """What a program prints, without blanks around it. To load `subprocess` would take twice as long as git does."""
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8", errors="replace") as answer:
        quiet = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
        try:
            child = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1), quiet])
        except OSError:  # there is no such program
            return ""
        finally:
            os.close(writing)
        said = answer.read().strip()
    with suppress(ChildProcessError):  # gone without a trace, where nobody wants to hear of children
        os.waitpid(child, 0)
    return said
