"""From what was asked to what would happen: targets to tasks, and a preview of every verdict. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from flowmake.core.errors import FlowfileError, Problem, UsageError
from flowmake.core.evidence import Evidence
from flowmake.core.graph import Graph
from flowmake.core.model import Attempt, Task, Trace
from flowmake.core.patterns import is_glob, normalise
from flowmake.core.staleness import Facts, Fresh, Verdict, judge
from flowmake.core.suggest import nearest


class Judgement(Struct, frozen=True):
    """A task with its verdict and all that the verdict rests on."""

    task: Task
    verdict: Verdict
    facts: Facts
    trace: Trace | None = None
    attempt: Attempt | None = None


class Plan(Struct, frozen=True):
    """Everything the targets need, judged: `order` holds names (groups, too), upstream first."""

    graph: Graph
    targets: tuple[str, ...]
    order: tuple[str, ...]
    judgements: dict[str, Judgement]

    def tasks(self) -> Iterator[Judgement]:
        """The concrete tasks, upstream first, without groups."""
        return (self.judgements[name] for name in self.order if not self.judgements[name].task.is_group)

    @property
    def is_fresh(self) -> bool:
        """Nothing would run."""
        return all(isinstance(self.judgements[name].verdict, Fresh) for name in self.order)


class Demand(Struct, frozen=True):
    """Which tasks are wanted, and how: `only` leaves upstreams alone, `forced` names are stale whatever the facts.

    `within` holds the names, upstream first, that need to be judged where all else is known to be fresh; `fresh` are
    those others, without groups.
    """

    targets: tuple[str, ...]
    only: bool = False
    force_all: bool = False
    forced: frozenset[str] = frozenset()
    within: dict[str, None] | None = None
    fresh: tuple[str, ...] = ()

    def concerned(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that are not known to be fresh."""
        return tuple(names) if self.within is None else tuple(name for name in names if name in self.within)

    def forces(self, task: Task) -> bool:
        """Is this task to run, whatever the facts? Naming a `foreach` task forces all its instances."""
        if task.is_group:
            return False
        return self.force_all or task.name in self.forced or task.declared.name in self.forced


def resolve_targets(graph: Graph, targets: Sequence[str], here: str = "") -> tuple[str, ...]:
    """Names of tasks and groups that the targets mean; without any, the defaults.

    A target is a name, a glob over names, `tag:NAME`, or an output path; `./path` is always a path. `here` is
    the folder below the root (ending in `/`) that relative paths start from. Raises `UsageError`.
    """
    if not targets:
        return graph.flow.default or tuple(_sinks(graph))
    found: dict[str, None] = {}
    for target in targets:
        found.update(dict.fromkeys(_resolve(graph, target, here)))
    return tuple(found)


def _sinks(graph: Graph) -> Iterator[str]:
    """Declared names that nothing else waits for; a `foreach` task when that holds for any of its instances."""
    groups = graph.groups
    waited_for = {other for name in graph.tasks if name not in groups for other in graph.upstream(name)}
    for name in graph.flow.declarations:
        if name not in waited_for and not (groups.get(name) and waited_for.issuperset(groups[name])):
            yield name


def _resolve(graph: Graph, target: str, here: str) -> Iterable[str]:
    if target.startswith("tag:"):
        return _tagged(graph, target.removeprefix("tag:"))
    if not target.startswith(("./", "../", "/")):
        if target in graph.tasks:
            return (target,)
        if is_glob(target) and (matches := graph.matching_names(target)):
            return matches
        base = target.partition("@")[0]
        if base != target and base in graph.fanouts:
            makers = ", ".join(f"`{name}`" for name in graph.fanouts[base])
            raise UsageError(
                f"`{target}` is not known before {makers} has run", f"ask for `{base}`, which means all of them"
            )
    return (_path_target(graph, target, here),)


def _tagged(graph: Graph, tag: str) -> list[str]:
    found = [name for name, declaration in graph.flow.declarations.items() if tag in declaration.tags]
    if not found:
        known = {tag for declaration in graph.flow.declarations.values() for tag in declaration.tags}
        raise UsageError(f"no task has the tag `{tag}`", nearest(tag, known))
    return found


def _path_target(graph: Graph, target: str, here: str) -> str:
    root = graph.flow.root.rstrip("/") + "/"
    for path in dict.fromkeys((normalise(here + target), normalise(target), normalise(target.removeprefix(root)))):
        if (producer := graph.producer(path)) is not None:
            return producer
    paths = [*graph.outputs.files, *graph.outputs.directories]
    ends = (f"@{target}", *(f"/{normalise(target)}{slash}" for slash in ("", "/")))
    longer = next((name for name in (*graph.tasks, *paths) if name.endswith(ends)), None)
    hint = f"did you mean `{longer}`?" if longer else nearest(target, [*graph.tasks, *paths])
    raise UsageError(f"no task is called `{target}`, and none makes such a path", hint)


