"""The GNU make jobserver: sharing job slots with nested and surrounding makes. Unaware of tasks and of who runs them.

Protocol: "POSIX Jobserver Interaction" in the GNU make manual. Every running job holds one slot. One slot per
participant is implicit; for each further one a byte is read from a shared pipe, and that very byte is written back.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Literal

Form = Literal["pipe", "fifo", "none"]

_FIFO = "jobserver"
_MOST_TOKENS = 4096  # what a pipe takes for certain without blocking
_PREFIXES = ("--jobserver-auth=", "--jobserver-fds=")


class Unavailable(Exception):
    """A jobserver cannot be joined or served; the text says why."""


class Jobserver:
    """Job slots: joined to the jobserver named in MAKEFLAGS if there is one, else served to all commands.

    `form` is how to serve: as a `pipe`, a `fifo` (needs make 4.4), or `none`, which neither joins nor serves and
    knows no limit. `folder` is where the fifo lives. `notice` is a sentence for the user, usually empty.
    `joined` tells whether the slots are someone else's.
    """

    def __init__(self, form: Form, jobs: int, folder: str, environ: Mapping[str, str]) -> None:
        self.notice = ""
        self.joined = False
        self._tokens: _Tokens | None = None
        self._total = -1
        self._used = 0
        self._hungry = False
        self._flags = environ.get("MAKEFLAGS", "")
        if form == "none":
            return
        try:
            self._tokens = join(self._flags)
            self.joined = self._tokens is not None
        except Unavailable as problem:
            self.notice = str(problem)
        if not self.joined:
            self._serve(form, jobs, folder)

    def _serve(self, form: Form, jobs: int, folder: str) -> None:
        try:
            self._tokens = serve(form, jobs, folder)
        except Unavailable as problem:
            self.notice = str(problem)
            return
        self._total = self._tokens.count()
        self._flags = with_jobserver(self._flags, jobs, self._tokens.address)

    @property
    def environ(self) -> dict[str, str]:
        """Variables to set for commands, so that the makes among them join."""
        return {"MAKEFLAGS": self._flags} if self._tokens else {}

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """Descriptors that commands must inherit under the same numbers."""
        return self._tokens.shared if self._tokens else ()

    def acquire(self, n: int = 1) -> bool:
        """Take `n` slots, all or none, without waiting.

        With nothing running it always succeeds, if need be with fewer than `n`: the implicit slot is ours anyway,
        and waiting for more than the other side will ever give would be waiting for ever.
        """
        if self._tokens is None:
            return True
        missing = self._used + n - 1 - self._tokens.held
        got = self._tokens.take(missing) if missing > 0 else 0
        if got < missing and self._used:
            self._tokens.give_back(got)
            self._hungry = True
            return False
        self._used += n
        return True

    def release(self, n: int = 1) -> None:
        """Give `n` slots back."""
        if self._tokens is None:
            return
        self._used -= n
        self._tokens.give_back(self._tokens.held - max(self._used - 1, 0))
        if self._used == 0 and self._total >= 0:
            self._tokens.restore(self._total)

    def fds(self) -> Sequence[int]:
        """Readable when a slot may have come free. Empty unless `acquire` failed since the last call: whoever does not
        want a slot must not be woken by each that is free.
        """
        hungry, self._hungry = self._hungry, False
        return (self._tokens.reader,) if hungry and self._tokens else ()

    def close(self) -> None:
        """Give everything back, and stop serving."""
        if self._tokens:
            self._tokens.close()
            self._tokens = None

    def __enter__(self) -> Jobserver:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class _Tokens:
    """The shared pipe. `reader` is an open file of our own, so that not blocking is our own affair: on the shared one,
    every other participant would suddenly read EAGAIN.
    """

    def __init__(
        self,
        reader: int,
        writer: int,
        address: str,
        shared: tuple[int, ...] = (),
        owned: Sequence[int] = (),
        path: str = "",
    ) -> None:
        self.reader = reader
        self.address = address
        self.shared = shared
        self._writer = writer
        self._owned = owned
        self._path = path
        self._held = bytearray()

    @property
    def held(self) -> int:
        return len(self._held)

    def take(self, wanted: int) -> int:
        """Read up to `wanted` tokens; how many there were."""
        try:
            got = os.read(self.reader, wanted)
        except BlockingIOError:
            return 0
        self._held += got
        return len(got)

    def give_back(self, count: int) -> None:
        """Write the last `count` tokens back, the very bytes that were read."""
        if count > 0:
            back = bytes(self._held[-count:])
            del self._held[-count:]
            os.write(self._writer, back)

    def count(self) -> int:
        """How many lie in the pipe."""
        return int.from_bytes(fcntl.ioctl(self.reader, termios.FIONREAD, bytes(4)), sys.byteorder)

    def restore(self, total: int) -> None:
        """With no job running anywhere, replace what killed commands took with them."""
        lost = total - self.count()
        if lost > 0:
            os.write(self._writer, b"+" * lost)

    def close(self) -> None:
        self.give_back(self.held)
        for fd in self._owned:
            os.close(fd)
        if self._path:
            with suppress(FileNotFoundError):
                os.unlink(self._path)


def serve(form: Form, jobs: int, folder: str) -> _Tokens:
    """Open a jobserver for `jobs` jobs. Raises `Unavailable`."""
    path = _make_fifo(folder)
    # In this order no open waits for its counterpart; three open files, since O_NONBLOCK belongs to the open file.
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    os.write(writer, b"+" * min(jobs - 1, _MOST_TOKENS))
    if form == "fifo":
        return _Tokens(reader, writer, f"fifo:{path}", owned=(reader, writer), path=path)
    shared = (os.open(path, os.O_RDONLY), writer)
    for fd in shared:
        os.set_inheritable(fd, True)  # once: to do so around each start would cost six calls for each command
    os.unlink(path)
    return _Tokens(reader, writer, f"{shared[0]},{shared[1]}", shared, (reader, *shared))


def _make_fifo(folder: str) -> str:
    """A new fifo in `folder`, in place of a dead run's; elsewhere if that cannot be or MAKEFLAGS would split it."""
    path = os.path.join(folder, _FIFO)
    if not any(character.isspace() for character in path):
        with suppress(OSError):
            with suppress(FileNotFoundError):
                os.unlink(path)
            os.mkfifo(path, 0o600)
            return path
    try:
        import tempfile

        path = os.path.join(tempfile.gettempdir(), f"flowmake-{_FIFO}-{os.getpid()}-{os.urandom(4).hex()}")
        os.mkfifo(path, 0o600)
    except OSError as failure:
        raise Unavailable(f"serving no jobserver: cannot make a fifo at `{path}`: {failure.strerror}") from failure
    return path


