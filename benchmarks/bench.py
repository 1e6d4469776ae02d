"""Measures flowmake and its peers on the same made-up graphs, in turns, and writes a table and plots.

benchmarks/run                      everything; interrupted, the same command goes on where it was
benchmarks/run --quick              flowmake, ninja and make with 1,000 tasks, in about a minute
benchmarks/run --tools flowmake ninja --tasks 100 10000 --repeat 9

Which Python the tools that need one get: PYTHON=/usr/bin/python3.11 benchmarks/run
Whatever made or deleted many files in the last minutes, a run of this among it, makes the next builds slower.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from environments import install_python, python_asked_for, told_by
from kept import Kept
from machine import build_options, described, digest_of
from peers import OURS, PEERS, REPOSITORY, Peer
from plan import expected_build, seconds_of_size
from projects import SCENARIOS
from rounds import Round, Terms, measure_trials, say
from trials import TRIALS

QUICK = (OURS, "ninja", "make")
TRIAL_SECONDS = 10
"""What one trial takes, about, with what it is set up from."""


def main() -> int:
    options = _options()
    terms = _terms(options)
    (options.work / ".gitignore").write_text("*\n")
    if options.fresh:
        (options.work / "measured.jsonl").unlink(missing_ok=True)
    peers = [peer for peer in PEERS if peer.name in options.tools and _is_installed(peer, terms.environments)]
    kept = Kept(options.work / "measured.jsonl", _header(options, peers, terms.environments))
    if not kept.parts():
        _start_anew(terms)
    _tell_plan(peers, kept, options)
    ours = next((peer for peer in peers if peer.name == OURS), None)
    if ours is not None and options.trials:
        measure_trials(ours, kept, terms)
    for count in options.tasks:
        Round(count, peers, kept, terms).measure()
    _write_pages(kept, options.out, terms.environments)
    kept.remove()
    say("cleaning up")
    shutil.rmtree(terms.folder, ignore_errors=True)
    shutil.rmtree(terms.attic, ignore_errors=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="flowmake, ninja and make with 1,000 tasks")
    parser.add_argument("--tools", nargs="+", choices=[peer.name for peer in PEERS])
    parser.add_argument("--tasks", nargs="+", type=int, metavar="N", help="how many tasks; several make a curve")
    parser.add_argument(
        "--trials",
        action=argparse.BooleanOptionalAction,
        help="what is measured of flowmake alone: starting, loading, hashing, calling (default: unless quick)",
    )
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds; in each, every tool has its turn")
    parser.add_argument(
        "--patience",
        type=float,
        metavar="S",
        help="seconds that the turns of one tool may take in one scenario (default: 60, quick: 6)",
    )
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
    options.patience = options.patience or (6 if options.quick else 60)
    options.trials = not options.quick if options.trials is None else options.trials
    options.work = options.work.absolute()
    usual = options.work / "out" if options.quick else REPOSITORY / "docs" / "benchmarks"
    options.out = (options.out or usual).absolute()
    try:
        told_by(python_asked_for())
    except (OSError, subprocess.CalledProcessError) as error:
        parser.error(f"`PYTHON={python_asked_for()}` is no Python that runs here: {error}")
    return options


def _terms(options: argparse.Namespace) -> Terms:
    """With the folders made."""
    places = [options.work / name for name in ("environments", "projects", "attic")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    return Terms(options.repeat, options.patience, options.longest, options.jobs, options.seed, *places)


def _header(options: argparse.Namespace, peers: list[Peer], environments: Path) -> dict[str, object]:
    python = told_by(python_asked_for())
    del python["prefix"]
    python["built"] = " ".join(build_options(str(python["built"])))
    return {
        "machine": described(),
        "python": python,
        "versions": {peer.name: peer.version(environments) for peer in peers},
        "source": digest_of(REPOSITORY / "flowmake"),
        "jobs": options.jobs,
        "seed": options.seed,
        "repeat": options.repeat,
        "patience": options.patience,
        "longest": options.longest,
    }


def _is_installed(peer: Peer, environments: Path) -> bool:
    say(f"installing {peer.name}")
    try:
        peer.install(environments)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"left out: {peer.name}: {error}")
        return False
    return True


def _start_anew(terms: Terms) -> None:
    """What an earlier run left is put aside."""
    if any(terms.folder.iterdir()):
        terms.folder.rename(terms.attic / f"projects-{time.time_ns()}")
        terms.folder.mkdir()


def _tell_plan(peers: list[Peer], kept: Kept, options: argparse.Namespace) -> None:
    """What is left to be done, and about how long it takes."""
    total = 0.0
    lines = []
    if options.trials:
        left = sum(not kept.is_complete(["trial", trial.name]) for trial in TRIALS)
        total += left * TRIAL_SECONDS
        lines.append(f"  trials         {left * TRIAL_SECONDS / 60:5.1f} min  {left} left")
    for count in options.tasks:
        told = kept.records("scenario")
        able = [
            peer
            for peer in peers
            if count <= peer.most and expected_build(peer.name, peer.pace, count, told) <= options.longest
        ]
        left_over = [scenario for scenario in SCENARIOS if not kept.is_complete([count, scenario])]
        paces = [peer.pace for peer in able]
        seconds = seconds_of_size(paces, left_over, count, options.repeat, options.patience)
        total += seconds
        lines.append(f"  {count:7,} tasks  {seconds / 60:5.1f} min  {' '.join(peer.name for peer in able)}")
    say("\n".join([f"about {total / 60:.0f} minutes:", *lines]))


def _write_pages(kept: Kept, out: Path, environments: Path) -> None:
    """By a Python that has matplotlib."""
    install_python(environments, "plots", ("matplotlib",))
    out.mkdir(parents=True, exist_ok=True)
    told = {
        **kept.lines[0],
        "measured": kept.records("scenario"),
        "trials": kept.records("trial"),
        "left_out": kept.records("left_out"),
    }
    (out / "results.json").write_text(results_text(told))
    report = Path(__file__).with_name("report.py")
    subprocess.run([environments / "plots" / "bin" / "python", report, out / "results.json"], check=True)
    say(f"written: {out / 'README.md'}")


def results_text(told: dict[str, Any]) -> str:
    """JSON with a line for each record, which is short, and tells in a diff what has changed."""
    parts = []
    for name, value in told.items():
        records = ",\n".join(json.dumps(one) for one in value) if isinstance(value, list) else ""
        parts.append(f"{json.dumps(name)}: " + (f"[\n{records}\n]" if records else json.dumps(value)))
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; the same command goes on where it was")
        sys.exit(130)
