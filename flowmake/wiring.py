"""The only file that names concrete adapters: which disk, store, clock and executors a project works with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from xxhash import xxh3_128_hexdigest

from flowmake.core.errors import StateError, UsageError
from flowmake.core.model import Flow
from flowmake.world import snapshot
from flowmake.world.files import DiskFiles
from flowmake.world.glance import looks_whole
from flowmake.world.state import StateDir, locate

if TYPE_CHECKING:
    from flowmake.core.events import Event
    from flowmake.core.ports import Executor, ExecutorKind, Files, Observer, Site
    from flowmake.core.secrets import Secrets
    from flowmake.engine.jobserver import Jobserver
    from flowmake.world.clock import SystemClock
    from flowmake.world.earlier import Earlier
    from flowmake.world.logs import KeptLogs
    from flowmake.world.signals import Signals
    from flowmake.world.store import SqliteStore

FLOWFILE = "Flowfile"
KINDS = {name: f"flowmake.engine.executors.{name}" for name in ("dask", "slurm")}
"""Kinds of remote executors that come with flowmake, and the modules whose `KIND` they are."""


def find_flowfile(path: str | None) -> str:
    """The absolute path of the Flowfile: as given, or searched from the current folder upwards. Raises `UsageError`."""
    if path is not None:
        found = os.path.abspath(path)
        if os.path.isdir(found):
            found = os.path.join(found, FLOWFILE)
        if not os.path.isfile(found):
            raise UsageError(f"there is no Flowfile at `{path}`", "`flowmake init` writes one to start from")
        return found
    try:
        folder = os.getcwd()
    except FileNotFoundError as error:
        raise UsageError("the current folder has been removed", "change into another one") from error
    while True:
        candidate = os.path.join(folder, FLOWFILE)
        if os.path.isfile(candidate):
            return candidate
        parent = os.path.dirname(folder)
        if parent == folder:
            hint = "`flowmake init` writes one to start from; `-f FILE` names one elsewhere"
            raise UsageError("there is no `Flowfile` here or in any folder above", hint)
        folder = parent


class DiskSources:
    """`core.expand.Sources` on the real disk and the real calendar."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.glob = files.glob

    def read(self, path: str) -> str:
        return self._files.read(path).decode("utf-8", "surrogateescape")

    def today(self) -> date:
        return date.today()


class Includes:
    """Runs include programs, and keeps what they printed until the files they read, or the program, change."""

    def __init__(self, root: str, state: StateDir, files: DiskFiles) -> None:
        self._root = root
        self._state = state
        self._files = files
        self._printed: dict[str, str] = {}

    def output(self, argv: tuple[str, ...], inputs: tuple[str, ...]) -> str:
        """What the program prints. Raises `StateError` when it fails."""
        key = xxh3_128_hexdigest("\0".join([*argv, *inputs, *self._files.digests(inputs)]).encode("utf-8", "replace"))
        kept = os.path.join(self._state.path, "includes", key)
        text = _kept(kept)
        if text is None:
            text = self._printed[kept] = _printed(self._root, argv)
        return text

    def keep(self) -> None:
        """Write what programs printed to the state folder, which exists; commands that only read do not ask for it."""
        for path, text in self._printed.items():
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
                    file.write(f"{_checksum(text)}\n{text}")
                os.replace(f"{path}.{os.getpid()}", path)
            except OSError as error:
                raise StateError(f"cannot write `{path}`: {error.strerror}") from error
        self._printed.clear()


