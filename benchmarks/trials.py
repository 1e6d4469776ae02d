"""What is measured of flowmake beside no other build tool: starting, loading, hashing, calling. Prints nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dialects
import graphs
from measure import Cost, measure
from peers import OURS, Peer

GIB = 2**30
PIECE = 2**20
CALLS = 5_000
MANY = 10_000
SOME = 1_000
PASS = ("{python}", "-c", "pass")
RUN = ("{flowmake}", "run", "-q")
LOAD = ("{python}", "-c", "import flowmake; flowmake.load('Flowfile').graph()")
HASHING = """\
import sys
from glob import iglob
from xxhash import xxh3_128
buffer = memoryview(bytearray(1 << 20))
for path in iglob(sys.argv[1]):
    digest = xxh3_128()
    with open(path, "rb", buffering=0) as file:
        while size := file.readinto(buffer):
            digest.update(buffer[:size])
    digest.hexdigest()
"""
CALLED = """\
def nothing():
    pass

def write(path):
    with open(path, "w") as file:
        file.write("done")
"""
POOL = """\
import os, sys
from concurrent.futures import ProcessPoolExecutor
import called
name, count = sys.argv[1], int(sys.argv[2])
os.makedirs("out", exist_ok=True)
with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
    given = [[f"out/{n}"] if name == "write" else [] for n in range(count)]
    for one in [pool.submit(getattr(called, name), *each) for each in given]:
        one.result()
"""
BARE = """\
import json, os
from xxhash import xxh3_128_hexdigest

jobs = json.load(open("jobs.json"))
made_by = {output: name for name, inputs, output, command in jobs}
waiting, after = {}, {}
for name, inputs, output, command in jobs:
    above = {made_by[path] for path in inputs if path in made_by}
    waiting[name] = len(above)
    for other in above:
        after.setdefault(other, []).append(name)
    os.makedirs(os.path.dirname(output), exist_ok=True)