def preview(graph: Graph, evidence: Evidence, demand: Demand) -> Plan:
    """Judge everything that the demand needs, upstream first (an iterative depth-first walk)."""
    judgements: dict[str, Judgement] = {}
    flows: dict[str, bool] = {}

    def pending(name: str) -> tuple[str, ...]:
        """Upstreams that may yet change what this one reads; a group is settled when all it stands for is."""
        if demand.only:
            return ()
        unsettled = (u for u in graph.upstream(name) if not isinstance(judgements[u].verdict, Fresh))
        if graph.tasks[name].is_group:
            return tuple(unsettled)
        return tuple(u for u in unsettled if flows[u] and u not in graph.order_only(name))

    def visit(name: str) -> None:
        task = graph.tasks[name]
        facts = evidence.facts(name, pending=pending(name), forced=demand.forces(task))
        trace, attempt = evidence.trace(name), evidence.attempt(name)
        judgements[name] = Judgement(task, judge(task, trace, attempt, facts), facts, trace, attempt)
        flows[name] = _may_change(graph, name, judgements, flows)

    evidence.foresee(needed(graph, demand))
    walk(graph, evidence, demand, judgements, lambda name: not pending(name), visit)
    return Plan(graph, demand.targets, tuple(judgements), judgements)


def _may_change(graph: Graph, name: str, judgements: dict[str, Judgement], flows: dict[str, bool]) -> bool:
    """May what readers of `name` read still come out differently? Nothing flows from a task without outputs."""
    task = graph.tasks[name]
    if isinstance(judgements[name].verdict, Fresh):
        return False
    if not task.is_group:
        return bool(task.outputs)
    if name in graph.fanouts:
        return bool(graph.flow.declarations[name].outputs)
    return any(flows.get(other, True) for other in graph.upstream(name))


def walk(
    graph: Graph,
    evidence: Evidence,
    demand: Demand,
    visited: dict[str, Judgement],
    is_ready: Callable[[str], bool],
    visit: Callable[[str], None],
) -> None:
    """Visit every needed name after all its upstreams, those discovered on the way included."""
    stack = list(reversed(demand.targets))
    waiting: set[str] = set()
    while stack:
        name = stack[-1]
        if name in visited:
            stack.pop()
            continue
        upstream = () if demand.only and not graph.tasks[name].is_group else graph.upstream(name)
        missing = [other for other in upstream if other not in visited and other not in waiting]
        if missing:
            waiting.add(name)
            stack.extend(reversed(missing))
            continue
        if not demand.only and evidence.discover(name, ready=is_ready(name)):
            continue
        stack.pop()
        waiting.discard(name)
        visit(name)


def needed(graph: Graph, demand: Demand) -> list[str]:
    """Everything the demand waits for, and is to judge, as far as the graph knows now, upstream first."""
    if demand.within is not None:
        return list(demand.within)
    if demand.only:
        return [task.name for name in demand.targets for task in graph.members(name)]
    return graph.order(demand.targets)


def check_inputs(evidence: Evidence, names: Iterable[str]) -> None:
    """Every plain input, and what lists on disk hold, must exist or be made by a task.

    Raises `FlowfileError` with all that do neither.
    """
    graph = evidence.graph
    problems: dict[Problem, None] = {}
    for name in names:
        task = graph.tasks[name]
        for index, entry in enumerate(task.inputs):
            if entry.kind not in ("path", "lines") or graph.producer(entry.path) is not None:
                continue
            paths = [entry.path, *(evidence.listed(entry.path) if entry.kind == "lines" else ())]
            for path in paths:
                if not evidence.files.exists(path) and not graph.behind_path(path):
                    problems[_missing_input(graph, task, index, path)] = None
    if problems:
        raise FlowfileError(list(problems))


def _missing_input(graph: Graph, task: Task, index: int, path: str) -> Problem:
    declared = task.declared.inputs
    entry = task.inputs[index]
    keys = (entry.name,) if entry.name else (index,) if len(declared) == len(task.inputs) else ()
    message = f"`{path}`, an input of `{task.name}`, does not exist and no task makes it"
    return Problem(message, (task.declared.place.at("inputs", *keys),), nearest(path, graph.outputs.files))
