"""The child side of the `call` pool: a program that runs one function after another. Knows only its socket and imports
nothing of flowmake, so that starting it costs little more than starting Python.

Each request and reply is a four-byte length and that many bytes. A request is a pickled dict (arguments may be dates,
paths may not be UTF-8; it comes from our own parent only). A reply is `EXIT_CODE CPU_SECONDS` on one line, then the
error text, if any; `EXIT_CODE` is `-` if the function was never called.
"""

from __future__ import annotations

import importlib
import os
import pickle
import resource
import signal
import socket
import sys
import time
from types import ModuleType, TracebackType
from typing import Any, TextIO

_RACY_SECONDS = 0.1  # a file changed this shortly before its import may change again without a trace in its times
_ERROR_LENGTH = 1000
_RESTORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1)
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + "/"

Stamp = tuple[int, int, int, int]


class CannotCall(Exception):
    """There is no function to call, or nowhere to run it; the text is a sentence."""


def main(fd: int) -> None:
    """Serve requests until the parent closes its end."""
    os.set_inheritable(fd, False)  # what the functions start must not hold our line to the parent
    sys.dont_write_bytecode = True  # a `__pycache__` would change the tree of an input directory
    channel = socket.socket(fileno=fd)
    modules = Modules(list(sys.path))
    streams = _open_streams()
    settings = _Settings()
    own_pid = os.getpid()
    while (request := receive(channel)) is not None:
        before = _cpu_seconds()
        exit_code, error = run(pickle.loads(request), modules)
        if os.getpid() != own_pid:
            _leave_log(streams)  # a fork that the function let return: it is no worker, and must not answer as one
            os._exit(1 if exit_code == "-" else int(exit_code))
        settings.restore()
        streams = _leave_log(streams)
        reply = f"{exit_code} {_cpu_seconds() - before:.6f}\n{error}"
        send(channel, reply.encode("utf-8", "surrogatepass"))


class _Settings:
    """What a function may change about its process that would harm the next one."""

    def __init__(self) -> None:
        self._umask = os.umask(0o22)
        os.umask(self._umask)
        self._handlers = {number: signal.getsignal(number) for number in _RESTORED}
        sys.argv = [""]

    def restore(self) -> None:
        signal.alarm(0)
        for number, handler in self._handlers.items():
            if signal.getsignal(number) != handler:
                signal.signal(number, handler)
        os.umask(self._umask)
        sys.argv = [""]


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def receive(channel: socket.socket) -> bytes | None:
    """The next message; None at the end of the line."""
    header = _exactly(channel, 4)
    return None if header is None else _exactly(channel, int.from_bytes(header, "big"))


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = channel.recv(size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)


def send(channel: socket.socket, message: bytes) -> None:
    """Write one message whole."""
    channel.sendall(len(message).to_bytes(4, "big") + message)


def run(request: dict[str, Any], modules: Modules) -> tuple[str, str]:
    """Carry out one request in its own surroundings; exit code (or `-`) and error text."""
    try:
        _enter(request)
        function = modules.find(request["call"], request["root"])
    except CannotCall as problem:
        print(problem, file=sys.stderr)
        return "-", str(problem)
    try:
        function(**request["args"])
    except SystemExit as leaving:
        return _exit_code(leaving.code), ""
    except BaseException as failure:  # whatever it is, it ends the task and not the pool
        _print_traceback(failure)
        return "1", _last_line(failure)
    finally:
        modules.remember()
    return "0", ""


def _enter(request: dict[str, Any]) -> None:
    """Log, environment and working directory of the task."""
    try:
        log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    except OSError as failure:
        raise CannotCall(f"cannot write the log `{request['log']}`: {failure.strerror}") from failure
    _write_to(log)
    wanted = request["env"]
    for name in [name for name in os.environ if name not in wanted]:
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    try:
        os.chdir(request["cwd"])
    except OSError as failure:
        why = "does not exist" if isinstance(failure, FileNotFoundError) else f"is no use: {failure.strerror}"
        raise CannotCall(f"working directory `{request['cwd']}` {why}") from failure


def _write_to(fd: int) -> None:
    """Make `fd` the standard output and error; it may already be one of them, if the function closed that."""
    for number in (1, 2):
        if fd == number:
            os.set_inheritable(fd, True)
        else:
            os.dup2(fd, number)
    if fd > 2:
        os.close(fd)


Streams = tuple[TextIO, TextIO]


