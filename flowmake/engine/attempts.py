"""One attempt at a task: prepare outputs, hand work to an executor, verify and record. Unaware of order and limits."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from flowmake.core import fingerprint, tracing
from flowmake.core.depfile import parse_depfile
from flowmake.core.errors import FlowmakeError
from flowmake.core.evidence import Evidence
from flowmake.core.model import Retry, Task, Trace
from flowmake.core.patterns import normalise
from flowmake.core.placement import LOCAL, executor_of, local_executor_of
from flowmake.core.ports import ABSENT, Ended, Traits, Work
from flowmake.core.staleness import Facts
from flowmake.engine.books import Books, End
from flowmake.engine.fences import Fence, Fences
from flowmake.engine.outputs import Outputs
from flowmake.engine.session import NO_FENCE, Judged, Running, Session
from flowmake.engine.states import State

LOST_ATTEMPTS = 3
"""How often an attempt that an executor lost is repeated without counting among the task's own `retries`."""


class Result(Struct, frozen=True):
    """How an attempt came out: the state it leads to, why in a sentence, and after how long to repeat it, if at all."""

    state: State
    message: str = ""
    retry_in: float | None = None


class Attempts:
    """Begins and ends attempts, and has it written in the `books`. Decides on retries, not on what runs next."""

    def __init__(self, session: Session, evidence: Evidence, jitter: Callable[[], float]) -> None:
        self._session = session
        self._evidence = evidence
        self._jitter = jitter
        self.books = Books(session, evidence)
        self._fences = Fences(session.run, session.executors)
        self._traits = {name: executor.traits for name, executor in session.executors.items()}
        self._lost: Counter[str] = Counter()

    # -- beginning ---------------------------------------------------------------------------------------------

    def place(self, task: Task) -> tuple[str, Traits]:
        """The executor that a task goes to, and what must be known of it."""
        name = executor_of(task.declared, self._session.default_executor)
        name = local_executor_of(task.declared) if name == LOCAL else name
        return name, self._traits[name]

    def prepare(self, task: Task, number: int, judged: Judged, cpu: int) -> Running:
        """Everything before the start, marked as running in the store (not yet flushed)."""
        session = self._session
        self.books.open()
        name, traits = self.place(task)
        fence = self._fence(name, task, judged.facts) if traits.remote else NO_FENCE
        outputs = Outputs(session.root, task, self._evidence.files.glob, fence.name)
        executor = session.executors[name]
        on_terminal = task.declared.console and task.declared.kind != "call"
        log = "" if on_terminal else session.log_of(task.name)
        running = Running(task, number, judged, outputs, log, executor, started=session.clock.now())
        running.fence, running.lost_before = fence, self._lost[task.name]
        running.begun = not traits.queues
        try:
            running.foreign = self._prepare_outputs(running)
            if (path := self._depfile(running)) and not fence.resumed:
                outputs.remove_depfile(path)
            running.work = self._work(running, cpu)
        except OSError as error:
            running.launch_error = f"cannot prepare the outputs: {error.strerror}: {error.filename}"
        except FlowmakeError as error:
            running.launch_error = error.message
        self.books.mark(running)
        return running

    def begin(self, running: Running) -> None:
        """The command of what was queued has begun, just now as far as anybody knows."""
        if not running.begun:
            running.begun, running.started = True, self._session.clock.now()
            self.books.mark(running)
            self.books.started(running, 0)

    def _fence(self, executor: str, task: Task, facts: Facts) -> Fence:
        assert facts.recipe is not None
        return self._fences.take(executor, task.name, fingerprint.identity(facts.recipe, facts.inputs))

    def _prepare_outputs(self, running: Running) -> tuple[str, ...]:
        """Make everything ready for an attempt; the files under its output globs that are not its own."""
        outputs, last, trace = running.outputs, running.judged.attempt, running.judged.trace
        if last is not None and last.status == "running" and last.run != self._session.run:
            outputs.remove_unfinished(last.foreign)
        if running.fence.name and not running.fence.resumed and last is not None and last.status != "succeeded":
            outputs.sweep()
        outputs.prepare(trace.outputs if trace is not None else (), resumed=running.fence.resumed)
        return tuple(outputs.matches())

    def _work(self, running: Running, cpu: int) -> Work:
        session, task, facts = self._session, running.task, running.judged.facts
        recipe = facts.recipe
        assert recipe is not None
        staged = running.outputs.staged()
        if staged or cpu != 1:
            renderer = self._evidence.renderer(task, self._evidence.resolve(task), staged, cpu)
            recipe = structs.replace(recipe, argv=renderer.argv(), args=renderer.args())
        hidden = self._evidence.graph.flow.secrets
        if hidden:
            session.secrets.learn(recipe.environment[name] for name in hidden if name in recipe.environment)
        environ = {
            **session.environ,
            **({} if running.fence.name else session.served),
            **recipe.environment,
            "FLOWMAKE_TASK": task.name,
            "FLOWMAKE_RUN_ID": session.run,
            "FLOWMAKE_ROOT": session.root,
        }
        argv = recipe.shown or recipe.argv
        running.command = recipe.call or (argv[-1] if task.declared.kind == "run" else " ".join(argv))
        return Work(
            task=task.name,
            attempt=running.number,
            log=running.log,
            cwd=os.path.join(session.root, recipe.cwd) if recipe.cwd else session.root,
            env=environ,
            argv=recipe.argv,
            call=recipe.call,
            args=recipe.args,
            console=task.declared.console,
            root=session.root,
            **(self._elsewhere(running, staged) if running.fence.name else {}),
        )

    def _elsewhere(self, running: Running, staged: Mapping[str, str]) -> dict[str, Any]:
        """What an attempt needs to know that is made on another machine."""
        recipe, task = running.judged.facts.recipe, running.task
        assert recipe is not None
        return {
            "run": self._session.run,
            "fence": running.fence.name,
            "identity": fingerprint.identity(recipe, running.judged.facts.inputs),
            "outputs": tuple(staged.values()),
            "resources": task.resources,
            "timeout": task.declared.timeout,
            "grace": self._session.grace,
            "options": task.declared.options,
        }

    def launch(self, running: Running) -> bool:
        """Start what was prepared; False if it could not be, which `finish` then reports."""
        if running.work is None:
            return False
        if running.fence.resumed:
            self._announce(running, 0)
            running.executor.resume(running.work)
        elif running.work.console:
            # Whoever draws on the terminal must have stepped aside before the command writes to it.
            self.books.started(running, 0)
            running.executor.start(running.work)
        else:
            self._session.logs.begin(running.log)
            self._announce(running, running.executor.start(running.work))
        return True

    def _announce(self, running: Running, pid: int) -> None:
        if running.begun:
            self.books.started(running, pid)
        else:
            self.books.queued(running, self.place(running.task)[0])

    # -- ending ------------------------------------------------------------------------------------------------

    def finish(self, running: Running, ended: Ended) -> Result:
        """Verify, record and announce the end of an attempt, or announce its repetition."""
        if problem := self._session.logs.end(running.log, spare=ended.exit_code == 0 and not running.fence.name):
            self.books.notice(problem, running.task.name)
        message = self.failure(running, ended)
        if running.fence.name:
            self._settle_start(running, ended)
        trace: Trace | None = None
        if not message:
            trace, message = self._accept(running, ended)
        if trace is not None:
            return self._succeeded(running, ended, trace)
        self._evidence.changed([*self._evidence.output_paths(running.task), *running.outputs.made()])
        return self._failed(running, ended, message)

    def _settle_start(self, running: Running, ended: Ended) -> None:
        """What an attempt waited in a queue is none of its own time."""
        if running.begun and not ended.seconds:
            return
        running.started = running.ended - ended.seconds
        if not running.begun and ended.seconds:
            running.begun = True
            self.books.started(running, 0)

    def failure(self, running: Running, ended: Ended) -> str:
        """Why it failed, as far as that can be told without reading anything; nothing if all seems well."""
        if running.failure is None:
            running.timed_out |= ended.timed_out
            running.failure = running.launch_error or ended.error or self._failure(running, ended)
        return running.failure

    def _failure(self, running: Running, ended: Ended) -> str:
        if running.timed_out:
            return f"timed out after {running.task.declared.timeout:g} s"
        if running.stopped:
            return "stopped"
        if ended.signal is not None:
            name = _signal_name(ended.signal)
            return f"killed by {name}" if name.startswith("SIG") else f"killed by signal {name}"
        if ended.exit_code:
            return f"exit code {ended.exit_code}"
        missing, folders = running.outputs.faults()
        if missing:
            return "exit code 0, but it did not make " + ", ".join(f"`{path}`" for path in missing)
        if folders:
            return f"it made a directory `{folders[0]}`, declared as a file; write `{folders[0]}/` in `outputs`"
        return ""

    def _accept(self, running: Running, ended: Ended) -> tuple[Trace | None, str]:
        """Put staged outputs in place and digest everything; a trace, or why there is none."""
        name, outputs = running.task.name, running.outputs
        vouched = tracing.NOTHING
        try:
            discovered = self._read_depfile(running) if running.task.declared.depfile else []
            if staged := outputs.staged():
                outputs.publish()
                vouched = _vouched(staged, ended)
            trace, edited = tracing.settle(
                self._evidence,
                name,
                running.judged.facts,
                outputs.made(),
                discovered,
                running.started,
                running.ended,
                vouched,
                self._session.run,
            )
        except OSError as error:
            return None, f"cannot take over the outputs: {error.strerror}: {error.filename}"
        except (FlowmakeError, ValueError) as error:
            return None, str(error)
        if edited:
            text = ", ".join(f"`{path}`" for path in edited)
            self.books.notice(f"{text} changed while `{name}` ran; it stays stale", name)
        return trace, ""

    def _depfile(self, running: Running) -> str:
        declared = running.task.declared
        if not declared.depfile:
            return ""
        evidence = self._evidence
        renderer = evidence.renderer(running.task, evidence.resolve(running.task), running.outputs.staged())
        return normalise(renderer.plain(declared.depfile, "depfile"))

    def _read_depfile(self, running: Running) -> list[str]:
        path = self._depfile(running)
        try:
            with open(running.outputs.path(path), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            raise FileNotFoundError(2, "the depfile was not written", path) from None
        if running.fence.name:
            running.outputs.remove_depfile(path)  # it bears the name of this attempt, and nobody else will look for it
        return self._new_inputs(running, parse_depfile(data))

    def _new_inputs(self, running: Running, paths: Sequence[str]) -> list[str]:
        """Prerequisites as root-relative paths, without the task's own outputs and declared inputs."""
        root = self._session.root.rstrip("/") + "/"
        task, evidence = running.task, self._evidence
        known = {entry.path for entry in evidence.resolve(task)} | set(running.outputs.made())
        cwd = running.work.cwd.rstrip("/") + "/" if running.work is not None else root
        found = (normalise(os.path.join(cwd, path)).removeprefix(root) for path in paths)
        return [path for path in dict.fromkeys(found) if path not in known]

    def _succeeded(self, running: Running, ended: Ended, trace: Trace) -> Result:
        old = running.judged.trace
        cut_off = old is not None and bool(trace.outputs) and old.outputs == trace.outputs
        self._evidence.remember(trace)
        self.books.ended(running, ended, "succeeded", trace=trace, cut_off=cut_off)
        return Result(State.SUCCEEDED)

    def _failed(self, running: Running, ended: Ended, message: str) -> Result:
        declared = running.task.declared
        if declared.on_fail_outputs == "delete":
            try:
                running.outputs.discard()
            except OSError as error:
                self.books.notice(f"cannot delete `{error.filename}`: {error.strerror}", running.task.name)
        delay = self._retry_delay(running, ended)
        if delay is not None:
            self.books.retrying(running, ended, delay)
            return Result(State.RETRYING, message, delay)
        return self.give_up(running, ended, message)

    def give_up(self, running: Running, ended: Ended, message: str) -> Result:
        """Record and announce the end of a failed attempt that will not be repeated."""
        status: End = "failed"
        if running.timed_out:
            status = "timed_out"
        elif running.stopped:
            status = "interrupted"
        self.books.ended(running, ended, status, message=message)
        return Result(State[status.upper()], message)

    def _retry_delay(self, running: Running, ended: Ended) -> float | None:
        retry = running.task.declared.retries
        if running.stopped:
            return None
        if ended.lost and running.lost_before < LOST_ATTEMPTS:
            self._lost[running.task.name] += 1
            return 0.0
        number = running.number - running.lost_before
        if number > retry.attempts or not _is_retryable(retry, running, ended):
            return None
        delay = min(retry.delay * retry.backoff ** (number - 1), retry.max_delay)
        return delay * (0.5 + self._jitter() / 2) if retry.jitter else delay


def _vouched(staged: Mapping[str, str], ended: Ended) -> dict[str, str]:
    """The digests of files by where they are now that they are published; those in folders lie in what was renamed."""
    found: dict[str, str] = {}
    for final, stage in staged.items():
        for path, made in ended.outputs.items() if final.endswith("/") else ((stage, ended.outputs.get(stage)),):
            if made is not None and made.digest != ABSENT and path.startswith(stage) and not path.endswith("/"):
                found[final + path[len(stage) :]] = made.digest
    return found


def _is_retryable(retry: Retry, running: Running, ended: Ended) -> bool:
    if not retry.on:
        return True
    if running.timed_out:
        return "timeout" in retry.on
    if ended.signal is not None:
        return f"signal:{_signal_name(ended.signal)}" in retry.on or f"signal:{ended.signal}" in retry.on
    return f"exit:{ended.exit_code}" in retry.on


def _signal_name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
