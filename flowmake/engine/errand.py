"""Carries out attempts one after the other, and costs next to nothing beside them. Unaware of engines and verdicts.

The program that a job runs, `main`, loads the standard library and xxhash only as long as a command starts, ends, and
leaves plain files. Everything else is left to the modules that know it, which are loaded then: the price of `Node`,
which does the same for many at once, is several times that of a short command.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import time

from flowmake.engine.pigeonholes import Pigeonholes, sealed, unsealed
from flowmake.world.contents import hash_bytes
from flowmake.world.ticks import file_time, wait_for_tick

TYPE_CHECKING = False  # as from `typing`, whose import alone would cost more than all of this file
if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from typing import Any, NoReturn
else:
    import _signal as signal  # what `signal` is made of, without its enums: they cost as much as everything else here

GIVEN_HERE = ("SLURM", "PBS_", "LSB_", "SGE_", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "TMPDIR")
"""Variables that the engine sets for what it starts here, by how they begin; all others come with the work."""

LOOK = 0.2
"""Seconds between two looks whether an attempt is to be stopped."""
PATIENCE = 10.0
"""Seconds for which an end is told again when that fails."""
SMALL = 1 << 20
"""Bytes up to which a file is read in one go."""
_MEMBERS = 0.05
"""Seconds between two looks at what is left of a group that was asked to end."""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_FOREVER = float("inf")


def environment(wanted: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: as the coordinator says, but for what the engine has set here."""
    return {**wanted, **{name: value for name, value in os.environ.items() if name.startswith(GIVEN_HERE)}}


class Wakeups:
    """Returns from waiting as soon as a child ends or SIGTERM comes, which asks for an end of all."""

    def __init__(self) -> None:
        self.is_told = False
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, self._tell)
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)

    def _tell(self, number: int, frame: object) -> None:
        self.is_told = True

    def wait(self, seconds: float) -> None:
        """At most so long."""
        if self._poll.poll(max(seconds, 0.0) * 1000):
            os.read(self._reader, 4096)


class Command:
    """The processes of one attempt. `stop` as for any executor: TERM for the group, after its grace KILL."""

    def __init__(self, pid: int, timeout: float | None, grace: float) -> None:
        self._pid = pid
        self._began = time.monotonic()
        self._stop_at = _FOREVER if timeout is None else self._began + timeout
        self._kill_at = _FOREVER
        self._grace = grace
        self._heeded: bool | None = None
        self.timed_out = False

    def run(self, wakeups: Wakeups, box: Pigeonholes, fence: str) -> dict[str, Any]:
        """Wait for the end, however it comes; what `Ended` says of it."""
        while True:
            done, status, usage = os.wait4(self._pid, os.WNOHANG)
            if done:
                break
            self._heed(False if wakeups.is_told else box.wish(fence))
            wakeups.wait(min(LOOK, self._stop_at - time.monotonic(), self._kill_at - time.monotonic()))
        seconds = time.monotonic() - self._began
        code = os.waitstatus_to_exitcode(status)
        self._end_group(code, wakeups)
        return {
            "exit_code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "seconds": seconds,
            "max_rss": usage.ru_maxrss * _RSS_UNIT,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "timed_out": self.timed_out,
        }

    def _heed(self, wish: bool | None) -> None:
        now = time.monotonic()
        if wish is None and now >= self._stop_at:
            self.timed_out, wish = True, False
        if wish is False and self._heeded is None:
            self._heeded, self._kill_at = False, now + self._grace
            self._signal(signal.SIGTERM)
        if (wish or now >= self._kill_at) and not self._heeded:
            self._heeded, self._kill_at = True, _FOREVER
            self._signal(signal.SIGKILL)
        if self._heeded is not None:
            self._stop_at = _FOREVER

    def _end_group(self, code: int, wakeups: Wakeups) -> None:
        """What a success leaves in the background stays; what a failure leaves must not disturb the next attempt."""
        if self._heeded is False:
            from flowmake.world.process import group_members

            while not self._heeded and group_members(self._pid):
                wakeups.wait(_MEMBERS)
                self._heed(None)
        if code or self._heeded is not None:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._pid, number)
        except ProcessLookupError:  # nothing of it is left
            return


