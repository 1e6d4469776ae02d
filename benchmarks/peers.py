"""The tools that are compared: how each gets installed, which dialect it speaks, and how it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import dialects
from dialects import Writer

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Peer:
    """One tool. `packages` of PyPI go into an environment of its own, `debian` ones into the system.

    `call` are its arguments, where `{jobs}` stands for how many tasks may run at once. `haskell` is the text of a
    program to be compiled. `most` is the largest number of tasks worth trying.
    """

    name: str
    program: str
    call: tuple[str, ...]
    write: Writer
    most: int
    packages: tuple[str, ...] = ()
    debian: tuple[str, ...] = ()
    haskell: str = ""

    def install(self, environments: Path) -> None:
        """What is not there yet. Raises `OSError` or `subprocess.CalledProcessError`."""
        place = environments / self.name
        if self.debian:
            _install_debian("ghc" if self.haskell else self.program, self.debian)
        if self.haskell:
            _compile(self.haskell, place / "bin" / self.program)
        elif self.packages and (self.name == "flowmake" or not (place / "bin" / self.program).exists()):
            install_python(place, self.packages)

    def path(self, environments: Path) -> str:
        """Where its program is."""
        if self.packages or self.haskell:
            return str(environments / self.name / "bin" / self.program)
        return shutil.which(self.program) or self.program

    def argv(self, environments: Path, jobs: int) -> list[str]:
        return [self.path(environments), *(part.format(jobs=jobs) for part in self.call)]

    def environ(self, environments: Path) -> dict[str, str]:
        """A small one, the same for all but for where the tool itself is found."""
        path = f"{Path(self.path(environments)).parent}{os.pathsep}{os.defpath}"
        return {"PATH": path, "HOME": str(environments), "LC_ALL": "C.UTF-8", "PYTHONPATH": "."}

    def version(self, environments: Path) -> str:
        """The first number in what it says of itself, or that of the library that it was compiled with."""
        argv = ["ghc-pkg", "latest", self.name] if self.haskell else [self.path(environments), "--version"]
        told = subprocess.run(
            argv, env=self.environ(environments), cwd=environments, capture_output=True, check=False, text=True
        )
        words = f"{told.stdout} {told.stderr}".replace(f"{self.name}-", " ").replace("v", " ").replace(",", " ").split()
        return next((word for word in words if word[:1].isdigit() and "." in word), "?")


def install_python(place: Path, packages: tuple[str, ...]) -> None:
    """Packages into an environment; with a current pip, whose scripts start quicker than those of old ones."""
    pip = [place / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    if not (place / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, *packages], check=True)


def _install_debian(program: str, packages: tuple[str, ...]) -> None:
    if shutil.which(program) is not None:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise FileNotFoundError(f"`{program}` is not installed; on Debian: `apt-get install {' '.join(packages)}`")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    subprocess.run(apt, check=True, env=quiet, stdout=sys.stderr)


def _compile(text: str, program: Path) -> None:
    source = program.with_name("Main.hs")
    if program.exists() and source.exists() and source.read_text() == text:
        return
    program.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    ghc = ["ghc", "-O1", "-threaded", "-rtsopts", "-with-rtsopts=-I0 -qg", source.name, "-o", program.name]
    subprocess.run(ghc, check=True, cwd=program.parent, stdout=sys.stderr)


PEERS = (
    Peer("flowmake", "flowmake", ("run", "-q", "-j", "{jobs}"), dialects.flowfile, 100_000, (str(REPOSITORY),)),
    Peer("ninja", "ninja", ("--quiet", "-j", "{jobs}"), dialects.ninja, 100_000, ("ninja>=1.13",)),
    Peer("make", "make", ("-s", "-j", "{jobs}"), dialects.makefile, 10_000, debian=("make",)),
    Peer("tup", "tup", ("--quiet", "-j{jobs}"), dialects.tupfile, 100_000, debian=("tup", "fuse3")),
    Peer(
        "shake", "shakefile", ("{jobs}",), dialects.jobs_txt, 100_000, (), ("libghc-shake-dev", "ghc"), dialects.SHAKE
    ),
    Peer("doit", "doit", ("-n", "{jobs}", "-v", "0"), dialects.scripted("dodo.py", dialects.DODO), 10_000, ("doit",)),
    Peer("go-task", "task", ("--silent", "-C", "{jobs}"), dialects.taskfile, 10_000, ("go-task-bin",)),
    Peer("scons", "scons", ("-s", "-j", "{jobs}"), dialects.scripted("SConstruct", dialects.SCONS), 10_000, ("scons",)),
    Peer(
        "luigi",
        "luigi",
        ("--module", "jobs", "All", "--local-scheduler", "--workers", "{jobs}", "--log-level", "ERROR"),
        dialects.scripted("jobs.py", dialects.LUIGI),
        1_000,
        ("luigi", "setuptools<81"),
    ),
    Peer("snakemake", "snakemake", ("--quiet", "all", "--cores", "{jobs}"), dialects.snakefile, 1_000, ("snakemake",)),
    Peer(
        "pytask",
        "pytask",
        ("-n", "{jobs}"),
        dialects.scripted("task_jobs.py", dialects.PYTASK),
        1_000,
        ("pytask", "pytask-parallel"),
    ),
    Peer("dvc", "dvc", ("repro", "--quiet"), dialects.dvc_stages, 100, ("dvc",)),
)
