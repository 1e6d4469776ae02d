"""`python -m tests.upgrades`: keeps the state that the installed flowmake writes, to be opened by all later versions.

To be run at each release. A case for a version that has one already is left as it is.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import flowmake

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("flowmake")
STATE = ".flowmake"
KEPT_AS = "state"
"""Under its own name it would be left out by git, and so would what is in it by its `.gitignore`."""


def main() -> None:
    """Write the cases of this version. Raises `FileExistsError`."""
    case = HERE / flowmake.__version__
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "built"
        _set_up(built)
        _run(built, "run", "-q", "fails", code=1)
        _run(built, "run", "-q", code=0)
        killed = Path(folder) / "killed"
        _set_up(killed)
        _run(killed, "run", "-q", "-j1", "copy", "late", code=-signal.SIGKILL)
        for root in (built, killed):
            _keep(root, case / root.name)


def _set_up(root: Path) -> None:
    root.mkdir()
    shutil.copy(HERE / "Flowfile", root)
    (root / "in").write_text("input\n")
    (root / "header").write_text("header\n")


def _run(root: Path, *args: str, code: int) -> None:
    done = subprocess.run([COMMAND, *args], cwd=root, check=False)
    if done.returncode != code:
        raise SystemExit(f"flowmake {' '.join(args)} ended with {done.returncode}, not {code}")


def _keep(root: Path, case: Path) -> None:
    shutil.copytree(root, case, ignore=shutil.ignore_patterns(".gitignore", "*-shm", "lock.holder"))
    (case / STATE).rename(case / KEPT_AS)


if __name__ == "__main__":
    main()