def start(work: Mapping[str, Any]) -> int | str:
    """Start the command of an attempt in a session of its own: its pid, or why it cannot start, in a sentence."""
    env = environment(work["env"])
    try:
        log = os.open(work["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            return _fork(work["argv"], env, work["cwd"], log)
        finally:
            os.close(log)
    except OSError:  # who finds out why may succeed, if the reason has gone meanwhile
        return _start_or_tell_why(work, env)


def _fork(argv: tuple[str, ...], env: dict[str, str], cwd: str, log: int) -> int:
    """Raises `OSError` where the program did not take over."""
    reader, writer = os.pipe()  # closed when the program takes over
    pid = os.fork()
    if not pid:
        try:
            _become(argv, env, cwd, log)
        finally:
            os.write(writer, b"!")
            os._exit(127)
    os.close(writer)
    has_failed = os.read(reader, 1)
    os.close(reader)
    if has_failed:
        os.waitpid(pid, 0)
        raise OSError
    return pid


def _become(argv: tuple[str, ...], env: dict[str, str], cwd: str, log: int) -> NoReturn:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(cwd)
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and ignoring is inherited
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execvpe(argv[0], argv, env)


def _start_or_tell_why(work: Mapping[str, Any], env: dict[str, str]) -> int | str:
    from flowmake.engine.executors.local import open_log
    from flowmake.world.process import CannotStart, spawn

    try:
        log = open_log(work["log"])
        try:
            return spawn(work["argv"], env=env, cwd=work["cwd"], log_fd=log)
        finally:
            os.close(log)
    except CannotStart as failure:
        return str(failure)


def measured(work: Mapping[str, Any]) -> dict[str, Any]:
    """What `Ended` says of the outputs of a success: size and digest of each, or the error that keeps them unknown."""
    full = {path: os.path.join(work["root"], path) for path in work["outputs"]}
    for each in full.values():
        _settle(each, work["log"])
    found = {path: made for path, each in full.items() if (made := _plain(each)) is not None}
    if len(found) == len(full):
        return {"outputs": found}
    from flowmake.core.errors import StateError
    from flowmake.engine.measuring import measure

    try:
        others = measure(work["root"], full.keys() - found.keys(), lambda: file_time(work["log"]))
    except (OSError, StateError) as error:
        return {"exit_code": None, "error": str(error)}
    return {"outputs": found | {path: {"size": made.size, "digest": made.digest} for path, made in others.items()}}


def _settle(full: str, log: str) -> None:
    try:
        wait_for_tick(os.stat(full), log)
    except OSError:  # to be found out, and told, by who measures it
        return


def _plain(full: str) -> dict[str, Any] | None:
    """A small file, whole and at rest; None for whatever else is there, or is not."""
    try:
        before = os.stat(full)
        if not stat.S_ISREG(before.st_mode) or before.st_size > SMALL:
            return None
        with open(full, "rb", buffering=0) as file:
            data = file.readall()
            after = os.fstat(file.fileno())
    except OSError:
        return None
    if len(data) != after.st_size or (before.st_mtime_ns, before.st_ino) != (after.st_mtime_ns, after.st_ino):
        return None
    return {"size": len(data), "digest": hash_bytes(data, bool(after.st_mode & stat.S_IXUSR))}


def carry_out(box: Pigeonholes, fence: str, work: Mapping[str, Any], wakeups: Wakeups) -> dict[str, Any]:
    """From the start of the command to the measures of its outputs; an `Ended`, in plain values."""
    ended: dict[str, Any] = {"task": work["task"], "host": os.uname().nodename}
    pid = start(work)
    if isinstance(pid, str):
        return {**ended, "error": pid}
    ended |= Command(pid, work["timeout"], work["grace"]).run(wakeups, box, fence)
    return ended | measured(work) if ended["exit_code"] == 0 else ended


def tell(box: Pigeonholes, fence: str, work: Mapping[str, Any], ended: dict[str, Any], wakeups: Wakeups) -> None:
    """Report the end; whoever was given up for lost cleans up instead.

    Raises `OSError` when the file system will not have it for too long: then nobody here is of any use.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if box.is_wanted(fence):
                box.write("results", fence, sealed(ended))
            else:
                _clean_up(box, fence, work)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
        wakeups.wait(LOOK)


def _clean_up(box: Pigeonholes, fence: str, work: Mapping[str, Any]) -> None:
    from flowmake.engine.outputs import remove

    box.forget(fence)
    for path in work["outputs"]:
        remove(os.path.join(work["root"], path))


def main() -> int:
    """The program: `HOMES FOLDER FENCE…`. SIGTERM stops what runs and starts nothing more."""
    folder, *fences = sys.argv[2:]
    box, wakeups = Pigeonholes(folder), Wakeups()
    for number, fence in enumerate(fences):
        work = unsealed(box.read("work", fence) or b"")
        if wakeups.is_told:
            break
        if work is not None and work["call"]:  # it takes a Python that knows all its packages
            os.execv(sys.executable, [sys.executable, "-m", "flowmake.engine.node", folder, *fences[number:]])
        if work is not None and box.claim(fence):
            tell(box, fence, work, carry_out(box, fence, work, wakeups), wakeups)
    return 0
