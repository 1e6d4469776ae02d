"""Tasks and who waits for whom: producers of paths, edges, groups, fan-outs. Unaware of freshness and of running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from flowmake.core import walks
from flowmake.core.model import Flow, Task
from flowmake.core.patterns import as_pattern, intersects
from flowmake.core.producers import Producers, folders_of

if TYPE_CHECKING:
    from flowmake.core.ranging import Recall


class Tables(Struct, frozen=True):
    """What a graph comes to once it is built: tasks and groups by name, and for each of them names of others."""

    tasks: dict[str, Task]
    groups: dict[str, tuple[str, ...]]
    upstream: dict[str, tuple[str, ...]]
    needs: dict[str, tuple[str, ...]]
    order_only: dict[str, frozenset[str]]


class Graph:
    """All tasks of a flow with their edges, made by `Assembly` of declarations, or from the tables of an earlier one.

    `tasks` holds concrete tasks and groups by name; a `foreach` name is a group whose upstreams are its instances.
    While a fan-out's source is not made yet, its name is in `fanouts` and its group waits for that source only;
    `ranged_over` are the sources of those that were expanded since.
    """

    def __init__(self, flow: Flow, tables: Tables, outputs: Producers) -> None:
        self.flow = flow
        self.tasks, self.groups = tables.tasks, tables.groups
        self.fanouts: dict[str, tuple[str, ...]] = {}
        self.ranged_over: set[str] = set()
        self.outputs = outputs
        self._upstream, self._needs, self._order_only = tables.upstream, tables.needs, tables.order_only
        self._fanout_outputs: dict[str, list[str]] = {}
        self._is_made: Callable[[str], bool] = lambda path: False
        self._named: tuple[int, frozenset[str]] = (0, frozenset())

    # -- asking ------------------------------------------------------------------------------------------------

    def upstream(self, name: str) -> tuple[str, ...]:
        """Names this task waits for, without duplicates, in the order of first mention."""
        return self._upstream[name]

    def order_only(self, name: str) -> frozenset[str]:
        """Those upstreams that only come first (`after`): their failure does not concern this task."""
        return self._order_only.get(name, frozenset())

    def needs(self, name: str) -> tuple[str, ...]:
        """Those upstreams that the task names in `needs`."""
        return self._needs.get(name, ())

    def downstream(self) -> dict[str, list[str]]:
        """For each name, the names that wait for it."""
        result: dict[str, list[str]] = {name: [] for name in self.tasks}
        for name, upstream in self._upstream.items():
            for other in upstream:
                result[other].append(name)
        return result

    def producer(self, path: str) -> str | None:
        """The task that makes `path`, or None; a fan-out that may make it once expanded counts by its name."""
        found = self.outputs.producer(path)
        if found is not None or not self._fanout_outputs:
            return found
        return next(self._fanouts_behind(as_pattern(path)), None)

    def is_leftover(self, path: str) -> bool:
        """Was this file made by a task, is as it was made, and has no task any more that makes it?

        Such a file is no source: a clean build would not have it, so globs must not see it. Nor is what lies in a
        directory that was made so. What an input names outright is wanted as it is.
        """
        if self.producer(path) is not None:
            return False
        made = next(filter(self._is_made, (path, *folders_of(path))), None)
        return made is not None and path not in self._named_inputs() and not self.behind_path(made)

    def _named_inputs(self) -> frozenset[str]:
        """All plain inputs, and the directories around them."""
        count, named = self._named
        if count != len(self.tasks):
            paths = {entry.path for task in self.tasks.values() for entry in task.inputs if entry.kind == "path"}
            named = frozenset(paths.union(*map(folders_of, paths)))
            self._named = len(self.tasks), named
        return named

    def behind_path(self, path: str) -> Sequence[str]:
        """Tasks known to make a literal path, or anything inside it if it is a directory even without a final `/`."""
        made_by = self.outputs.producer(path)
        if path.endswith("/"):
            inside = self.outputs.inside(path)
            return tuple(inside) if made_by is None else (made_by, *inside)
        return self.outputs.clearly_inside(path + "/") if made_by is None else (made_by,)

    def _fanouts_behind(self, pattern: str) -> Iterator[str]:
        for name, patterns in self._fanout_outputs.items():
            if any(intersects(made, pattern) for made in patterns):
                yield name

    def matching_names(self, pattern: str) -> list[str]:
        """Task names that match a glob in which `*` also matches dots and slashes."""
        from fnmatch import fnmatchcase

        return [name for name in self.tasks if fnmatchcase(name, pattern)]

    def members(self, name: str) -> Iterator[Task]:
        """The concrete tasks behind a name: itself, or what a group needs, through groups of groups."""
        seen: set[str] = set()
        stack = [name]
        while stack:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            task = self.tasks[current]
            if task.is_group:
                stack.extend(reversed(self.groups.get(current) or self._needs.get(current, ())))
            else:
                yield task

    def reads_from(self, name: str) -> Iterator[Task]:
        """The concrete tasks whose outputs count as inputs of `name` through its `needs`."""
        for other in self._needs.get(name, ()):
            yield from self.members(other)

    def order(self, names: Iterable[str]) -> list[str]:
        """These names and all they wait for, upstream first."""
        return walks.order(self._upstream, names)

    # -- growing -----------------------------------------------------------------------------------------------

    def expand_fanout(self, name: str, recall: Recall) -> tuple[str, ...]:
        """Make the instances of one of the `fanouts`. Raises `KeyError` here, where everything is known."""
        raise KeyError(name)

    def discover(self, name: str, upstream: Iterable[str]) -> tuple[str, ...]:
        """Add edges learnt later (listed paths, depfiles); returns those that are new. Never adds a cycle."""
        found = dict.fromkeys(upstream)
        if not found:
            return ()
        known = {name, *self._upstream[name]}
        new = tuple(u for u in found if u not in known and not self.reaches(u, name))
        if new:
            self._upstream[name] += new
        return new

    def reaches(self, start: str, goal: str) -> bool:
        """Does `start` wait, directly or not, for `goal`?"""
        return walks.reaches(self._upstream, start, goal)
