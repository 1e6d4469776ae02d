"""Where the packages of `tests/package.json` are. Unaware of what they are for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = Path(sys.prefix) / "npm"
LIST = Path(__file__).with_name("package.json")


def package(name: str) -> Path:
    """The folder of an installed package; without it the test fails and says how to get it."""
    found = FOLDER / "node_modules" / name
    if not found.is_dir():
        install = f"install -D {LIST} {FOLDER}/package.json && npm install --prefix {FOLDER}"
        pytest.fail(f"`{name}` is missing: `{install}` brings it, and so does scripts/test")
    return found
