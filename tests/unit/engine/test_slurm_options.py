"""What is asked of Slurm, and that the page about executors names every option."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmake.core.ports import RemoteOptions
from flowmake.engine.executors.slurmoptions import AllocTable, Options, allocation, common, demands, packed, unpacked

PAGE = (Path(__file__).parents[3] / "docs/reference/executors.md").read_text()
FIELDS = [
    *RemoteOptions.__struct_fields__,
    *Options.__struct_fields__,
    *(f"alloc.{name}" for name in AllocTable.__struct_fields__),
]


@pytest.mark.parametrize("field", FIELDS)
def test_the_page_names_it(field: str) -> None:
    assert f"\n| `{field}` |" in PAGE


def test_resources_in_the_words_of_sbatch() -> None:
    assert demands({}) == ("--cpus-per-task=1",)
    asked = demands({"cpu": 4, "mem": (1 << 30) + 1, "gpu": 2, "time": 61, "licence": 1})
    assert asked == ("--cpus-per-task=4", "--mem=1048577K", "--gpus=2", "--time=2")


def test_options_in_the_words_of_sbatch() -> None:
    assert list(common(Options())) == []
    options = Options(partition="long", account="physics", args=("--qos=high",))
    assert list(common(options)) == ["--partition=long", "--account=physics", "--qos=high"]


def test_allocations_in_the_words_of_sbatch() -> None:
    assert list(allocation(Options(alloc=True))) == ["--nodes=1", "--ntasks-per-node=1", "--exclusive"]
    some = Options(alloc=AllocTable(nodes=3, cpus=8), args=("--time=60",))
    assert list(allocation(some)) == ["--nodes=3", "--ntasks-per-node=1", "--cpus-per-task=8", "--time=60"]


def test_the_fences_of_the_largest_batch_fit_into_a_comment() -> None:
    fences = [f"20261123-081431-ab12-{number:06}" for number in range(1, 101)]
    assert len(packed(fences)) < 1024
    assert unpacked(packed(fences)) == fences
    assert unpacked(packed(fences[:1])) == fences[:1]