def _kept(path: str) -> str | None:
    """What a program printed earlier; None where nothing was kept, or a power cut has taken some of it."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            checksum, _, text = file.read().partition("\n")
    except FileNotFoundError:
        return None
    return text if checksum == _checksum(text) else None


def _checksum(text: str) -> str:
    return xxh3_128_hexdigest(text.encode())


def _printed(root: str, argv: Sequence[str]) -> str:
    import shlex
    import subprocess

    try:
        done = subprocess.run(argv, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise StateError(f"cannot run the include program `{argv[0]}`: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise StateError(f"the include program `{shlex.join(argv)}` failed with exit code {done.returncode}", said)
    return done.stdout.decode("utf-8", "replace")


def read_params(path: str | None) -> dict[str, Any]:
    """The parameters in a TOML or JSON file; none without a file. Raises `UsageError`."""
    if path is None:
        return {}
    import json

    import tomli

    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UsageError(f"cannot read the parameters in `{path}`: {error.strerror}") from error

    try:
        found = json.loads(data) if path.endswith(".json") else tomli.loads(data.decode())
    except ValueError as error:
        expected = "JSON" if path.endswith(".json") else "TOML"
        hint = "parameters are read from TOML or JSON files" if path.endswith((".yaml", ".yml")) else ""
        raise UsageError(f"`{path}` is not {expected}: {error}", hint) from error
    if not isinstance(found, dict):
        raise UsageError(f"`{path}` must hold a table of parameters")
    return found


def open_state(root: str, flowfile: str) -> StateDir:
    return locate(root, os.environ, flowfile)


def open_store(state: StateDir, *, read_only: bool, notices: list[str] | None = None) -> SqliteStore:
    """`notices` takes up what people should be told about the state."""
    if not read_only and not looks_whole(state.database):
        snapshot.clear(state.path)  # they rest on records that somebody has removed or ruined
    from flowmake.world.store import SqliteStore

    return SqliteStore(state.database, read_only=read_only, notices=notices)


def open_files(
    root: str, state: StateDir, store: SqliteStore | None = None, paths: Sequence[str] | None = None
) -> DiskFiles:
    """The disk below a root; digests known from earlier runs, of all `paths` or some, spare hashing with a store."""
    return DiskFiles(root, store.stat_cache(paths) if store is not None else None, exclude=(state.top,))


def earlier(root: str, state: StateDir) -> Earlier:
    """How files were when they were last hashed by a run."""
    from contextlib import closing

    from flowmake.world.earlier import Earlier

    with closing(open_store(state, read_only=True)) as store:
        known = store.stat_cache()
        files = DiskFiles(root, store.stat_cache(), exclude=(state.top,))
    return Earlier(root, known, files.digest, files.is_left_out)


def open_files_again(files: DiskFiles) -> DiskFiles:
    """The same disk, looked at afresh; what is known of unchanged files still spares hashing."""
    return DiskFiles(files.root, files.cache, files.excluded)


def wait_out_tick() -> None:
    """Until a change of a file can no longer hide behind the times that it has now."""
    from time import sleep

    from flowmake.world.ticks import FINE_NS

    sleep((FINE_NS + 1_000_000) / 1e9)


@contextmanager
def locked(state: StateDir, mode: str, say: Callable[[str], None] | None, secrets: Secrets) -> Iterator[bool]:
    """Hold the writer's lock of a root; False where `skip` found it busy. Raises `LockBusy`."""
    from flowmake.world.lock import acquire

    state.create()
    lock = acquire(state.lock, mode, say or (lambda text: None), secrets.deep(sys.argv))
    if lock is None:
        yield False
        return
    with lock:
        yield True


def is_locked(state: StateDir) -> bool:
    from flowmake.world.lock import is_held

    return is_held(state.lock)


def clock(signals: Signals | None = None) -> SystemClock:
    from flowmake.world.clock import SystemClock

    return SystemClock(signals)


def cores() -> int:
    from flowmake.world.cpus import available_cpus

    return available_cpus()


def jobserver(flow: Flow, jobs: int, state: StateDir, environ: Mapping[str, str]) -> Jobserver:
    from flowmake.engine.jobserver import Jobserver

    return Jobserver(flow.jobserver, jobs, state.path, environ)


def executors(flow: Flow, jobs: int, pass_fds: Sequence[int]) -> dict[str, Executor]:
    """Those of this machine, for commands and, where a flow has any, for calls; they start nothing by themselves."""
    from flowmake.engine.executors.local import LocalExecutor

    found: dict[str, Executor] = {"local": LocalExecutor(pass_fds)}
    if any(declared.kind == "call" for declared in flow.declarations.values()):
        from flowmake.engine.executors.pool import PoolExecutor

        found["call"] = PoolExecutor(jobs, pass_fds)
    return found


