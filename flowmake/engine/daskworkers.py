"""What the workers of a Dask have, against what is asked of them. Unaware of how they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

PATIENCE = 5.0
"""Seconds for an answer."""
Workers = Sequence[Mapping[str, float]]
"""What each of them has in all."""


class Asked(Struct, frozen=True):
    """What a task takes of what its worker counts, by Dask's names."""

    task: str
    resources: Mapping[str, float]


def resources(identity: Mapping[str, Any]) -> list[dict[str, float]]:
    """What each worker has in all, by what a scheduler says of itself."""
    return [dict(worker.get("resources") or {}) for worker in identity["workers"].values()]


def counted(workers: Workers) -> set[str]:
    """The names of all that any of them counts."""
    return {name for worker in workers for name in worker}


def shortages(workers: Workers, waiting: Iterable[Asked]) -> list[str]:
    """Why some will wait until other workers come: a sentence for all of them, or for each kind of task."""
    asked = {each.task: each for each in waiting}.values()
    if not asked:
        return []
    if not workers:
        first, more = next(iter(asked)).task, f" and {len(asked) - 1} more" if len(asked) > 1 else ""
        return [f"the Dask scheduler has no workers; `{first}`{more} will wait until one comes"]
    return [_unfit(workers, each) for each in asked if not any(_fits(worker, each) for worker in workers)]


def _fits(worker: Mapping[str, float], asked: Asked) -> bool:
    return all(worker.get(name, 0.0) >= amount for name, amount in asked.resources.items())


def _unfit(workers: Workers, asked: Asked) -> str:
    most = {name: max(worker.get(name, 0.0) for worker in workers) for name in asked.resources}
    scarce = [name for name, amount in asked.resources.items() if most[name] < amount]
    wanted = ", ".join(f"`{name}={asked.resources[name]:g}`" for name in scarce or asked.resources)
    there = ", ".join(f"{most[name]:g}" for name in scarce)
    having = f"the most that one has is {there}" if scarce else "none has all of it"
    how_many = f"of {len(workers)} workers, " if len(workers) > 1 else "of 1 worker, "
    return f"`{asked.task}` needs {wanted}, and will wait for a worker that has it: {how_many}{having}"


class Shortages:
    """Tells of each shortage once, and again if it had passed meanwhile.

    `ask` gets the workers; `say` gets sentences, `silent` if there is no answer.
    """

    def __init__(self, ask: Callable[[], Awaitable[Workers]], say: Callable[[str], None], silent: str) -> None:
        self._ask = ask
        self._say = say
        self._silent = silent
        self._said: list[str] = []

    async def look(self, waiting: Iterable[Asked]) -> None:
        """Find out what there is now for those that wait."""
        try:
            found = shortages(await asyncio.wait_for(self._ask(), PATIENCE), waiting)
        except (OSError, TimeoutError):
            found = [self._silent]
        for sentence in found:
            if sentence not in self._said:
                self._say(sentence)
        self._said = found
