"""The committed reference pages are what the structs say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
PAGES = runpy.run_path(str(DOCS / "generate.py"))["PAGES"]


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_generator_gives(name: str) -> None:
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == PAGES[name](), "run `python docs/generate.py`"


def test_every_task_field_has_a_meaning() -> None:
    rows = [line for line in PAGES["flowfile.md"]().splitlines() if line.startswith("| `")]
    assert all(row.split(" | ")[3].strip(" |") for row in rows)