def logs(flow: Flow, secrets: Secrets) -> KeptLogs:
    from flowmake.world.logs import KeptLogs

    return KeptLogs(flow.log_limit, secrets.as_bytes)


def scrub_logs(state: StateDir, run: str, secrets: Secrets) -> Iterator[str]:
    """Take secrets out of the logs of a run that did not live to do it itself; what keeps them there, in sentences."""
    from flowmake.world.logs import scrub, uncleaned

    folder = state.logs(run)
    for name in os.listdir(folder) if secrets.are_known and os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        try:
            scrub(path, secrets.as_bytes())
        except OSError as error:
            yield uncleaned(path, error)


def executor_kind(name: str) -> ExecutorKind | None:
    """The kind of executor of that name: one of ours, or what an installed plug-in brings. Raises `UsageError`."""
    from importlib import import_module
    from importlib.metadata import entry_points

    from flowmake.core.ports import ExecutorKind

    if name in KINDS:
        return cast(ExecutorKind, import_module(KINDS[name]).KIND)
    found = next(iter(entry_points(group="flowmake.executors", name=name)), None)
    if found is None:
        return None
    try:
        kind = found.load()
    except Exception as error:  # whatever a plug-in raises when it is imported
        raise UsageError(f"cannot load the executor `{name}` from `{found.value}`: {error}") from error
    if not isinstance(kind, ExecutorKind):
        raise UsageError(f"`{found.value}`, which should be the executor `{name}`, is no `ExecutorKind`")
    return kind


def executor_kinds() -> list[str]:
    """The names of all kinds there are."""
    from importlib.metadata import entry_points

    return sorted({*KINDS, *(entry.name for entry in entry_points(group="flowmake.executors"))})


def site(state: StateDir, flow: Flow, name: str, jobs: int, environ: Mapping[str, str]) -> Site:
    """Where the executor of that name works."""
    from flowmake.core.ports import Site

    return Site(name, flow.root, os.path.join(state.path, "attempts", name), jobs, environ)


def signals() -> Signals:
    from flowmake.world.signals import Signals

    return Signals()


def stop_survivors(runs: Sequence[str], root: str, grace: float) -> list[str]:
    """Stop what dead runs left running; a sentence for each that would not die, and one for those that did."""
    from flowmake.world.orphans import find_orphans, stop_orphans

    found = find_orphans(runs, root)
    if not found:
        return []
    left = stop_orphans(found, grace)
    said = [f"process {one.pid}, left by an earlier run, cannot be stopped" for one in left]
    if stopped := len(found) - len(left):
        said.append(f"stopped {stopped} process{'es' if stopped > 1 else ''} that an earlier run had left behind")
    return said


def hooks(
    flow: Flow,
    tasks: Mapping[str, tuple[str, str]],
    environ: Mapping[str, str],
    say: Callable[[str], None],
    failed: bool,
    secrets: Secrets,
) -> Observer:
    """Listens for the end of tasks and of the run, and calls the flow's hooks."""

    from flowmake.observers.hooks import Hooks

    def run_command(text: str, stdin: bytes) -> int:
        from flowmake.world.discreet import run_discreetly

        return run_discreetly([*flow.shell, text], flow.root, environ, stdin, secrets.as_bytes())

    return Hooks(flow.hooks, run_command, say, previous_failed=failed, tasks=tasks, flow=flow.name)


def run_log(path: str, say: Callable[[str], None]) -> Observer:
    """Keeps the events of a run in a file, once anything is run."""
    from flowmake.observers.runlog import RunLog

    return RunLog(path, say)


def observer(listener: Observer | Callable[[Event], object]) -> Observer:
    """The listener itself, or one that calls it, if it is a function."""
    if not callable(listener):
        return listener
    from flowmake.observers.function import Function

    return Function(listener)


def who_and_where(root: str) -> dict[str, Any]:
    """User, host and git commit, for the history; empty texts where unknown."""
    import getpass

    from flowmake.world.git import commit_at

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return {"user": user, "host": os.uname().nodename, "commit": commit_at(root)}
