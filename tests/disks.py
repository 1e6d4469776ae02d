"""Small real disks that a test fills up: a file system in memory, mounted where only a mount namespace sees it."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.conftest import Project

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$0" && mkdir "$0/root" && echo ready && read -r end'
PAGE = 4096
"""Bytes of which a file takes a whole number here."""


class SmallDisk:
    """A project on a file system of its own. What is written there by the test and by the command is the same."""

    def __init__(self, project: Project, ballast: Path) -> None:
        self.project = project
        self._ballast = ballast

    def leave(self, pages: int) -> None:
        """Fill it up but for so many pages."""
        size = fill(self._ballast, errno.ENOSPC)
        os.truncate(self._ballast, max(0, size // PAGE - pages) * PAGE)

    def clear(self) -> None:
        """There is room again."""
        self._ballast.unlink(missing_ok=True)


def fill(path: Path, error: int) -> int:
    """Write a file until that fails with this error number; how many bytes it took."""
    with open(path, "wb", buffering=0) as file:
        with pytest.raises(OSError, match=os.strerror(error)):
            _write_for_ever(file)
        return file.tell()


def _write_for_ever(file: IO[bytes]) -> None:
    while True:
        file.write(bytes(PAGE))


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """The root is on the disk, HOME is not."""
    disk, home = folder / "disk", folder / "home"
    disk.mkdir()
    home.mkdir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*UNSHARE, "sh", "-c", MOUNT, disk, size], **pipes) as holder:  # type: ignore[call-overload]
        if holder.stdout.readline() != b"ready\n":
            why = holder.communicate()[1].decode()
            raise AssertionError(f"this test needs unprivileged mount namespaces (Linux):\n{why}")
        inside = Path(f"/proc/{holder.pid}/root{disk}")
        enter = ("nsenter", "--preserve-credentials", "--user", "--mount", f"--target={holder.pid}")
        root = inside / "root"
        try:
            yield SmallDisk(Project(root, home, (*enter, f"--wd={root}")), inside / "ballast")
        finally:
            holder.communicate(b"end\n")
