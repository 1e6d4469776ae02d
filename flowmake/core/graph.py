"""Tasks and who waits for whom: producers of paths, edges, groups, fan-outs. Unaware of freshness and of running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from msgspec import Struct

from flowmake.core import expand, overlaps, walks
from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.expand import Sources
from flowmake.core.model import Declaration, Flow, Input, KeySource, Task
from flowmake.core.patterns import (
    captures,
    intersects,
    is_glob,
    normalise,
    unescape,
    within,
)
from flowmake.core.producers import Producers, folders_of
from flowmake.core.ranging import (
    Known,
    Recall,
    as_pattern,
    in_source_order,
    made_by,
    nothing,
    sources_of,
    without_own_outputs,
)
from flowmake.core.source import Place
from flowmake.core.suggest import nearest
from flowmake.core.templates import has_template
from flowmake.core.wellformed import template_problems


class Tables(Struct, frozen=True):
    """What a graph comes to once it is built: tasks and groups by name, and for each of them names of others."""

    tasks: dict[str, Task]
    groups: dict[str, tuple[str, ...]]
    upstream: dict[str, tuple[str, ...]]
    needs: dict[str, tuple[str, ...]]
    order_only: dict[str, frozenset[str]]


class Graph:
    """All tasks of a flow with their edges.

    `tasks` holds concrete tasks and groups by name; a `foreach` name is a group whose upstreams are its instances.
    While a fan-out's source is not made yet, its name is in `fanouts` and its group waits for that source only;
    `ranged_over` are the sources of those that were expanded since.
    """

    def __init__(self, flow: Flow, sources: Sources, is_made: Callable[[str], bool] = lambda path: False) -> None:
        self._begin(flow, sources, is_made)
        self._build()

    @classmethod
    def of_tables(cls, flow: Flow, tables: Tables, outputs: Producers, sources: Sources) -> Graph:
        """A graph that was built before, in which everything is known and nothing is left over from other tasks."""
        graph = cls.__new__(cls)
        graph._begin(flow, sources, lambda path: False)
        graph.outputs = outputs
        graph.tasks, graph.groups = tables.tasks, tables.groups
        graph._upstream, graph._needs, graph._order_only = tables.upstream, tables.needs, tables.order_only
        return graph

    def _begin(self, flow: Flow, sources: Sources, is_made: Callable[[str], bool]) -> None:
        self.flow = flow
        self.tasks: dict[str, Task] = {}
        self.groups: dict[str, tuple[str, ...]] = {}
        self.fanouts: dict[str, tuple[str, ...]] = {}
        self.ranged_over: set[str] = set()
        self.outputs = Producers()
        self._sources = sources
        self._is_made = is_made
        self._upstream: dict[str, tuple[str, ...]] = {}
        self._needs: dict[str, tuple[str, ...]] = {}
        self._order_only: dict[str, frozenset[str]] = {}
        self._perhaps: list[tuple[str, str]] = []
        self._doubted: list[tuple[str, str]] = []
        self._problems: list[Problem] = []
        self._fanout_outputs: dict[str, list[str]] = {}
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
        return self.outputs.producer(path) or next(self._fanouts_behind(as_pattern(path)), None)

    def is_leftover(self, path: str) -> bool:
        """Was this file made by a task, is as it was made, and has no task any more that makes it?

        Such a file is no source: a clean build would not have it, so globs must not see it. Nor is what lies in a
        directory that was made so. What an input names outright is wanted as it is.
        """
        made = next(filter(self._is_made, (path, *folders_of(path))), None)
        if made is None or path in self._named_inputs():
            return False
        return self.producer(path) is None and next(self.behind_path(made), None) is None

    def _named_inputs(self) -> frozenset[str]:
        """All plain inputs, and the directories around them."""
        count, named = self._named
        if count != len(self.tasks):
            paths = {entry.path for task in self.tasks.values() for entry in task.inputs if entry.kind == "path"}
            named = frozenset(paths.union(*map(folders_of, paths)))
            self._named = len(self.tasks), named
        return named

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

    def expand_fanout(self, name: str, recall: Recall = nothing) -> tuple[str, ...]:
        """Make the instances of a fan-out whose source is settled; returns their names.

        `recall` knows of files that were there and are removed by now. Raises `FlowfileError` when the instances clash
        with other tasks or make a cycle.
        """
        self.ranged_over.update(self.fanouts.pop(name))
        self._fanout_outputs.pop(name, None)
        tasks = self._expand(self.flow.declarations[name], recall)
        self._add(tasks)
        self._set_group(name, tasks)
        for task in tasks:
            self._link(task)
        self._link_perhaps()
        self._upstream[name] = (*self._upstream[name], *self.groups[name])
        self._check_overlaps()
        self._raise_problems()
        self._link_doubted(name)
        self._check_cycles(chain([name], self.groups[name]))
        return self.groups[name]

    def discover(self, name: str, upstream: Iterable[str]) -> tuple[str, ...]:
        """Add edges learnt later (listed paths, depfiles); returns those that are new. Never adds a cycle."""
        known = set(self._upstream[name])
        new = tuple(dict.fromkeys(u for u in upstream if u not in known and u != name and not self.reaches(u, name)))
        if new:
            self._upstream[name] += new
        return new

    def reaches(self, start: str, goal: str) -> bool:
        """Does `start` wait, directly or not, for `goal`?"""
        return walks.reaches(self._upstream, start, goal)

    # -- building ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        plain = [d for d in self.flow.declarations.values() if d.foreach is None]
        for declaration in plain:
            self._add(self._expand(declaration))
        self._raise_problems()
        ranging = [d for d in self.flow.declarations.values() if d.foreach is not None]
        for declaration in in_source_order(ranging, self.flow):
            self._add_foreach(declaration)
        self._raise_problems()
        for name, declaration in self.flow.declarations.items():
            if name in self.fanouts:
                self._upstream[name] = self.fanouts[name]
                self._check_sources(declaration, self.fanouts[name])
        for task in list(self.tasks.values()):
            if task.name not in self._upstream:
                self._link(task)
        self._check_overlaps()
        self._raise_problems()
        self._check_cycles(self.tasks)
        self._link_perhaps()

    def _expand(self, declaration: Declaration, recall: Recall = nothing) -> list[Task]:
        try:
            return without_own_outputs(declaration, self.flow, self._known(recall))
        except FlowfileError as error:
            self._problems.extend(error.problems)
            return []

    def _known(self, recall: Recall = nothing) -> Known:
        return Known(self._sources, self.outputs, self.is_leftover, recall)

    def _add_foreach(self, declaration: Declaration) -> None:
        try:
            upstream = self._made_sources(declaration)
        except FlowfileError as error:
            self._problems.extend(error.problems)
            return
        if upstream:
            self._problems.extend(template_problems(declaration))
            self.fanouts[declaration.name] = upstream
            self._fanout_outputs[declaration.name] = made_by(declaration)
            self.tasks[declaration.name] = expand.group(declaration, (), self.flow)
            self.groups[declaration.name] = ()
            return
        tasks = self._expand(declaration)
        self._add(tasks)
        self._set_group(declaration.name, tasks)

    def _made_sources(self, declaration: Declaration) -> tuple[str, ...]:
        """The tasks that make what this `foreach` ranges over, where its values cannot be known beforehand."""
        assert declaration.foreach is not None
        found: dict[str, None] = {}
        for source in sources_of(declaration, self.flow):
            if source.upstream:
                found[source.upstream] = None
            for name in self._makers(source):
                found[name] = None
        return tuple(found)

    def _makers(self, source: KeySource) -> Iterator[str]:
        if path := source.lines or source.json:
            if made_by := self.producer(normalise(path)):
                yield made_by
        elif source.glob:
            pattern = captures(source.glob).glob
            yield from (self.outputs.directories[found] for found in self.outputs.directories_meeting(pattern))
            yield from (self.outputs.globs[found] for found in self.outputs.globs_meeting(pattern))
            yield from self._fanouts_behind(pattern)

    def _fanouts_behind(self, pattern: str) -> Iterator[str]:
        for name, patterns in self._fanout_outputs.items():
            if any(intersects(made, pattern) for made in patterns):
                yield name

    def _set_group(self, name: str, tasks: Sequence[Task]) -> None:
        names = tuple(task.name for task in tasks)
        self.groups[name] = names
        self.tasks[name] = expand.group(self.flow.declarations[name], names, self.flow)
        if name not in self._upstream:
            self._upstream[name] = names

    def _add(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            other = self.tasks.get(task.name)
            if other is not None:
                self._clash(f"task `{task.name}` is declared twice", task, other)
                continue
            self.tasks[task.name] = task
            for path, maker in self.outputs.add(task):
                self._clash(f"two tasks make `{path}`: `{maker}` and `{task.name}`", task, self.tasks[maker])
            self._report_own_paths(task)

    def _clash(self, message: str, task: Task, other: Task) -> None:
        places = (task.declared.place.key(), other.declared.place.key())
        if places[0] == places[1]:
            hint = "use the `foreach` keys in `outputs`, so that each instance makes its own"
            self._problems.append(Problem(message, (task.declared.place.at("outputs"),), hint))
        else:
            self._problems.append(Problem(message, places, labels=("", "the other one is declared here")))

    def _report_own_paths(self, task: Task) -> None:
        self._problems += overlaps.own_paths(task)

    # -- edges -------------------------------------------------------------------------------------------------

    def _link(self, task: Task) -> None:
        self._needs[task.name] = needs = tuple(self._named_tasks(task, "needs", task.needs))
        made = dict.fromkeys(self._makers_of_inputs(task))
        made.pop(task.name, None)
        found = {**dict.fromkeys(needs), **made}
        if task.after:
            after = dict.fromkeys(self._named_tasks(task, "after", task.after))
            self._order_only[task.name] = frozenset(after.keys() - found.keys())
            found.update(after)
        self._upstream[task.name] = tuple(found)

    def _makers_of_inputs(self, task: Task) -> Iterator[str]:
        excludes = [entry.path for entry in task.inputs if entry.kind == "exclude"]
        for entry in task.inputs:
            if entry.kind == "exclude":
                continue
            if entry.kind == "glob":
                yield from self.outputs.behind(entry.path, excludes)
            else:
                yield from self.behind_path(entry.path)
            if self._fanout_outputs:
                self._note_fanouts(task, entry)

    def behind_path(self, path: str) -> Iterator[str]:
        """Tasks known to make a literal path, or anything inside it if it is a directory even without a final `/`."""
        made_by = self.outputs.producer(path)
        if made_by is not None:
            yield made_by
        if path.endswith("/"):
            yield from self.outputs.inside(path)
        elif made_by is None:
            yield from self.outputs.clearly_inside(path + "/")

    def _note_fanouts(self, task: Task, entry: Input) -> None:
        """What a fan-out may come to make is waited for, too, unless that would be a circle."""
        pattern = entry.path if entry.kind == "glob" else as_pattern(entry.path)
        self._perhaps += [(task.name, fanout) for fanout in self._fanouts_behind(pattern)]

    def _link_perhaps(self) -> None:
        for name, fanout in self._perhaps:
            if any(self.reaches(other, name) for other in self._sure_upstream(fanout)):
                self._doubted.append((name, fanout))
            else:
                self.discover(name, [fanout])
        self._perhaps.clear()

    def _sure_upstream(self, fanout: str) -> Iterator[str]:
        """What the instances of a fan-out will wait for, as far as it does not depend on their keys."""
        declaration = self.flow.declarations[fanout]
        yield from (name for name in declaration.needs if name in self.tasks)
        for entry in declaration.inputs:
            if entry.kind != "exclude" and not has_template(entry.path):
                path = within(normalise(entry.path), self.flow.root)
                yield from self.outputs.behind(path) if is_glob(path) else self.behind_path(unescape(path))

    def _link_doubted(self, fanout: str) -> None:
        """Readers that did not wait for a fan-out, lest it be a circle; now it shows whether it is one."""
        made_by = set(self.groups[fanout])
        for name in [name for name, doubted in self._doubted if doubted == fanout]:
            found = made_by.intersection(self._makers_of_inputs(self.tasks[name]))
            self._upstream[name] += tuple(sorted(found))
        self._perhaps.clear()

    def _check_sources(self, declaration: Declaration, names: Iterable[str]) -> None:
        """What a `foreach` names with `from` must exist."""
        assert declaration.foreach is not None
        at = {source.upstream: key for key, source in declaration.foreach.keys.items() if source.upstream}
        for name in names:
            if name not in self.tasks:
                self._report_unknown(name, declaration.place.at("foreach", at[name], "from"))

    def _named_tasks(self, task: Task, field: str, names: Sequence[str]) -> Iterator[str]:
        """The tasks that `needs` or `after` names; a pattern never means the task itself or its own instances' name."""
        for index, name in enumerate(names):
            if name in self.tasks:
                yield name
                continue
            matches = self.matching_names(name) if is_glob(name) else []
            if not matches:
                declared = getattr(task.declared, field)
                at = (index,) if len(declared) == len(names) else ()
                self._report_unknown(name, task.declared.place.at(field, *at))
            yield from (match for match in matches if match not in (task.name, task.declared.name))

    def _report_unknown(self, name: str, place: Place) -> None:
        self._problems.append(Problem(f"no task is called `{name}`", (place,), nearest(name, self.tasks)))

    def matching_names(self, pattern: str) -> list[str]:
        """Task names that match a glob in which `*` also matches dots and slashes."""
        from fnmatch import fnmatchcase

        return [name for name in self.tasks if fnmatchcase(name, pattern)]

    # -- checks ------------------------------------------------------------------------------------------------

    def _check_overlaps(self) -> None:
        for message, task, other in overlaps.overlaps(self.outputs):
            self._clash(message, self.tasks[task], self.tasks[other])

    def _check_cycles(self, names: Iterable[str]) -> None:
        cycle = walks.find_cycle(self._upstream, names)
        if cycle:
            first = " → ".join(f"`{name}`" for name in [*cycle, cycle[0]])
            places = tuple(dict.fromkeys(self.tasks[name].declared.place.key() for name in cycle))
            labels = ("", *(["also part of the cycle"] * (len(places) - 1)))
            raise FlowfileError([Problem(f"tasks wait for each other: {first}", places, labels=labels)])

    def _raise_problems(self) -> None:
        if self._problems:
            problems, self._problems = self._problems, []
            raise FlowfileError(list(dict.fromkeys(problems)))
