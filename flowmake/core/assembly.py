"""Declarations become a graph: tasks expanded, edges found, fan-outs grown, all checked. Unaware of freshness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from flowmake.core import expand, overlaps, walks
from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.expand import Sources
from flowmake.core.graph import Graph, Tables
from flowmake.core.model import Declaration, Flow, Input, KeySource, Task
from flowmake.core.patterns import as_pattern, captures, is_glob, normalise, unescape, within
from flowmake.core.producers import Producers
from flowmake.core.ranging import (
    Known,
    Recall,
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


class Assembly(Graph):
    """The graph of a flow. `is_made` tells of a path whether it is just as a task, of whatever Flowfile, once made it.

    Raises `FlowfileError` with all that is wrong.
    """

    def __init__(self, flow: Flow, sources: Sources, is_made: Callable[[str], bool] = lambda path: False) -> None:
        super().__init__(flow, Tables({}, {}, {}, {}, {}), Producers())
        self._sources = sources
        self._is_made = is_made
        self._perhaps: list[tuple[str, str]] = []
        self._doubted: list[tuple[str, str]] = []
        self._problems: list[Problem] = []
        self._build()

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
            if declaration.foreach is None:
                return expand.expand(declaration, self.flow, self._sources)
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
        needs = tuple(self._named_tasks(task, "needs", task.needs)) if task.needs else ()
        self._needs[task.name] = needs
        made = dict.fromkeys(self._makers_of_inputs(task))
        made.pop(task.name, None)
        found = {**dict.fromkeys(needs), **made}
        if task.after:
            after = dict.fromkeys(self._named_tasks(task, "after", task.after))
            self._order_only[task.name] = frozenset(after.keys() - found.keys())
            found.update(after)
        self._upstream[task.name] = tuple(found)

    def _makers_of_inputs(self, task: Task) -> list[str]:
        found: list[str] = []
        for entry in task.inputs:
            if entry.kind == "exclude":
                continue
            if entry.kind == "glob":
                excludes = [other.path for other in task.inputs if other.kind == "exclude"]
                found += self.outputs.behind(entry.path, excludes)
            else:
                found += self.behind_path(entry.path)
            if self._fanout_outputs:
                self._note_fanouts(task, entry)
        return found

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
