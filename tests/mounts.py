"""Real file systems of several kinds, made in a file or out of folders, and mounted for a test. Linux and root only."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.processes import wait_until

MADE_BY = {
    "ext4": ("64M", "mkfs.ext4", "e2fsprogs"),
    "xfs": ("300M", "mkfs.xfs", "xfsprogs"),
    "btrfs": ("120M", "mkfs.btrfs", "btrfs-progs"),
}
SFTP_SERVER = "/usr/lib/openssh/sftp-server"


def command(package: str, *argv: str | Path) -> None:
    """Run it to its end; a program that is not there fails with the name of what to install."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise AssertionError(f"this test needs {argv[0]} (apt install {package})") from None
    assert done.returncode == 0, f"{argv}: {done.stderr}"


@contextmanager
def mounted(kind: str, folder: Path) -> Iterator[Path]:
    """A folder on a file system of this kind: `ext4`, `xfs`, `btrfs`, `overlay` or `sshfs`."""
    assert os.geteuid() == 0, "this test mounts file systems: run it as root"
    place = folder / "mounted"
    place.mkdir()
    server = nullcontext() if kind != "sshfs" else _sftp(folder, place)
    with server:
        if kind == "overlay":
            _mount_overlay(folder, place)
        elif kind in MADE_BY:
            _mount_image(kind, folder / "image", place)
        try:
            yield place
        finally:
            command("mount", "umount", "--lazy", place)


def _mount_image(kind: str, image: Path, place: Path) -> None:
    size, maker, package = MADE_BY[kind]
    command("coreutils", "truncate", "-s", size, image)
    command(package, maker, "-q", image)
    command("mount", "mount", "-t", kind, "-o", "loop", image, place)


def _mount_overlay(folder: Path, place: Path) -> None:
    layers = {name: folder / name for name in ("lowerdir", "upperdir", "workdir")}
    for layer in layers.values():
        layer.mkdir()
    options = ",".join(f"{name}={layer}" for name, layer in layers.items())
    command("mount", "mount", "-t", "overlay", "-o", options, "overlay", place)


@contextmanager
def unchangeable(folder: Path) -> Iterator[None]:
    """A folder that nobody, root included, can write to meanwhile."""
    assert os.geteuid() == 0, "this test mounts file systems: run it as root"
    command("mount", "mount", "--bind", folder, folder)
    try:
        command("mount", "mount", "-o", "remount,bind,ro", folder)
        yield
    finally:
        command("mount", "umount", "--lazy", folder)


@contextmanager
def _sftp(folder: Path, place: Path) -> Iterator[None]:
    """A server and a client that talk to each other without a network between them."""
    (folder / "served").mkdir()
    ours, theirs = socket.socketpair()
    with (
        _talking(theirs, SFTP_SERVER, package="openssh-sftp-server"),
        _talking(ours, "sshfs", "-f", "-o", "passive", f":{folder / 'served'}", str(place), package="sshfs") as client,
    ):
        ours.close()
        theirs.close()
        wait_until(lambda: place.is_mount() or client.poll() is not None)
        assert place.is_mount(), "sshfs has given up"
        yield


@contextmanager
def _talking(end: socket.socket, *argv: str, package: str) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(argv, stdin=end, stdout=end)
    except FileNotFoundError:
        raise AssertionError(f"this test needs {argv[0]} (apt install {package})") from None
    with process:
        yield process


@contextmanager
def mounted_memory(place: Path, size: str) -> Iterator[None]:
    """A small file system in memory at this place."""
    assert os.geteuid() == 0, "this test mounts a file system: run it as root"
    command("mount", "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place)
    try:
        yield
    finally:
        command("mount", "umount", "--lazy", place)
