"""One graph in the words of each tool: writes its build file into a folder. Runs nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from graphs import Job

SHELL = "/bin/sh"
"""What runs the commands, in all tools that run commands by a shell: ninja, make and most others know no other."""

Writer = Callable[[Path, Sequence[Job]], None]


def flowfile(folder: Path, jobs: Sequence[Job]) -> None:
    lines = ["[flow]", f'shell = ["{SHELL}", "-c"]']
    for job in jobs:
        lines += [f"[tasks.{job.name}]", f"inputs = {json.dumps(job.inputs)}", f'outputs = ["{job.output}"]']
        lines.append(f"run = {json.dumps(job.command)}")
    (folder / "Flowfile").write_text("\n".join(lines) + "\n")


def ninja(folder: Path, jobs: Sequence[Job]) -> None:
    lines = ["rule sh", "  command = $cmd"]
    for job in jobs:
        lines += [f"build {job.output}: sh {' '.join(job.inputs)}", f"  cmd = {job.command}"]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def makefile(folder: Path, jobs: Sequence[Job]) -> None:
    lines = [f"all: {' '.join(job.output for job in jobs)}"]
    for job in jobs:
        lines += [f"{job.output}: {' '.join(job.inputs)}", f"\t@{job.command}"]
    (folder / "Makefile").write_text("\n".join(lines) + "\n")


def _jobs_json(folder: Path, jobs: Sequence[Job]) -> None:
    told = [[job.name, job.inputs, job.output, job.command] for job in jobs]
    (folder / "jobs.json").write_text(json.dumps(told))


def scripted(name: str, script: str) -> Writer:
    """For tools whose files are programs: one that reads the graph from `jobs.json`."""

    def write(folder: Path, jobs: Sequence[Job]) -> None:
        _jobs_json(folder, jobs)
        (folder / name).write_text(script)

    return write


def pytask_tasks(folder: Path, jobs: Sequence[Job]) -> None:
    """With settings, though none are set: pytask keeps its state by the nearest ones, in folders above, too."""
    scripted("task_jobs.py", PYTASK)(folder, jobs)
    (folder / "pyproject.toml").write_text("[tool.pytask.ini_options]\n")


def taskfile(folder: Path, jobs: Sequence[Job]) -> None:
    maker = {job.output: job.name for job in jobs}
    read = {path for job in jobs for path in job.inputs}
    lines = ["version: '3'", "tasks:", "  default:", "    deps:"]
    lines += [f"      - {job.name}" for job in jobs if job.output not in read]
    for job in jobs:
        lines += [f"  {job.name}:", f"    cmds: ['{job.command}']", f"    sources: {json.dumps(job.inputs)}"]
        lines += ["    run: once", f"    generates: ['{job.output}']"]
        lines.append(f"    deps: {json.dumps([maker[path] for path in job.inputs if path in maker])}")
    (folder / "Taskfile.yml").write_text("\n".join(lines) + "\n")


def snakefile(folder: Path, jobs: Sequence[Job]) -> None:
    lines = [f'shell.executable("{SHELL}")\nshell.prefix("")']
    lines.append(f"rule all:\n    input: {json.dumps([job.output for job in jobs])}")
    for job in jobs:
        lines.append(f"rule {job.name}:\n    input: {json.dumps(job.inputs)}\n    output: {json.dumps(job.output)}")
        lines.append(f"    shell: {json.dumps(job.command)}")
    (folder / "Snakefile").write_text("\n".join(lines) + "\n")


def tupfile(folder: Path, jobs: Sequence[Job]) -> None:
    lines = [f": {' '.join(job.inputs)} |> {job.command} |> {job.output}" for job in jobs]
    (folder / "Tupfile").write_text("\n".join(lines) + "\n")
    if not (folder / ".tup").exists():
        subprocess.run(["tup", "init"], cwd=folder, check=True, capture_output=True)


def jobs_txt(folder: Path, jobs: Sequence[Job]) -> None:
    """What the program in `SHAKE` reads: output, inputs and command of each task."""
    lines = ["\t".join((job.output, " ".join(job.inputs), job.command)) for job in jobs]
    (folder / "jobs.txt").write_text("\n".join(lines) + "\n")


def dvc_stages(folder: Path, jobs: Sequence[Job]) -> None:
    stages = {
        job.name: {"cmd": job.command, "deps": list(job.inputs), "outs": [{job.output: {"cache": False}}]}
        for job in jobs
    }
    (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    config = folder / ".dvc" / "config"
    if not config.exists():
        (folder / ".dvc" / "tmp").mkdir(parents=True)
        config.write_text("[core]\n    no_scm = true\n    analytics = false\n")


DODO = """\
import json
from doit.tools import config_changed

def task_job():
    for name, inputs, output, command in json.load(open("jobs.json")):
        changed = config_changed(command)
        yield {"name": name, "file_dep": inputs, "targets": [output], "actions": [command], "uptodate": [changed]}
"""
LUIGI = """\
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
PYTASK = """\
import json, subprocess
from pathlib import Path
from pytask import Product, task

for name, inputs, output, command in json.load(open(Path(__file__).with_name("jobs.json"))):

    @task(id=name, kwargs={"reads": [Path(path).absolute() for path in inputs], "makes": Path(output).absolute()})
    def task_job(reads, makes: __import__("typing").Annotated[Path, Product], command=command):
        subprocess.run(command, shell=True, check=True, cwd=makes.parents[2])
"""
SHAKE = """\
{-# LANGUAGE DerivingStrategies, GeneralizedNewtypeDeriving, TypeFamilies #-}
import qualified Data.Map.Strict as Map
import Development.Shake
import Development.Shake.Classes
import System.Environment (getArgs)

newtype CommandOf = CommandOf FilePath deriving newtype (Show, Eq, Hashable, Binary, NFData)
type instance RuleResult CommandOf = String

main :: IO ()
main = do
    [threads] <- getArgs
    jobs <- Map.fromList . map (entry . split '\\t') . lines <$> readFile "jobs.txt"
    shake shakeOptions{shakeThreads = read threads, shakeVerbosity = Silent} $ do
        commandOf <- addOracle $ \\(CommandOf path) -> return $ snd $ jobs Map.! path
        want $ Map.keys jobs
        (`Map.member` jobs) ?> \\path -> do
            command <- commandOf $ CommandOf path
            need $ fst $ jobs Map.! path
            cmd_ Shell command
  where
    entry [path, inputs, command] = (path, (words inputs, command))
    entry other = error $ show other

split :: Char -> String -> [String]
split mark text = case break (== mark) text of
    (part, _ : more) -> part : split mark more
    (part, []) -> [part]
"""
SCONS = """\
import json, os
env = Environment(ENV=os.environ)
for name, inputs, output, command in json.load(open(File("#jobs.json").abspath)):
    env.Command(output, inputs, "@" + command)
"""
