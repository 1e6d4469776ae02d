"""Holes in files: given back to the file system, and stepped over in reading. Unaware of what the files are."""

from __future__ import annotations

import errno
import os
import struct
import sys
from functools import cache
from typing import Any

BLOCK = 4096
_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02
_F_PUNCHHOLE = 99


def aligned(start: int, end: int) -> tuple[int, int]:
    """The whole blocks between two offsets."""
    return -(-start // BLOCK) * BLOCK, end // BLOCK * BLOCK


def punch(path: str, start: int, end: int) -> bool:
    """Give back the blocks between two offsets, the length of the file staying; False where that is not possible.

    Linux on ext4, XFS, btrfs, tmpfs, overlayfs and NFS 4.2; macOS on APFS.
    """
    if end <= start:
        return True
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if sys.platform == "darwin":
            import fcntl

            fcntl.fcntl(descriptor, _F_PUNCHHOLE, struct.pack("IIqq", 0, 0, start, end - start))
            return True
        return bool(_fallocate()(descriptor, _KEEP_SIZE | _PUNCH_HOLE, start, end - start) == 0)
    except (OSError, AttributeError):
        return False
    finally:
        os.close(descriptor)


@cache
def _fallocate() -> Any:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    function = getattr(library, "fallocate64", None) or library.fallocate
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return function


def next_data(descriptor: int, position: int) -> tuple[int, int | None] | None:
    """From where to where, looking from `position` on, there is no hole; None at the end of the file.

    The end is None where the file system does not know of holes.
    """
    try:
        start = os.lseek(descriptor, position, os.SEEK_DATA)
        return start, os.lseek(descriptor, start, os.SEEK_HOLE)
    except OSError as error:
        return None if error.errno == errno.ENXIO else (position, None)