jobs = {job[0]: job for job in jobs}
ready = [name for name in jobs if not waiting[name]]
running, digests = {}, {}
notes = os.open("notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def digest(path):
    with open(path, "rb", buffering=0) as file:
        digests[path] = xxh3_128_hexdigest(file.read())

def start(name):
    _, inputs, _, command = jobs[name]
    for path in inputs:
        if path not in digests:
            digest(path)
    ends = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", command], os.environ, file_actions=ends, setsid=True)
    running[pid] = name

while ready or running:
    while ready and len(running) < len(os.sched_getaffinity(0)):
        start(ready.pop(0))
    pid, status = os.wait()
    name = running.pop(pid)
    assert status == 0
    _, inputs, output, command = jobs[name]
    digest(output)
    for path in inputs:
        os.stat(path)
    os.write(notes, json.dumps([name, command, output, [digests[path] for path in (output, *inputs)]]).encode())
    for other in after.get(name, ()):
        waiting[other] -= 1
        if not waiting[other]:
            ready.append(other)
"""


@dataclass(frozen=True)
class Trial:
    """One command of flowmake's in a folder of its own, without a state, and what is set `beside` it, if anything.

    `amount` of `unit` is what both do; `cores` limits both to so many. With `edit`, which is done before each turn,
    everything is up to date but for that.
    """

    name: str
    set_up: Callable[[Path], None]
    ours: tuple[str, ...]
    beside: str = ""
    other: tuple[str, ...] = ()
    amount: float = 0.0
    unit: str = ""
    cores: int | None = None
    edit: Callable[[Path], None] | None = None

    @property
    def ways(self) -> dict[str, tuple[str, ...]]:
        """What takes turns."""
        return {OURS: self.ours, **({self.beside: self.other} if self.other else {})}


class Bench:
    """Where trials take place."""

    def __init__(self, peer: Peer, environments: Path, folder: Path, attic: Path) -> None:
        program = Path(peer.path(environments))
        self._programs = {"flowmake": str(program), "python": str(program.with_name("python"))}
        self._environ = peer.environ(environments)
        self._folder = folder
        self._attic = attic

    def set_up(self, number: int, trial: Trial) -> None:
        folder = self._folder / str(number)
        if not folder.exists():
            folder.mkdir(parents=True)
            trial.set_up(folder)

    def cost(self, number: int, trial: Trial, way: str, limit: float) -> Cost:
        """Of one run, with no state left by the one before, or after an edit. Raises `CommandFailed`."""
        folder = self._folder / str(number)
        if trial.edit is None:
            self._forget(folder)
        else:
            self._cost_of(trial, OURS, folder, limit)
            trial.edit(folder)
        os.sync()
        return self._cost_of(trial, way, folder, limit)

    def _forget(self, folder: Path) -> None:
        for left in (".flowmake", "out"):
            if (folder / left).exists():
                (folder / left).rename(self._attic / f"{left}-{time.time_ns()}")

    def _cost_of(self, trial: Trial, way: str, folder: Path, limit: float) -> Cost:
        argv = [part.format(**self._programs) for part in trial.ways[way]]
        with _on_cores(trial.cores):
            return measure(argv, folder, self._environ, limit)


@contextmanager
def _on_cores(count: int | None) -> Iterator[None]:
    """Where the system can do so, processes started meanwhile have only the first so many of the cores."""
    if count is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _few_tasks(folder: Path) -> None:
    jobs = graphs.layered(20)
    graphs.write_sources(folder, jobs)
    dialects.flowfile(folder, jobs)


def _many_tasks(folder: Path) -> None:
    jobs = graphs.layered(10_000)
    graphs.write_sources(folder, jobs)
    dialects.flowfile(folder, jobs)


def _shell_tasks(folder: Path) -> None:
    jobs = graphs.layered(SOME)
    graphs.write_sources(folder, jobs)
    dialects.flowfile(folder, jobs)
    dialects.scripted("bare.py", BARE)(folder, jobs)


def _many_instances(folder: Path) -> None:
    _write_flowfile(folder, "t", 'outputs = ["out/{{ n }}"]\nrun = "echo {{ n }} > {{ outputs }}"', 100_000)


def _files(count: int, size: int) -> Callable[[Path], None]:
    def set_up(folder: Path) -> None:
        (folder / "files").mkdir()
        piece = os.urandom(min(size, PIECE))
        for number in range(count):
            with open(folder / "files" / str(number), "wb") as file:
                for part in range(size // len(piece)):
                    file.write(part.to_bytes(8, "big") + piece[8:])
        _write_flowfile(folder, "t", 'inputs = ["files/*"]\nrun = "true"')
        (folder / "hashing.py").write_text(HASHING)

    return set_up


def _readers(folder: Path) -> None:
    """Tasks that read one file each, and do as little as any."""
    _files(MANY, 4096)(folder)
    _write_flowfile(folder, "t", 'inputs = ["files/{{ n }}"]\nexec = ["/bin/true"]', MANY)


def _touch(folder: Path) -> None:
    """All is as it was, but for the times."""
    for file in os.scandir(folder / "files"):
        os.utime(file.path)


def _calls(action: str) -> Callable[[Path], None]:
    def set_up(folder: Path) -> None:
        (folder / "called.py").write_text(CALLED)
        (folder / "pool.py").write_text(POOL)
        _write_flowfile(folder, "t", action, CALLS)

    return set_up


def _write_flowfile(folder: Path, name: str, fields: str, instances: int = 0) -> None:
    """One task, or so many instances of one, by a shell that costs as little as any."""
    each = f"foreach = {{ n = {{ range = [0, {instances}] }} }}\n" if instances else ""
    text = f'[flow]\nshell = ["{dialects.SHELL}", "-c"]\n[tasks.{name}]\n{each}{fields}\n'
    (folder / "Flowfile").write_text(text)


def _hashing(
    name: str,
    count: int,
    size: int,
    cores: int | None = None,
    set_up: Callable[[Path], None] | None = None,
    edit: Callable[[Path], None] | None = None,
) -> Trial:
    on = "xxhash alone" if cores else "xxhash alone, on one core"
    argv = ("{python}", "hashing.py", "files/*")
    return Trial(name, set_up or _files(count, size), RUN, on, argv, count * size / GIB, "GiB", cores, edit)


def _calling(name: str, action: str, function: str) -> Trial:
    pool = ("{python}", "pool.py", function, str(CALLS))
    return Trial(name, _calls(action), RUN, "a bare `ProcessPoolExecutor`", pool, CALLS, "calls")


BARELY = "a loop in Python that starts, awaits, digests, notes down"
WRITES = 'outputs = ["out/{{ n }}"]\ncall = "called:write"\nargs = { path = "{{ outputs[0] }}" }'

TRIALS = (
    Trial("`flowmake --help`", _few_tasks, ("{flowmake}", "--help"), "`python -c pass`", PASS),
    Trial("`flowmake list`, 20 tasks", _few_tasks, ("{flowmake}", "list"), "`python -c pass`", PASS),
    Trial("load a Flowfile of 10,000 tasks and make the graph", _many_tasks, LOAD),
    Trial("the same with `foreach` for 100,000 instances", _many_instances, LOAD),
    Trial("`flowmake check`, 10,000 tasks", _many_tasks, ("{flowmake}", "check")),
    Trial("`flowmake check`, 100,000 instances", _many_instances, ("{flowmake}", "check")),
    Trial(f"build {SOME:,} tasks that run a shell", _shell_tasks, RUN, BARELY, ("{python}", "bare.py")),
    _hashing("run a task that reads a file of 2 GiB, on one core", 1, 2 * GIB, 1),
    _hashing("run a task that reads 8 files of 256 MiB", 8, GIB // 4),
    _hashing("run a task that reads 20,000 files of 4 KiB", 20_000, 4096),
    _hashing("the same once all is done, and all files were touched", 20_000, 4096, edit=_touch),
    _hashing(f"the same with {MANY:,} tasks that read one file each", MANY, 4096, set_up=_readers, edit=_touch),
    _calling(f"{CALLS:,} `call` tasks without outputs", 'call = "called:nothing"', "nothing"),
    _calling(f"{CALLS:,} `call` tasks with an output each", WRITES, "write"),
)
