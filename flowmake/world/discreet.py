"""Running a program of the user's beside the tasks, whose output is passed on without secrets. Unaware of hooks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from tempfile import NamedTemporaryFile

from flowmake.world.logs import scrub


def run_discreetly(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], stdin: bytes, secrets: Sequence[bytes]
) -> int:
    """Run it to its end; its exit code, or the negative number of the signal. Raises `OSError`.

    What it prints goes to our stderr, since nobody has asked for it: at once, or, where there are secrets, when it has
    ended, for they may come in pieces.
    """
    if not secrets:
        return subprocess.run(argv, cwd=cwd, env=dict(env), input=stdin, stdout=2, check=False).returncode
    with NamedTemporaryFile(prefix="flowmake-") as said:
        done = subprocess.run(argv, cwd=cwd, env=dict(env), input=stdin, stdout=said, stderr=said, check=False)
        scrub(said.name, secrets)
        said.seek(0)
        with open(2, "wb", closefd=False) as stderr:
            shutil.copyfileobj(said, stderr)
    return done.returncode
