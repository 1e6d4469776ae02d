"""The world in memory, one fake per port, each passing the contract suite of the real one. Unaware of any test."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import time

from flowmake.core.model import Attempt, Check, RunRecord, TaskRecord, Trace
from flowmake.core.patterns import compile_pattern
from flowmake.core.ports import ABSENT, Ended, Executor, Work
from flowmake.world.contents import hash_bytes


@dataclass(frozen=True)
class FakeFile:
    """What a file holds; `written` counts all writes, and so tells one state of a file from the next."""

    data: bytes
    executable: bool = False
    written: int = 0
    touched: float = 0.0


class FakeFiles:
    """`Files` in a dict; change it with `write`, `make_dir`, `remove`. Remembers digests until `forget`, as on disk.

    `now` tells when a file is written.
    """

    def __init__(self, files: Mapping[str, str | bytes] | None = None, now: Callable[[], float] = time) -> None:
        self._now = now
        self.files: dict[str, FakeFile] = {}
        self.folders: set[str] = set()
        self.hashed: list[str] = []
        """Every path whose content was looked at, in order."""
        self._memo: dict[str, str] = {}
        self._writes = 0
        for path, data in (files or {}).items():
            self.write(path, data)

    def write(self, path: str, data: str | bytes = b"", executable: bool = False) -> None:
        """Create or replace a file, with its folders."""
        self._writes += 1
        content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        self.files[path] = FakeFile(content, executable, self._writes, self._now())
        self._make_parents(path)

    def make_dir(self, path: str) -> None:
        """Create a folder (final `/` optional), with those above it."""
        self.folders.add(path.rstrip("/") + "/")
        self._make_parents(path.rstrip("/"))

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all it holds; nothing happens if it is not there."""
        self.files.pop(path, None)
        folder = path.rstrip("/") + "/"
        self.folders = {one for one in self.folders if not one.startswith(folder)}
        self.files = {one: file for one, file in self.files.items() if not one.startswith(folder)}

    def text(self, path: str) -> str:
        """The content of a file that is there."""
        return self.files[path].data.decode("utf-8", "surrogateescape")

    def digest(self, path: str, check: Check = "content") -> str:
        if check == "exists":
            return "exists" if self.exists(path) else ABSENT
        if check == "stat":
            file = self.files.get(path)
            return f"stat:{len(file.data)}-{file.written}" if file else ABSENT
        if path not in self._memo:
            self._memo[path] = self._digest(path)
        return self._memo[path]

    def digests(self, paths: Sequence[str]) -> list[str]:
        return [self.digest(path) for path in paths]

    def foresee(self, paths: Iterable[str], most: int | None = None) -> int:
        taken, left = 0, float("inf") if most is None else most
        for path in paths:
            if left <= 0:
                break
            taken += 1
            if path in self.files:
                left -= 0 if path in self._memo else len(self.files[path].data)
                self.digest(path)
        return taken

    def exists(self, path: str) -> bool:
        return path in self.files or self.is_dir(path)

    def is_dir(self, path: str) -> bool:
        return path in (".", "./") or path.rstrip("/") + "/" in self.folders

    def glob(self, pattern: str) -> list[str]:
        compiled = compile_pattern(pattern)
        candidates = self.folders if compiled.directory else self.files
        return sorted(path for path in candidates if compiled.matches(path) and not _is_left_out(path))

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path].data

    def forget(self, paths: Iterable[str] | None = None) -> None:
        paths = ["./"] if paths is None else paths
        for path in paths:
            if path in (".", "./"):
                self._memo.clear()
            bare = path.rstrip("/")
            for known in list(self._memo):
                above = known.rstrip("/")
                if f"{bare}/".startswith(f"{above}/") or above == "." or f"{above}/".startswith(f"{bare}/"):
                    del self._memo[known]

    def doubtful(self, digests: Mapping[str, str]) -> list[str]:
        return [path for path in digests if path not in self.files or self._digest(path) != digests[path]]

    def touched_since(self, path: str, moment: float) -> bool:
        return path not in self.files or self.files[path].touched >= moment

    def vouch(self, path: str, digest: str) -> None:
        self._memo[path] = digest

    def _digest(self, path: str) -> str:
        if path in self.files:
            self.hashed.append(path)
            return hash_bytes(self.files[path].data, self.files[path].executable)
        if not self.is_dir(path):
            return ABSENT
        top = "" if path in (".", "./") else path.rstrip("/") + "/"
        inside = {one: self._digest(one) for one in self.files if one.startswith(top) and not _is_left_out(one)}
        folders = dict.fromkeys((one for one in self.folders if one.startswith(top) and not _is_left_out(one)), "")
        items = [f"{one[len(top) :]}\0{digest}" for one, digest in sorted({**inside, **folders}.items())]
        return "tree:" + hash_bytes("\0".join(items).encode("utf-8", "surrogateescape"))

    def _make_parents(self, path: str) -> None:
        while "/" in path.strip("/"):
            path = path.rpartition("/")[0]
            self.folders.add(path + "/")


