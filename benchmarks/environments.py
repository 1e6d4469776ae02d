"""How what is compared gets onto the machine: Python environments, system packages, programs. Knows no tool."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_TELL = """\
import json, os, platform, sys, sysconfig
debian = sys.base_prefix == "/usr" and os.path.exists("/etc/debian_version")
print(json.dumps({
    "version": platform.python_version(),
    "implementation": platform.python_implementation(),
    "built": sysconfig.get_config_var("CONFIG_ARGS") or "",
    "debian": debian,
    "prefix": sys.base_prefix,
}))
"""

Told = dict[str, str | bool]
"""What a Python says of itself: version, configure arguments, whether it is Debian's, where it is."""


def python_asked_for() -> str:
    """The Python of all environments: that of the variable `PYTHON`, or the one that runs this."""
    return os.environ.get("PYTHON") or sys.executable


def told_by(python: str | Path) -> Told:
    """Raises `OSError` or `subprocess.CalledProcessError` if that is no Python."""
    told: Told = json.loads(_output(python, "-c", _TELL))
    return told


def install_python(environments: Path, name: str, packages: Sequence[str], *, again: bool = False) -> None:
    """Packages into an environment of that name, unless they are there; `again` for what may have changed meanwhile.

    By virtualenv, since Debian's Python can make none by itself. Raises `OSError` or `subprocess.CalledProcessError`.
    """
    asked, place = python_asked_for(), environments / name
    wanted = json.dumps([told_by(asked), *packages])
    installed = place / "installed.json"
    if installed.exists() and installed.read_text() == wanted and not again:
        return
    if not installed.exists() or installed.read_text() != wanted:
        _run(_virtualenv(environments), "-q", "--clear", "-p", asked, place)
    _run(place / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages)
    installed.write_text(wanted)


def version_of(place: Path, requirement: str) -> str:
    """Of what was installed for a requirement such as `ninja>=1.13`."""
    name = re.split(r"[^\w.-]", requirement)[0]
    return _output(
        place / "bin" / "python", "-c", f"from importlib.metadata import version; print(version({name!r}))"
    ).strip()


def install_debian(program: str, packages: Sequence[str]) -> None:
    """Raises `FileNotFoundError` where nobody may, `subprocess.CalledProcessError` where it cannot be done."""
    if shutil.which(program) is not None:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise FileNotFoundError(f"`{program}` is not installed; on Debian: `apt-get install {' '.join(packages)}`")
    _run("apt-get", "update", "-qq")
    _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)


def compile_haskell(text: str, program: Path) -> None:
    """Raises `OSError` or `subprocess.CalledProcessError`."""
    source = program.with_name("Main.hs")
    if program.exists() and source.exists() and source.read_text() == text:
        return
    program.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    options = ["-O1", "-threaded", "-rtsopts", "-with-rtsopts=-I0 -qg"]
    _run("ghc", *options, source.name, "-o", program.name, cwd=program.parent)


def _virtualenv(environments: Path) -> Path:
    program = environments / "virtualenv" / "bin" / "virtualenv"
    if not program.exists():
        _run(sys.executable, "-m", "venv", "--clear", environments / "virtualenv")
        _run(program.with_name("python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "virtualenv")
    return program


def _output(*argv: str | Path) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=_environ()).stdout


def _run(*argv: str | Path, cwd: Path | None = None) -> None:
    """What it prints goes to stderr."""
    subprocess.run(argv, check=True, stdout=sys.stderr, cwd=cwd, env=_environ())


def _environ() -> dict[str, str]:
    """Without what would change how Python starts or whether it keeps bytecode."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "DEBIAN_FRONTEND": "noninteractive", "PIP_ROOT_USER_ACTION": "ignore"}
