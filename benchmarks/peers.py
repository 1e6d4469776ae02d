"""The tools that are compared: how each gets installed, says the same graph in its own words, and is called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphs import Job

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Peer:
    """One tool. `packages` go into an environment of its own; without any, the system's `program` is used.

    `call` are its arguments, where `{jobs}` stands for how many tasks may run at once. `most` is the largest number of
    tasks that it gets through in bearable time.
    """

    name: str
    program: str
    packages: tuple[str, ...]
    call: tuple[str, ...]
    write: Callable[[Path, list[Job]], None]
    most: int

    def install(self, environments: Path) -> None:
        """Into `environments/NAME`, once. Raises `OSError` or `subprocess.CalledProcessError`."""
        place = environments / self.name
        if not self.packages:
            if shutil.which(self.program) is None:
                raise FileNotFoundError(f"`{self.program}` is not installed on this machine")
        elif self.name == "flowmake" or not (place / "bin" / self.program).exists():
            if not (place / "bin" / "python").exists():
                subprocess.run([sys.executable, "-m", "venv", place], check=True)
            pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([str(part) for part in (*pip, *self.packages)], check=True)

    def path(self, environments: Path) -> str:
        """Where its program is."""
        if not self.packages:
            return shutil.which(self.program) or self.program
        return str(environments / self.name / "bin" / self.program)

    def argv(self, environments: Path, jobs: int) -> list[str]:
        return [self.path(environments), *(part.format(jobs=jobs) for part in self.call)]

    def environ(self, environments: Path) -> dict[str, str]:
        """A small one, the same for all but for where the tool itself is found."""
        path = f"{Path(self.path(environments)).parent}{os.pathsep}{os.defpath}"
        return {"PATH": path, "HOME": str(environments), "LC_ALL": "C.UTF-8", "PYTHONPATH": "."}

    def version(self, environments: Path) -> str:
        """The first number in what it says of itself."""
        argv = [self.path(environments), "--version"]
        told = subprocess.run(
            argv, env=self.environ(environments), cwd=environments, capture_output=True, check=False, text=True
        )
        words = f"{told.stdout} {told.stderr}".replace("v", " ").replace(",", " ").split()
        return next((word for word in words if word[:1].isdigit() and "." in word), "?")


def _flowfile(folder: Path, jobs: Sequence[Job]) -> None:
    lines = ["[flow]", 'shell = ["sh", "-c"]']
    for job in jobs:
        lines += [f"[tasks.{job.name}]", f"inputs = {json.dumps(job.inputs)}", f'outputs = ["{job.output}"]']
        lines.append(f"run = {json.dumps(job.command)}")
    (folder / "Flowfile").write_text("\n".join(lines) + "\n")


def _ninja(folder: Path, jobs: Sequence[Job]) -> None:
    lines = ["rule sh", "  command = $cmd"]
    for job in jobs:
        lines += [f"build {job.output}: sh {' '.join(job.inputs)}", f"  cmd = {job.command}"]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def _make(folder: Path, jobs: Sequence[Job]) -> None:
    lines = [f"all: {' '.join(job.output for job in jobs)}"]
    for job in jobs:
        lines += [f"{job.output}: {' '.join(job.inputs)}", f"\t@{job.command}"]
    (folder / "Makefile").write_text("\n".join(lines) + "\n")


def _jobs_json(folder: Path, jobs: Sequence[Job]) -> None:
    told = [[job.name, job.inputs, job.output, job.command] for job in jobs]
    (folder / "jobs.json").write_text(json.dumps(told))


def _scripted(name: str, script: str) -> Callable[[Path, list[Job]], None]:
    """For tools whose files are programs: one that reads the graph from `jobs.json`."""

    def write(folder: Path, jobs: list[Job]) -> None:
        _jobs_json(folder, jobs)
        (folder / name).write_text(script)

    return write


def _taskfile(folder: Path, jobs: Sequence[Job]) -> None:
    maker = {job.output: job.name for job in jobs}
    read = {path for job in jobs for path in job.inputs}
    lines = ["version: '3'", "tasks:", "  default:", "    deps:"]
    lines += [f"      - {job.name}" for job in jobs if job.output not in read]
    for job in jobs:
        lines += [f"  {job.name}:", f"    cmds: ['{job.command}']", f"    sources: {json.dumps(job.inputs)}"]
        lines += ["    run: once", f"    generates: ['{job.output}']"]
        lines.append(f"    deps: {json.dumps([maker[path] for path in job.inputs if path in maker])}")
    (folder / "Taskfile.yml").write_text("\n".join(lines) + "\n")


def _snakefile(folder: Path, jobs: Sequence[Job]) -> None:
    lines = [f"rule all:\n    input: {json.dumps([job.output for job in jobs])}"]
    for job in jobs:
        lines.append(f"rule {job.name}:\n    input: {json.dumps(job.inputs)}\n    output: {json.dumps(job.output)}")
        lines.append(f"    shell: {json.dumps(job.command)}")
    (folder / "Snakefile").write_text("\n".join(lines) + "\n")


def _dvc(folder: Path, jobs: Sequence[Job]) -> None:
    stages = {
        job.name: {"cmd": job.command, "deps": list(job.inputs), "outs": [{job.output: {"cache": False}}]}
        for job in jobs
    }
    (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    config = folder / ".dvc" / "config"
    if not config.exists():
        (folder / ".dvc" / "tmp").mkdir(parents=True)
        config.write_text("[core]\n    no_scm = true\n    analytics = false\n")


_DODO = """\
import json

