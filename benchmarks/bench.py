"""Measures flowmake and its peers on the same made-up graphs, in turns, and writes a table and plots.

benchmarks/run                      everything; interrupted, the same command goes on where it was
benchmarks/run --quick              flowmake, ninja and make with 1,000 tasks, in about a minute
benchmarks/run --tools flowmake ninja --tasks 100 10000 --repeat 9
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import graphs
from kept import Kept
from machine import described, digest_of
from measure import CommandFailed
from peers import PEERS, REPOSITORY, Peer, install_python
from projects import SCENARIOS, Project

QUICK = ("flowmake", "ninja", "make")
SLOWER = 1.2
"""How much longer than by rule of three a tool may need for more tasks, before it is not even tried."""


def main() -> int:
    options = _options()
    environments = options.work / "environments"
    environments.mkdir(parents=True, exist_ok=True)
    (options.work / ".gitignore").write_text("*\n")
    if options.fresh:
        shutil.rmtree(options.work / "projects", ignore_errors=True)
        (options.work / "measured.jsonl").unlink(missing_ok=True)
    peers = [peer for peer in PEERS if peer.name in options.tools and _is_installed(peer, environments)]
    kept = Kept(options.work / "measured.jsonl", _header(options, peers, environments))
    for count in options.tasks:
        Round(count, peers, kept, options, environments).measure()
    _write_pages(kept, options.out, environments)
    kept.remove()
    return 0


class Round:
    """All scenarios of all tools that can cope with so many tasks: A B C, A B C, …"""

    def __init__(
        self, count: int, peers: list[Peer], kept: Kept, options: argparse.Namespace, environments: Path
    ) -> None:
        self.count = count
        self._kept = kept
        self._options = options
        jobs = graphs.layered(count, options.seed)
        folder = options.work / "projects"
        out = {record["left_out"] for record in kept.records("left_out") if record["tasks"] == count}
        self._projects = [
            Project(peer, jobs, folder / f"{peer.name}-{count}", environments, options.jobs)
            for peer in peers
            if count <= peer.most and peer.name not in out
        ]

    def measure(self) -> None:
        for project in list(self._projects):
            if self._seconds_expected(project.peer) > self._options.longest:
                self._leave_out(project, f"it would take longer than {self._options.longest:.0f} s")
        for scenario in SCENARIOS:
            if not self._kept.is_complete([self.count, scenario]):
                self._measure(scenario)
                self._kept.finish([self.count, scenario])
        for project in self._projects:
            shutil.rmtree(project.folder, ignore_errors=True)

    def _measure(self, scenario: str) -> None:
        """In turns; who has used up its time in this scenario has no further one."""
        spent = dict.fromkeys((project.peer.name for project in self._projects), 0.0)
        for turn in range(self._options.repeat):
            for project in list(self._projects):
                if turn and spent[project.peer.name] * (turn + 1) / turn > self._options.patience:
                    continue
                try:
                    spent[project.peer.name] += self._turn(project, scenario, turn)
                except (CommandFailed, OSError, subprocess.CalledProcessError) as error:
                    self._leave_out(project, str(error))

    def _turn(self, project: Project, scenario: str, turn: int) -> float:
        project.prepare(scenario)
        cost = project.cost(self._options.longest)
        right = project.is_right()
        found = {"tool": project.peer.name, "tasks": self.count, "scenario": scenario, **asdict(cost), "right": right}
        self._kept.add(found)
        note = "" if right else ", and the output is not what it should be"
        _say(f"{self.count:7} {scenario:12} {turn + 1} {project.peer.name:10} {cost.wall:9.3f} s{note}")
        return cost.wall

    def _leave_out(self, project: Project, why: str) -> None:
        self._projects.remove(project)
        self._kept.add({"left_out": project.peer.name, "tasks": self.count, "why": why})
        _say(f"left out: {project.peer.name} with {self.count} tasks: {why}")

    def _seconds_expected(self, peer: Peer) -> float:
        """For a build, by the largest one so far."""
        builds = [
            line for line in self._kept.records("wall") if (line["tool"], line["scenario"]) == (peer.name, "build")
        ]
        largest = max(builds, key=lambda line: line["tasks"], default=None)
        if largest is None or largest["tasks"] >= self.count:
            return 0.0
        seconds: float = largest["wall"] * self.count / largest["tasks"] * SLOWER
        return seconds


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="flowmake, ninja and make with 1,000 tasks")
    parser.add_argument("--tools", nargs="+", choices=[peer.name for peer in PEERS])
    parser.add_argument("--tasks", nargs="+", type=int, metavar="N", help="how many tasks; several make a curve")
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds; in each, every tool has its turn")
    parser.add_argument("--patience", type=float, metavar="S", help="seconds after which a tool has no further turn")
    parser.add_argument("--longest", type=float, default=400, metavar="S", help="seconds that one command may take")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="how many tasks run at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="do not go on with what an interrupted run has measured")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "benchmarks" / ".work", help="a folder to work in")
    parser.add_argument("--out", type=Path, help="where table and plots go (default: docs/benchmarks, quick: WORK/out)")
    options = parser.parse_args()
    options.tools = options.tools or (QUICK if options.quick else [peer.name for peer in PEERS])
    options.tasks = sorted(options.tasks or ([1000] if options.quick else [100, 1000, 10_000, 100_000]))
    options.repeat = options.repeat or (5 if options.quick else 7)
    options.patience = options.patience or (6 if options.quick else 8)
    options.work = options.work.absolute()
    usual = options.work / "out" if options.quick else REPOSITORY / "docs" / "benchmarks"
    options.out = (options.out or usual).absolute()
    return options


def _header(options: argparse.Namespace, peers: list[Peer], environments: Path) -> dict[str, object]:
    return {
        "machine": described(),
        "versions": {peer.name: peer.version(environments) for peer in peers},
        "source": digest_of(REPOSITORY / "flowmake"),
        "jobs": options.jobs,
        "seed": options.seed,
        "repeat": options.repeat,
        "patience": options.patience,
        "longest": options.longest,
    }


def _is_installed(peer: Peer, environments: Path) -> bool:
    _say(f"installing {peer.name}")
    try:
        peer.install(environments)
    except (OSError, subprocess.CalledProcessError) as error:
        _say(f"left out: {peer.name}: {error}")
        return False
    return True


def _write_pages(kept: Kept, out: Path, environments: Path) -> None:
    """By a Python that has matplotlib."""
    place = environments / "plots"
    if not (place / "bin" / "python").exists():
        install_python(place, ("matplotlib",))

    out.mkdir(parents=True, exist_ok=True)
    told = {**kept.lines[0], "measured": kept.records("wall"), "left_out": kept.records("left_out")}
    (out / "results.json").write_text(json.dumps(told, indent=1) + "\n")
    report = Path(__file__).with_name("report.py")
    subprocess.run([place / "bin" / "python", report, out / "results.json"], check=True)
    _say(f"written: {out / 'README.md'}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _say("interrupted; the same command goes on where it was")
        sys.exit(130)
