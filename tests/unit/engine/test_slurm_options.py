"""The page about executors names every option of those that come with flowmake."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmake.core.ports import RemoteOptions
from flowmake.engine.executors import slurm

PAGE = (Path(__file__).parents[3] / "docs/reference/executors.md").read_text()
FIELDS = [
    *RemoteOptions.__struct_fields__,
    *slurm.Options.__struct_fields__,
    *(f"alloc.{name}" for name in slurm.AllocTable.__struct_fields__),
]


@pytest.mark.parametrize("field", FIELDS)
def test_the_page_names_it(field: str) -> None:
    assert f"\n| `{field}` |" in PAGE
