"""What a Flowfile asks of Slurm, in the words of `sbatch`. Unaware of jobs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct, convert

from flowmake.core.ports import RemoteOptions, Work
from flowmake.core.schema_fields import SlurmTask, doc

NOTHING = SlurmTask()
"""What most tasks ask for besides their resources."""

LARGEST_BATCH = 100
"""Beyond, the names of a job's attempts would not fit into its comment, by which a later run finds them."""


class AllocTable(Struct, frozen=True, forbid_unknown_fields=True):
    """How large an allocation is."""

    nodes: Annotated[int, Meta(ge=1), doc("How many nodes.", example="2")] = 1
    cpus: Annotated[int, Meta(ge=0), doc("Cores of each node. Absent: whole nodes.", example="8")] = 0


class Options(RemoteOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of `[executors.NAME]` with `kind = "slurm"`."""

    partition: Annotated[str, doc("The partition (queue) of the jobs.", example='"long"')] = ""
    account: Annotated[str, doc("The account they are charged to.", example='"physics"')] = ""
    args: Annotated[
        tuple[str, ...],
        doc("More arguments of `sbatch`.", expects="a list of strings", example='["--constraint=avx2"]'),
    ] = ()
    batch: Annotated[
        int,
        Meta(ge=1, le=LARGEST_BATCH),
        doc("How many short tasks share a job, one after the other; at most 100.", example="50"),
    ] = 1
    alloc: Annotated[
        bool | AllocTable,
        doc(
            "Run all tasks inside one allocation of this size, without a job for each: for many small ones.",
            expects="true, or a table like `{ nodes = 2 }`",
            example="{ nodes = 2, cpus = 8 }",
        ),
    ] = False


def common(options: Options, task: SlurmTask = NOTHING) -> Iterator[str]:
    """What a job is submitted with whatever it needs; a task's own word wins."""
    if partition := task.partition or options.partition:
        yield f"--partition={partition}"
    if account := task.account or options.account:
        yield f"--account={account}"
    yield from options.args
    yield from task.args


def demands(resources: Mapping[str, int]) -> tuple[str, ...]:
    """What a task asks for: cores, memory in bytes, GPUs, time in seconds."""
    found = [f"--cpus-per-task={max(resources.get('cpu', 1), 1)}"]
    if mem := resources.get("mem"):
        found.append(f"--mem={math.ceil(mem / 1024)}K")
    if gpu := resources.get("gpu"):
        found.append(f"--gpus={gpu}")
    if seconds := resources.get("time"):
        found.append(f"--time={math.ceil(seconds / 60)}")
    return tuple(found)


def shared_jobs(works: Sequence[Work], options: Options) -> Iterator[tuple[Sequence[Work], tuple[str, ...]]]:
    """What goes into one job each, with all that it is asked for: only what is of one run, and asks for the same."""
    alike: dict[tuple[str, tuple[str, ...]], list[Work]] = {}
    for work in works:
        asked = (*common(options, convert(work.options.get("slurm", {}), SlurmTask)), *demands(work.resources))
        alike.setdefault((_run(work.fence), asked), []).append(work)
    for (_, asked), group in alike.items():
        for first in range(0, len(group), options.batch):
            yield group[first : first + options.batch], asked


def _run(fence: str) -> str:
    return fence.rpartition("-")[0]


def packed(fences: Sequence[str]) -> str:
    """The fences of one job as its comment, which Slurm takes up to 1,024 bytes of: all of them are of one run."""
    first, *others = fences
    return ",".join([first, *(fence.rpartition("-")[2] for fence in others)])


def unpacked(comment: str) -> list[str]:
    """The fences in a job's comment."""
    first, *others = comment.split(",")
    run = _run(first)
    return [first, *(f"{run}-{number}" for number in others)]


def allocation(options: Options) -> Iterator[str]:
    """What an allocation is asked for with: one task on each node, for whatever is to run there."""
    size = options.alloc if isinstance(options.alloc, AllocTable) else AllocTable()
    yield f"--nodes={size.nodes}"
    yield "--ntasks-per-node=1"
    yield f"--cpus-per-task={size.cpus}" if size.cpus else "--exclusive"
    yield from common(options)