def _open_streams() -> Streams:
    """Text over descriptors 1 and 2, written line by line so that a kill loses nothing printed before."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = open(number, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    return sys.stdout, sys.stderr


def _leave_log(streams: Streams) -> Streams:
    """Undo what a function did to the standard streams, and let go of its log: a thread it left behind must not write
    into the next task's.
    """
    for current in {sys.stdout, sys.stderr, *streams}:
        _flush(current)
    _write_to(os.open(os.devnull, os.O_WRONLY))
    if any(stream.closed for stream in streams):
        return _open_streams()
    for stream in streams:
        _flush(stream)
    sys.stdout, sys.stderr = streams
    return streams


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except (OSError, ValueError, AttributeError):
        # A full disk, or the function closed or replaced it; its text is lost, which is no reason to lose the result.
        return


def _exit_code(code: object) -> str:
    """What `sys.exit(code)` would make the exit code of a process."""
    if code is None:
        return "0"
    if isinstance(code, int):
        return str(code & 0xFF)
    print(code, file=sys.stderr)
    return "1"


def _print_traceback(failure: BaseException) -> None:
    """The traceback from the user's first frame on."""
    import traceback

    frames: TracebackType | None = failure.__traceback__
    while frames and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    traceback.print_exception(type(failure), failure, frames)


def _is_ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib")


def _last_line(failure: BaseException) -> str:
    """`ValueError: what it says`, on one line."""
    try:
        text = " ".join(str(failure).split())
    except Exception as worse:  # its own `__str__` fails
        text = f"(no text: {type(worse).__name__})"
    name = type(failure).__name__
    return f"{name}: {text}"[:_ERROR_LENGTH] if text else name


class Modules:
    """Imports from a root, never stale: once a file under it changed, everything from there is imported anew."""

    def __init__(self, path: list[str]) -> None:
        self._path = path
        self._root = ""
        self._stamps: dict[str, Stamp | None] = {}
        self._began = 0.0
        self._counted = 0

    def find(self, target: str, root: str) -> Any:
        """The function that `pkg.module:function` names. Raises `CannotCall`."""
        name, _, attribute = target.partition(":")
        self._use(root)
        module = self._import(name)
        found: Any = module
        for part in attribute.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                where = getattr(module, "__file__", None) or name
                raise CannotCall(f"no `{attribute}` in module `{name}` (`{where}`)") from None
        if not callable(found):
            raise CannotCall(
                f"`{attribute}` in module `{name}` is not callable: it is of type `{type(found).__name__}`"
            )
        return found

    def _use(self, root: str) -> None:
        sys.path[:] = [root, *self._path]
        if root != self._root or self._any_changed():
            for name in [name for name, module in sys.modules.items() if self._is_local(module)]:
                del sys.modules[name]
            self._root = root
            self._stamps.clear()
            self._counted = 0
        self._began = time.time()

    def _import(self, name: str) -> ModuleType:
        module = sys.modules.get(name)
        if module is not None:
            return module
        importlib.invalidate_caches()  # files may have been made since these folders were listed
        try:
            module = importlib.import_module(name)
        except BaseException as failure:
            missing = failure.name if isinstance(failure, ModuleNotFoundError) else None
            if missing is None or not f"{name}.".startswith(f"{missing}."):
                _print_traceback(failure)
            raise CannotCall(f"cannot import `{name}` from `{self._root}`: {_last_line(failure)}") from failure
        self.remember()
        return module

    def remember(self) -> None:
        """Note the state of every file imported from the root since the task began."""
        if len(sys.modules) == self._counted:
            return
        self._counted = len(sys.modules)
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if file and file not in self._stamps and self._is_local(module):
                stamp = _stamp(file)
                racy = stamp is None or max(stamp[:2]) / 1e9 > self._began - _RACY_SECONDS
                self._stamps[file] = None if racy else stamp

    def _any_changed(self) -> bool:
        return any(stamp is None or _stamp(file) != stamp for file, stamp in self._stamps.items())

    def _is_local(self, module: ModuleType) -> bool:
        """Imported from under the root, and not from packages installed there."""
        file = getattr(module, "__file__", None)
        if not file or not self._root or not file.startswith(self._root.rstrip("/") + "/"):
            return False
        return "/site-packages/" not in file and not file.startswith(_STANDARD_LIBRARY) and file != __file__


def _stamp(file: str) -> Stamp | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


if __name__ == "__main__":
    main(int(sys.argv[1]))
