"""The tools that are compared: how each gets installed, which dialect it speaks, and how it is called."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import dialects
from dialects import Writer
from environments import compile_haskell, install_debian, install_python, version_of
from plan import Pace

REPOSITORY = Path(__file__).resolve().parent.parent
OURS = "flowmake"


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
    pace: Pace
    packages: tuple[str, ...] = ()
    debian: tuple[str, ...] = ()
    haskell: str = ""

    def install(self, environments: Path) -> None:
        """What is not there yet. Raises `OSError` or `subprocess.CalledProcessError`."""
        if self.debian:
            install_debian("ghc" if self.haskell else self.program, self.debian)
        if self.haskell:
            compile_haskell(self.haskell, environments / self.name / "bin" / self.program)
        elif self.packages:
            install_python(environments, self.name, self.packages, again=self.name == OURS)

    def path(self, environments: Path) -> str:
        """Where its program is."""
        if self.packages or self.haskell:
            return str(environments / self.name / "bin" / self.program)
        return shutil.which(self.program) or self.program

    def argv(self, environments: Path, jobs: int) -> list[str]:
        return [self.path(environments), *(part.format(jobs=jobs) for part in self.call)]

    def environ(self, environments: Path) -> dict[str, str]:
        """A small one, the same for all: commands are found as quickly whoever starts them."""
        return {"PATH": "/usr/bin:/bin", "HOME": str(environments), "LC_ALL": "C.UTF-8", "PYTHONPATH": "."}

    def version(self, environments: Path) -> str:
        """Of the package, or the first number in what the program says of itself."""
        if self.packages:
            return version_of(environments / self.name, self.name if self.name == OURS else self.packages[0])
        argv = ["ghc-pkg", "latest", self.name] if self.haskell else [self.program, "--version"]
        told = subprocess.run(argv, cwd=environments, capture_output=True, check=True, text=True).stdout
        found = re.search(r"\d+(\.\d+)+", told)
        return found[0] if found else "?"


PEERS = (
    Peer(
        "flowmake",
        "flowmake",
        ("run", "-q", "-j", "{jobs}"),
        dialects.flowfile,
        100_000,
        Pace(0.15, 0.0020, 4e-6),
        (str(REPOSITORY),),
    ),
    Peer(
        "ninja",
        "ninja",
        ("--quiet", "-j", "{jobs}"),
        dialects.ninja,
        100_000,
        Pace(0.005, 0.0016, 6e-6),
        ("ninja>=1.13",),
    ),
    Peer(
        "make", "make", ("-s", "-j", "{jobs}"), dialects.makefile, 10_000, Pace(0.005, 0.0016, 2.5e-4), debian=("make",)
    ),
    Peer(
        "tup",
        "tup",
        ("--quiet", "-j{jobs}"),
        dialects.tupfile,
        100_000,
        Pace(0.02, 0.0025, 2e-5),
        debian=("tup", "fuse3"),
    ),
    Peer(
        "shake",
        "shakefile",
        ("{jobs}",),
        dialects.jobs_txt,
        10_000,
        Pace(0.02, 0.002, 3e-4),
        (),
        ("libghc-shake-dev", "ghc"),
        dialects.SHAKE,
    ),
    Peer(
        "doit",
        "doit",
        ("-n", "{jobs}", "-v", "0"),
        dialects.scripted("dodo.py", dialects.DODO),
        10_000,
        Pace(0.15, 0.0025, 1.5e-4),
        ("doit",),
    ),
    Peer(
        "go-task",
        "task",
        ("--silent", "-C", "{jobs}"),
        dialects.taskfile,
        10_000,
        Pace(0.02, 0.003, 7e-4),
        ("go-task-bin",),
    ),
    Peer(
        "scons",
        "scons",
        ("-s", "-j", "{jobs}"),
        dialects.scripted("SConstruct", dialects.SCONS),
        10_000,
        Pace(0.2, 0.003, 1.1e-3),
        ("scons",),
    ),
    Peer(
        "luigi",
        "luigi",
        ("--module", "jobs", "All", "--local-scheduler", "--workers", "{jobs}", "--log-level", "ERROR"),
        dialects.scripted("jobs.py", dialects.LUIGI),
        1_000,
        Pace(0.2, 0.0125, 2e-4),
        ("luigi", "setuptools<81"),
    ),
    Peer(
        "snakemake",
        "snakemake",
        ("--quiet", "all", "--cores", "{jobs}"),
        dialects.snakefile,
        1_000,
        Pace(0.6, 0.021, 2.5e-3),
        ("snakemake",),
    ),
    Peer(
        "pytask",
        "pytask",
        ("-n", "{jobs}"),
        dialects.pytask_tasks,
        1_000,
        Pace(1.7, 0.03, 5e-3),
        ("pytask", "pytask-parallel"),
    ),
    Peer("dvc", "dvc", ("repro", "--quiet"), dialects.dvc_stages, 100, Pace(1.0, 0.2, 3e-3), ("dvc",)),
)
