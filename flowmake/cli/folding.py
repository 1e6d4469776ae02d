"""Many instances of a task told about as a few: a terminal has no room for thousands alike. Unaware of what is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
ALIKE, NAMED = 10, 3
"""Instances that stand alike and are all shown; of more than that, how many are named."""


def folded(
    items: Iterable[Item], likeness: Callable[[Item], Hashable], rest: Callable[[Item, int], Item]
) -> Iterator[Item]:
    """The items in their order; of more than `ALIKE` that are alike the first `NAMED`, then `rest` of how many more."""
    told = [(item, likeness(item)) for item in items]
    alike, seen = Counter(key for _, key in told), Counter[Hashable]()
    for item, key in told:
        seen[key] += 1
        if alike[key] <= ALIKE or seen[key] <= NAMED:
            yield item
        elif seen[key] == NAMED + 1:
            yield rest(item, alike[key] - NAMED)


def more_instances(task: str, count: int) -> str:
    """What stands for `count` more instances of the task that `task` is one of."""
    return f"{declared(task)}@… ({count} more)"


def declared(task: str) -> str:
    """The name in the Flowfile of a task, or of the task that it is an instance of."""
    return task.partition("@")[0]