def task_job():
    for name, inputs, output, command in json.load(open("jobs.json")):
        yield {"name": name, "file_dep": inputs, "targets": [output], "actions": [command]}
"""
_LUIGI = """\
import json, subprocess, luigi

JOBS = {name: (inputs, output, command) for name, inputs, output, command in json.load(open("jobs.json"))}
MAKER = {output: name for name, (_, output, _) in JOBS.items()}

class Job(luigi.Task):
    name = luigi.Parameter()

    def requires(self):
        return [Job(MAKER[path]) for path in JOBS[self.name][0] if path in MAKER]

    def output(self):
        return luigi.LocalTarget(JOBS[self.name][1])

    def run(self):
        subprocess.run(JOBS[self.name][2], shell=True, check=True)

class All(luigi.WrapperTask):
    def requires(self):
        return [Job(name) for name in JOBS]
"""
_PYTASK = """\
import json, subprocess
from pathlib import Path
from pytask import Product, task

for name, inputs, output, command in json.load(open(Path(__file__).with_name("jobs.json"))):

    @task(id=name, kwargs={"reads": [Path(path).absolute() for path in inputs], "makes": Path(output).absolute()})
    def task_job(reads, makes: __import__("typing").Annotated[Path, Product], command=command):
        subprocess.run(command, shell=True, check=True)
"""
_SCONS = """\
import json
env = Environment()
for name, inputs, output, command in json.load(open(File("#jobs.json").abspath)):
    env.Command(output, inputs, "@" + command)
"""

PEERS = (
    Peer("flowmake", "flowmake", (str(REPOSITORY),), ("run", "-q", "-j", "{jobs}"), _flowfile, 100_000),
    Peer("ninja", "ninja", ("ninja>=1.13",), ("--quiet", "-j", "{jobs}"), _ninja, 100_000),
    Peer("make", "make", (), ("-s", "-j", "{jobs}"), _make, 10_000),
    Peer("doit", "doit", ("doit",), ("-n", "{jobs}", "-v", "0"), _scripted("dodo.py", _DODO), 10_000),
    Peer("go-task", "task", ("go-task-bin",), ("--silent", "-C", "{jobs}"), _taskfile, 1_000),
    Peer("scons", "scons", ("scons",), ("-s", "-j", "{jobs}"), _scripted("SConstruct", _SCONS), 1_000),
    Peer(
        "luigi",
        "luigi",
        ("luigi", "setuptools<81"),
        ("--module", "jobs", "All", "--local-scheduler", "--workers", "{jobs}", "--log-level", "ERROR"),
        _scripted("jobs.py", _LUIGI),
        1_000,
    ),
    Peer("snakemake", "snakemake", ("snakemake",), ("--quiet", "all", "--cores", "{jobs}"), _snakefile, 1_000),
    Peer(
        "pytask",
        "pytask",
        ("pytask", "pytask-parallel"),
        ("-n", "{jobs}"),
        _scripted("task_jobs.py", _PYTASK),
        1_000,
    ),
    Peer("dvc", "dvc", ("dvc",), ("repro", "--quiet"), _dvc, 200),
)
