"""Small libraries in C that make a system misbehave for one process, compiled when first needed. Linux only."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "shims"


@functools.cache
def shim(name: str) -> str:
    """The path of the library made from `shims/NAME.c`, for `LD_PRELOAD`."""
    made = Path(tempfile.mkdtemp(prefix="flowmake-shim-")) / f"{name}.so"
    command = ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(made), f"{SOURCES}/{name}.c", "-ldl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise AssertionError("this test needs gcc (apt install gcc)") from None
    assert done.returncode == 0, done.stderr
    return str(made)
