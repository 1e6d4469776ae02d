"""What tests share: a project in a temporary folder, driven through the real installed `flowmake` command."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytest

from tests.dasks import Dask
from tests.slurm import Cluster, running_cluster

COMMAND = Path(sys.executable).with_name("flowmake")
KEPT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")


def pytest_configure(config: pytest.Config) -> None:
    """The test script promises that the wheel is tested; a checkout that shadows it must not go unnoticed.

    Who ends the tests ends the servers that they have started, as an interrupt from the keyboard does. That interrupt
    is ignored, and by all that we start, where a shell has put the tests in the background: many tests send it.
    """
    import flowmake

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    where = Path(flowmake.__file__).resolve()
    if os.environ.get("FLOWMAKE_TEST_WHEEL") == "1" and not where.is_relative_to(Path(sys.prefix).resolve()):
        raise pytest.UsageError(f"testing {where}, which is not the installed wheel")
    if not COMMAND.exists():
        raise pytest.UsageError(
            f"{COMMAND} is missing: install flowmake first (`pip install -e .`, or use scripts/test)"
        )


class Result(NamedTuple):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


class Running(subprocess.Popen[bytes]):
    """A process with a group of its own, which does not outlive its `with`: a failing test must not hang."""

    def __exit__(self, *failure: Any) -> None:
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        super().__exit__(*failure)


@dataclass(frozen=True)
class Project:
    """A folder with a Flowfile. `run` is the real command; nothing of the outer environment leaks into it."""

    root: Path
    home: Path
    prefix: tuple[str, ...] = ()
    """What the command is run by, if it needs other surroundings than the tests."""

    def flowfile(self, text: str, name: str = "Flowfile") -> Path:
        return self.write(name, textwrap.dedent(text))

    def write(self, name: str, content: str | bytes = "") -> Path:
        """Write a file, making its folders; content that starts with `#!` makes it executable."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
        if data.startswith(b"#!"):
            path.chmod(0o755)
        return path

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def exists(self, name: str) -> bool:
        return (self.root / name).exists()

    def environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """A bare environment of a known locale and width, with the installed command first on PATH."""
        env = {name: os.environ[name] for name in KEPT if name in os.environ}
        env["PATH"] = f"{COMMAND.parent}{os.pathsep}{env.get('PATH', os.defpath)}"
        env |= {"HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC", "COLUMNS": "100"}
        return env | dict(extra or {})

    def run(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        cwd: str | Path = ".",
        stdin: str | None = None,
        timeout: float = 60,
    ) -> Result:
        """`flowmake ARGS…` to its end. `cwd` is relative to the root; `env` is added to the bare environment."""
        done = subprocess.run(
            [*self.prefix, COMMAND, *args],
            cwd=self.root / cwd,
            env=self.environ(env),
            input=None if stdin is None else stdin.encode(),
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def run_on_terminal(
        self, *args: str, typed: str = "", env: Mapping[str, str] | None = None, columns: int = 100
    ) -> Result:
        """`flowmake ARGS…` with a terminal for all three streams; `stdout` is all that it showed, echo included."""
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        environ = self.environ({"TERM": "xterm-256color", **(env or {})})
        with subprocess.Popen(
            [COMMAND, *args],
            cwd=self.root,
            env=environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            os.write(ours, typed.encode())
            shown = b"".join(iter(lambda: _read(ours), b""))
            os.close(ours)
        return Result(process.returncode, shown.decode(errors="replace").replace("\r\n", "\n"), "")

    def gate(self, name: str = "gate") -> IO[bytes]:
        """A named pipe that tasks can read from to wait for the test. Opening it waits for nobody."""
        os.mkfifo(self.root / name)
        return open(os.open(self.root / name, os.O_RDWR), "r+b", buffering=0)

    def start(self, *args: str, env: Mapping[str, str] | None = None, **more: Any) -> Running:
        """`flowmake ARGS…` left running, in its own session; at the end of a `with` it is ended if it still is."""
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return Running(
            [COMMAND, *args], cwd=self.root, env=self.environ(env), start_new_session=True, **(options | more)
        )

    def scrub(self, text: str) -> str:
        """`text` without what differs from run to run: the root, times, durations, run ids."""
        text = text.replace(str(self.root), "ROOT").replace(str(self.home), "HOME")
        text = re.sub(r"\b\d{8}[-T]\d{6}[-\w.]*", "RUN", text)
        text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "TIME", text)
        return re.sub(r"\b\d+(\.\d+)? ?(ms|s)\b", "SECONDS", text)


def _read(terminal: int) -> bytes:
    """Nothing once nobody holds the other side any more, which Linux reports as an error."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project folder and an empty HOME beside it."""
    root, home = tmp_path / "project", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    return Project(root, home)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Slurm of two nodes with two cores each; tests leave no jobs behind."""
    with running_cluster() as found:
        yield found


@pytest.fixture(scope="session")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A Dask of two workers with one thread each; tests that mistreat theirs start their own."""
    with Dask(tmp_path_factory.mktemp("dask")) as found:
        yield found
