"""Writing a whole file so that readers see the old one or the new one, never half of it. Unaware of contents."""

from __future__ import annotations

import os
import stat


def replace_file(path: str, data: bytes) -> None:
    """Put `data` into the file at `path`, which keeps its mode; what is no regular file is written to directly.

    Raises `OSError`; nothing is left behind then.
    """
    path = os.path.realpath(path)
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb", buffering=0) as device:
            device.write(data)
        return
    draft = f"{path}.{os.getpid()}.partial"
    try:
        with open(draft, "wb") as file:
            file.write(data)
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
        os.replace(draft, path)
    except OSError:
        if os.path.exists(draft):
            os.unlink(draft)
        raise


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
