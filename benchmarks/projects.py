"""One tool's copy of a graph: brought into each state that is measured, and looked at afterwards. Prints nothing."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import graphs
from measure import Cost, measure
from peers import Peer

SCENARIOS = {
    "build": "Everything has to be made.",
    "no-op": "Nothing has changed since.",
    "one source": "One source has changed; one task has to run.",
    "one command": "One line of the build file has changed; one task has to run.",
}


class Project:
    """Every scenario leaves everything built, so the next one may follow."""

    def __init__(
        self, peer: Peer, jobs: list[graphs.Job], folders: tuple[Path, Path], environments: Path, cores: int
    ) -> None:
        """`folders` are where it is, and where what was there before goes."""
        self.peer = peer
        self.jobs = jobs
        self.folder, self._attic = folders
        self._argv = peer.argv(environments, cores)
        self._environ = peer.environ(environments)

    def prepare(self, scenario: str) -> None:
        """Bring the folder into the state in which the clock starts, with nothing left to be written to the disk.

        What was there before is only moved: ext4 passes over inodes that were freed in the last minutes one by one,
        so deleting would make everyone slow who makes files next.
        """
        if scenario == "build":
            if self.folder.exists():
                self.folder.rename(self._attic / f"{self.folder.name}-{time.time_ns()}")
            graphs.write_sources(self.folder, self.jobs)
            self.peer.write(self.folder, self.jobs)
        elif scenario == "one source":
            (self.folder / self.jobs[-1].inputs[0]).write_text(f"{os.urandom(32).hex()}\n")
        elif scenario == "one command":
            self.jobs = [*self.jobs[:-1], replace(self.jobs[-1], salt=os.urandom(8).hex())]
            self.peer.write(self.folder, self.jobs)
        os.sync()

    def cost(self, limit: float) -> Cost:
        """Of one run, whatever it has to do. Raises `CommandFailed`."""
        return measure(self._argv, self.folder, self._environ, limit)

    def is_right(self) -> bool:
        """Is the last task's output what its command, as it stands now, makes of its inputs, as they are now?"""
        last = self.jobs[-1]
        made = subprocess.run(["sh", "-c", last.prints], cwd=self.folder, capture_output=True, check=True).stdout
        return made == (self.folder / last.output).read_bytes()