def join(makeflags: str) -> _Tokens | None:
    """Connect to the jobserver that MAKEFLAGS names; None if it names none. Raises `Unavailable`."""
    address = address_in(makeflags)
    if not address:
        return None
    kind, _, path = address.partition(":")
    return _join_fifo(path) if kind == "fifo" else _join_pipe(address)


def _join_fifo(path: str) -> _Tokens:
    try:
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(path, os.O_WRONLY)
    except OSError as failure:
        raise Unavailable(f"not sharing make's job slots: cannot open `{path}`: {failure.strerror}") from failure
    return _Tokens(reader, writer, f"fifo:{path}", owned=(reader, writer))


def _join_pipe(address: str) -> _Tokens:
    ends = address.split(",")
    if len(ends) != 2 or not all(end.isdigit() for end in ends):
        ends = ["-1", "-1"]  # make 4.4 writes `-2,-2` for recipes it does not share with
    reader, writer = int(ends[0]), int(ends[1])
    if not _is_inherited_pipe(reader, os.O_RDONLY) or not _is_inherited_pipe(writer, os.O_WRONLY):
        raise Unavailable(
            "not sharing make's job slots: make closed its jobserver to this command; "
            "put `+` in front of the recipe line"
        )
    try:
        own = os.open(f"/proc/self/fd/{reader}", os.O_RDONLY | os.O_NONBLOCK)
    except OSError as failure:
        raise Unavailable(
            f"not sharing make's job slots: cannot open its pipe for reading without blocking: {failure.strerror}"
        ) from failure
    return _Tokens(own, writer, address, (reader, writer), (own,))


def _is_inherited_pipe(fd: int, mode: int) -> bool:
    """Is this the end of a pipe that our parent left open for us?

    Where the parent closed it, the number may meanwhile be a pipe of ours, which Python never makes inheritable.
    """
    try:
        found = os.fstat(fd)
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    except (OSError, ValueError):
        return False
    usable = flags & os.O_ACCMODE in (mode, os.O_RDWR)
    return stat.S_ISFIFO(found.st_mode) and usable and os.get_inheritable(fd)


def address_in(makeflags: str) -> str:
    """`R,W` or `fifo:PATH` of the jobserver named in MAKEFLAGS, empty if none is; the last one counts, as for make."""
    found = ""
    for word in _switches(makeflags)[0]:
        for prefix in _PREFIXES:
            if word.startswith(prefix):
                found = word.removeprefix(prefix)
    return found


def with_jobserver(makeflags: str, jobs: int, address: str) -> str:
    """MAKEFLAGS that name this jobserver instead of any other; all else in them stays."""
    switches, variables = _switches(makeflags)
    kept = [word for word in switches if not word.startswith(("-j", "--jobs", *_PREFIXES))]
    # A first word without a dash is a group of one-letter switches; an empty one means that there are none.
    if not kept or kept[0].startswith("-"):
        kept.insert(0, "")
    return " ".join([*kept, f"-j{jobs}", f"--jobserver-auth={address}", *variables])


def _switches(makeflags: str) -> tuple[list[str], list[str]]:
    """The words before `--`, and from it on (variable assignments)."""
    words = makeflags.split()
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end:]