def _is_left_out(path: str) -> bool:
    return any(part in (".git", ".flowmake") for part in path.split("/"))


class FakeStore:
    """`Store` in dicts. `crashed()` is what another process would find if this one died now."""

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}
        self._attempts: dict[str, Attempt] = {}
        self._runs: dict[str, RunRecord] = {}
        self._records: list[TaskRecord] = []
        self._made: dict[str, str] = {}
        self._named: set[str] = set()
        self._durable: FakeStore | None = None
        self.flushes = 0

    def traces(self) -> Mapping[str, Trace]:
        return self._traces

    def discovered(self, task: str) -> tuple[str, ...]:
        trace = self._traces.get(task)
        return () if trace is None else trace.discovered

    def attempts(self) -> Mapping[str, Attempt]:
        return self._attempts

    def begin_run(self, run: RunRecord) -> None:
        self._runs[run.id] = run

    def end_run(self, run: RunRecord) -> None:
        self._runs[run.id] = run

    def begin_task(self, attempt: Attempt) -> None:
        self._attempts[attempt.task] = attempt

    def end_task(self, attempt: Attempt, record: TaskRecord, trace: Trace | None) -> None:
        self._attempts[attempt.task] = attempt
        self._records.append(record)
        if trace is not None:
            self._traces[trace.task] = trace
            self._made.update(trace.outputs)

    def made(self) -> Mapping[str, str]:
        return dict(self._made)

    def made_beside(self, declared: Container[str]) -> set[str]:
        return {path for path in self._made if path not in declared}

    def unmake(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._made.pop(path, None)
            self._named.discard(path)

    def named_orphans(self) -> set[str]:
        return set(self._named)

    def name_orphans(self, paths: Iterable[str]) -> None:
        self._named = self._made.keys() & set(paths)

    def accept(self, trace: Trace) -> None:
        self._traces[trace.task] = trace
        self._attempts.pop(trace.task, None)

    def forget_task(self, task: str) -> None:
        self._traces.pop(task, None)
        self._attempts.pop(task, None)

    def flush(self) -> None:
        self.flushes += 1
        self._durable = self._copy()

    def runs(self, limit: int = 0) -> list[RunRecord]:
        return sorted(self._runs.values(), key=lambda run: run.started)[::-1][: limit or None]

    def tasks_of(self, run: str) -> list[TaskRecord]:
        return [record for record in self._records if record.run == run]

    def records_of(self, task: str, limit: int = 0) -> list[TaskRecord]:
        return [record for record in reversed(self._records) if record.task == task][: limit or None]

    def close(self) -> None:
        self.flush()

    def crashed(self) -> FakeStore:
        """A store with only what was flushed."""
        return FakeStore() if self._durable is None else self._durable._copy()

    def _copy(self) -> FakeStore:
        copy = FakeStore()
        copy._traces, copy._attempts = dict(self._traces), dict(self._attempts)
        copy._runs, copy._records = dict(self._runs), list(self._records)
        copy._made, copy._named = dict(self._made), set(self._named)
        copy._durable = copy
        return copy


class FakeClock:
    """`Clock` that moves only when waited on, and then at once: to the next alarm, or to the end of the wait."""

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.time = start
        self._alarms: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def alarm(self, seconds: float) -> None:
        """Something will happen in so many seconds: a wait ends then."""
        heapq.heappush(self._alarms, self.time + seconds)

    def wait(self, fds: Sequence[int], timeout: float | None) -> None:
        while self._alarms and self._alarms[0] <= self.time:
            heapq.heappop(self._alarms)
            return
        ends = [*self._alarms[:1], *([] if timeout is None else [self.time + max(timeout, 0.0)])]
        if not ends:
            raise AssertionError("this wait would never end: no alarm is set and there is no timeout")
        self.time = min(ends)
        while self._alarms and self._alarms[0] <= self.time:
            heapq.heappop(self._alarms)


Outcome = int | Ended | None
"""What a fake command gives: an exit code (None: 0), or how the attempt ended in full."""


class FakeExecutor(Executor):
    """`Executor` whose commands are one plain function, called when the attempt's time is over.

    `seconds` is how long an attempt takes by `clock`; without a clock all end at the next `poll`. A stopped attempt
    ends by signal at once; if it is in `stubborn`, only when killed.
    """

    def __init__(
        self,
        command: Callable[[Work], Outcome] = lambda work: 0,
        clock: FakeClock | None = None,
        seconds: Callable[[Work], float] = lambda work: 0.0,
    ) -> None:
        self._command = command
        self._clock = clock
        self._seconds = seconds
        self.started: list[Work] = []
        """Every attempt begun, in order."""
        self.running: dict[str, tuple[float, Work]] = {}
        """Attempts by task, with the time each will end."""
        self.most_at_once = 0
        self.stopped: list[tuple[str, bool]] = []
        self.stubborn: set[str] = set()
        self.closed = False
        self._signalled: list[Ended] = []

    def start(self, work: Work) -> int:
        assert work.task not in self.running, f"{work.task} is running already"
        duration = self._seconds(work)
        if self._clock is not None:
            self._clock.alarm(duration)
        self.started.append(work)
        self.running[work.task] = (self._now() + duration, work)
        self.most_at_once = max(self.most_at_once, len(self.running))
        return len(self.started)

    def poll(self) -> list[Ended]:
        ended, self._signalled = self._signalled, []
        due = [(end, work) for end, work in self.running.values() if self._clock is None or end <= self._now()]
        for _, work in sorted(due, key=lambda pair: pair[0]):
            del self.running[work.task]
            ended.append(self._finish(work))
        return ended

    def fds(self) -> Sequence[int]:
        return ()

    def stop(self, task: str, *, kill: bool = False) -> None:
        self.stopped.append((task, kill))
        if task in self.running and (kill or task not in self.stubborn):
            del self.running[task]
            self._signalled.append(Ended(task, signal=9 if kill else 15))
            if self._clock is not None:
                self._clock.alarm(0.0)

    def close(self) -> None:
        self.running.clear()
        self.closed = True

    def tasks(self) -> list[str]:
        """Names of all attempts begun, in order."""
        return [work.task for work in self.started]

    def _finish(self, work: Work) -> Ended:
        outcome = self._command(work)
        if isinstance(outcome, Ended):
            return replace_task(outcome, work.task)
        return Ended(work.task, exit_code=outcome or 0, seconds=self._seconds(work))

    def _now(self) -> float:
        return 0.0 if self._clock is None else self._clock.monotonic()


def replace_task(ended: Ended, task: str) -> Ended:
    """The same end, of another task."""
    return Ended(task, *(getattr(ended, name) for name in Ended.__struct_fields__[1:]))
