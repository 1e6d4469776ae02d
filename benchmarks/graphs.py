"""Made-up projects to measure on: layers of small tasks, the same from the same seed. Knows no build tool."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

WIDTH = 100
"""Tasks in a layer, where there are enough of them: what can run side by side."""


@dataclass(frozen=True)
class Job:
    """One task: `cat INPUTS | cksum > output`; a `salt` makes it another command with another output."""

    name: str
    inputs: tuple[str, ...]
    output: str
    salt: str = ""

    @property
    def prints(self) -> str:
        """The command up to where its output goes."""
        salt = f"echo {self.salt} | cat - " if self.salt else "cat "
        return f"{salt}{' '.join(self.inputs)} | cksum"

    @property
    def command(self) -> str:
        return f"{self.prints} > {self.output}"


def layered(count: int, seed: int = 1, width: int = WIDTH) -> list[Job]:
    """`count` tasks, each reading one source and two outputs of the layer before."""
    chance = random.Random(seed)
    jobs: list[Job] = []
    for number in range(count):
        layer = number // width
        above = range((layer - 1) * width, layer * width) if layer else range(0)
        read = sorted(chance.sample(above, min(2, len(above))))
        inputs = (source_of(number), *(jobs[other].output for other in read))
        jobs.append(Job(f"t{number}", inputs, f"out/{layer}/{number}.txt"))
    return jobs


def source_of(number: int) -> str:
    """Where the source of a task is, a thousand to a folder."""
    return f"src/{number // 1000}/{number}.txt"


def write_sources(folder: Path, jobs: list[Job], seed: int = 1) -> None:
    """The sources, some random letters each, and the folders for sources and outputs."""
    chance = random.Random(seed)
    for path in sorted({Path(path).parent for job in jobs for path in (job.inputs[0], job.output)}):
        (folder / path).mkdir(parents=True, exist_ok=True)
    for job in jobs:
        (folder / job.inputs[0]).write_text(f"{chance.getrandbits(256):064x}\n")
