"""Measures flowmake and its peers on the same made-up graphs, in turns, and writes a table and plots.

benchmarks/run                      everything, for hours
benchmarks/run --quick              flowmake, ninja and make with 1,000 tasks, in about a minute
benchmarks/run --tools flowmake ninja --tasks 100 10000 --repeat 9
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import graphs
from measure import CommandFailed, Cost, measure
from peers import PEERS, REPOSITORY, Peer

QUICK = ("flowmake", "ninja", "make")
SCENARIOS = ("build", "no-op", "one source", "one command")


class Project:
    """One tool's copy of a graph. Every scenario leaves everything built."""

    def __init__(self, peer: Peer, jobs: list[graphs.Job], folder: Path, environments: Path, cores: int) -> None:
        self.peer = peer
        self.jobs = jobs
        self.folder = folder
        self._argv = peer.argv(environments, cores)
        self._environ = peer.environ(environments)
        self._chance = random.Random(len(jobs))

    def prepare(self, scenario: str) -> None:
        """Bring the folder into the state in which the clock starts."""
        if scenario == "build":
            shutil.rmtree(self.folder, ignore_errors=True)
            graphs.write_sources(self.folder, self.jobs)
            self.peer.write(self.folder, self.jobs)
        elif scenario == "one source":
            (self.folder / self.jobs[-1].inputs[0]).write_text(f"{self._chance.getrandbits(256):064x}\n")
        elif scenario == "one command":
            last = self.jobs[-1]
            self.jobs = [*self.jobs[:-1], graphs.Job(last.name, (*last.inputs[:1], *last.inputs), last.output)]
            self.peer.write(self.folder, self.jobs)

    def cost(self) -> Cost:
        """Of one run, whatever it has to do."""
        return measure(self._argv, self.folder, self._environ)


def main() -> int:
    options = _options()
    environments, work = options.work / "environments", options.work / "projects"
    environments.mkdir(parents=True, exist_ok=True)
    (options.work / ".gitignore").write_text("*\n")
    peers = [peer for peer in PEERS if peer.name in options.tools and _is_installed(peer, environments)]
    found = [
        {"tool": peer.name, "tasks": count, "scenario": scenario, **asdict(cost)}
        for count in options.tasks
        for peer, scenario, cost in _measured(peers, count, options, environments, work)
    ]
    told = {
        "machine": _machine(options),
        "versions": {peer.name: peer.version(environments) for peer in peers},
        "measured": found,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    results = options.out / "results.json"
    results.write_text(json.dumps(told, indent=1) + "\n")
    report = Path(__file__).with_name("report.py")
    return subprocess.run([_plotting(environments), report, results], check=False).returncode


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="flowmake, ninja and make with 1,000 tasks")
    parser.add_argument("--tools", nargs="+", choices=[peer.name for peer in PEERS])
    parser.add_argument("--tasks", nargs="+", type=int, metavar="N", help="how many tasks; several make a curve")
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds; in each, every tool has its turn")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="how many tasks run at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "benchmarks" / ".work", help="a folder to work in")
    parser.add_argument("--out", type=Path, help="where table and plots go (default: docs/benchmarks, quick: WORK/out)")
    options = parser.parse_args()
    options.tools = options.tools or (QUICK if options.quick else [peer.name for peer in PEERS])
    options.tasks = options.tasks or ([1000] if options.quick else [100, 200, 1000, 10_000, 100_000])
    options.repeat = options.repeat or (3 if options.quick else 7)
    options.work = options.work.absolute()
    usual = options.work / "out" if options.quick else REPOSITORY / "docs" / "benchmarks"
    options.out = (options.out or usual).absolute()
    return options


def _is_installed(peer: Peer, environments: Path) -> bool:
    print(f"installing {peer.name}", file=sys.stderr)
    try:
        peer.install(environments)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"left out: {peer.name}: {error}", file=sys.stderr)
        return False
    return True


def _measured(
    peers: list[Peer], count: int, options: argparse.Namespace, environments: Path, work: Path
) -> list[tuple[Peer, str, Cost]]:
    """All scenarios of all tools that can cope with so many tasks: A B C, A B C, …"""
    jobs = graphs.layered(count, options.seed)
    projects = [
        Project(peer, jobs, work / f"{peer.name}-{count}", environments, options.jobs)
        for peer in peers
        if count <= peer.most
    ]
    found: list[tuple[Peer, str, Cost]] = []
    for scenario in SCENARIOS:
        for turn in range(options.repeat if scenario != "build" or count < 10_000 else min(3, options.repeat)):
            for project in list(projects):
                try:
                    project.prepare(scenario)
                    cost = project.cost()
                except CommandFailed as error:
                    print(f"left out: {project.peer.name} with {count} tasks: {error}", file=sys.stderr)
                    projects.remove(project)
                    continue
                found.append((project.peer, scenario, cost))
                print(f"{count:7} {scenario:12} {turn + 1} {project.peer.name:10} {cost.wall:9.3f} s", file=sys.stderr)
    for project in projects:
        shutil.rmtree(project.folder)
    return found


def _machine(options: argparse.Namespace) -> dict[str, object]:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "floor": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "jobs": options.jobs,
        "seed": options.seed,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _plotting(environments: Path) -> Path:
    """A Python that has matplotlib."""
    place = environments / "plots"
    if not (place / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin" / "python", "-m", "pip", "install", "--quiet", "matplotlib"], check=True)
    return place / "bin" / "python"


if __name__ == "__main__":
    sys.exit(main())
