"""Counts the tests that the page on reliability names: run it after adding some."""

from __future__ import annotations

import re
from pathlib import Path

REPO = Path(__file__).parents[1]
PAGE = REPO / "docs" / "reliability.md"
_ROW = re.compile(r"^(\| .* \| `(tests/[\w/]+\.py)` \| )\d+ \|$", re.MULTILINE)
_TEST = re.compile(r"^\s*def test_\w+\(", re.MULTILINE)


def counted(text: str) -> str:
    """The page with the numbers that are right now."""
    return _ROW.sub(lambda row: f"{row[1]}{_count(row[2])} |", text)


def _count(path: str) -> int:
    return len(_TEST.findall((REPO / path).read_text(encoding="utf-8")))


if __name__ == "__main__":
    PAGE.write_text(counted(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
