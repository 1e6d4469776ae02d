"""Turns: A B C, A B C, … for all scenarios with so many tasks, and for the trials. Knows neither pages nor options."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import graphs
from kept import Kept
from measure import CommandFailed
from peers import Peer
from plan import expected_build, has_turn
from projects import SCENARIOS, Project
from trials import TRIALS, Bench, Trial


@dataclass(frozen=True)
class Terms:
    """For all alike: turns at most, seconds of them all, seconds of one command, tasks at once, and where.

    `folder` is for what is worked on, `attic` for what was worked on: deleted at the end, for that slows down others.
    """

    repeat: int
    patience: float
    longest: float
    jobs: int
    seed: int
    environments: Path
    folder: Path
    attic: Path


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Round:
    """All scenarios of all tools that can cope with so many tasks."""

    def __init__(self, count: int, peers: list[Peer], kept: Kept, terms: Terms) -> None:
        self.count = count
        self._kept = kept
        self._terms = terms
        jobs = graphs.layered(count, terms.seed)
        out = {record["left_out"] for record in kept.records("left_out") if record["tasks"] == count}
        self._projects = [
            Project(peer, jobs, (terms.folder / f"{peer.name}-{count}", terms.attic), terms.environments, terms.jobs)
            for peer in peers
            if count <= peer.most and peer.name not in out
        ]

    def measure(self) -> None:
        for project in list(self._projects):
            peer = project.peer
            if expected_build(peer.name, peer.pace, self.count, self._kept.records("scenario")) > self._terms.longest:
                self._leave_out(project, f"it would take longer than {self._terms.longest:.0f} s")
        for scenario in SCENARIOS:
            if not self._kept.is_complete([self.count, scenario]):
                self._measure(scenario)
                self._kept.finish([self.count, scenario])

    def _measure(self, scenario: str) -> None:
        """In turns; who has used up its time in this scenario has no further one."""
        spent: dict[str, list[float]] = {project.peer.name: [] for project in self._projects}
        for turn in range(self._terms.repeat):
            for project in list(self._projects):
                walls = spent[project.peer.name]
                if has_turn(len(walls), sum(walls), self._terms.patience):
                    try:
                        walls.append(self._turn(project, scenario, turn))
                    except (CommandFailed, OSError, subprocess.CalledProcessError) as error:
                        self._leave_out(project, str(error))

    def _turn(self, project: Project, scenario: str, turn: int) -> float:
        project.prepare(scenario)
        cost = project.cost(self._terms.longest)
        right = project.is_right()
        found = {"tool": project.peer.name, "tasks": self.count, "scenario": scenario, **asdict(cost), "right": right}
        self._kept.add(found)
        note = "" if right else ", and the output is not what it should be"
        say(f"{self.count:7} {scenario:12} {turn + 1} {project.peer.name:10} {cost.wall:9.3f} s{note}")
        return cost.wall

    def _leave_out(self, project: Project, why: str) -> None:
        self._projects.remove(project)
        self._kept.add({"left_out": project.peer.name, "tasks": self.count, "why": why})
        say(f"left out: {project.peer.name} with {self.count} tasks: {why}")


def measure_trials(peer: Peer, kept: Kept, terms: Terms) -> None:
    """All of them, with this peer as ours."""
    bench = Bench(peer, terms.environments, terms.folder / "trials", terms.attic)
    for number, trial in enumerate(TRIALS):
        part = ["trial", trial.name]
        if not kept.is_complete(part):
            bench.set_up(number, trial)
            try:
                _try(bench, number, trial, kept, terms)
            except CommandFailed as error:
                kept.add({"left_out": trial.name, "tasks": None, "why": str(error)})
                say(f"left out: {trial.name}: {error}")
            kept.finish(part)


def _try(bench: Bench, number: int, trial: Trial, kept: Kept, terms: Terms) -> None:
    spent: dict[str, list[float]] = {way: [] for way in trial.ways}
    for turn in range(terms.repeat):
        for way in trial.ways:
            if has_turn(len(spent[way]), sum(spent[way]), terms.patience):
                cost = bench.cost(number, trial, way, terms.longest)
                spent[way].append(cost.wall)
                told = {"trial": trial.name, "way": way, "amount": trial.amount, "unit": trial.unit}
                kept.add({**told, **asdict(cost)})
                say(f"  trial {turn + 1} {trial.name}: {way}: {cost.wall:.3f} s")
