"""What `foreach` declarations range over, and in which order to expand them. Makes no edges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from flowmake.core import expand
from flowmake.core.expand import Sources
from flowmake.core.foreach import settled
from flowmake.core.model import Declaration, Flow, KeySource, Task
from flowmake.core.patterns import captures, intersects
from flowmake.core.producers import Producers
from flowmake.core.segments import ANYTHING
from flowmake.core.templates import skeleton

Recall = Callable[[str], Iterable[str]]
"""What a glob would match besides, had temporary outputs not been removed."""


def nothing(pattern: str) -> Iterable[str]:
    """A `Recall` where no task has run yet, so that nothing was removed."""
    return ()


class Known:
    """`Sources` that also see what tasks declare to make, so that a fresh checkout and a built one expand alike."""

    def __init__(
        self, sources: Sources, outputs: Producers, is_leftover: Callable[[str], bool], recall: Recall = nothing
    ) -> None:
        self._sources = sources
        self._outputs = outputs
        self._is_leftover = is_leftover
        self._recall = recall
        self.hidden: set[str] = set()
        self.matched: set[str] = set()
        self.read = sources.read
        self.today = sources.today

    def glob(self, pattern: str) -> list[str]:
        """Files on disk, declared outputs and removed temporary ones, without leftovers and what is `hidden`."""
        found = (path for path in self._sources.glob(pattern) if not self._is_leftover(path))
        matches = {*found, *self._outputs.matching(pattern), *self._recall(pattern)} - self.hidden
        self.matched |= matches
        return sorted(matches)


def without_own_outputs(declaration: Declaration, flow: Flow, sources: Known) -> list[Task]:
    """Expand; what the instances themselves make never counts among the files they range over."""
    tasks = expand.expand(declaration, flow, sources)
    if sources.matched:
        sources.hidden = sources.matched & {output.path for task in tasks for output in task.outputs}
        if sources.hidden:
            return expand.expand(declaration, flow, sources)
    return tasks


def sources_of(declaration: Declaration, flow: Flow) -> list[KeySource]:
    """Where the values of a `foreach` come from, templates in them rendered."""
    assert declaration.foreach is not None
    place = declaration.place.at("foreach")
    return [settled(source, flow, place.at(key)) for key, source in declaration.foreach.keys.items()]


def made_by(declaration: Declaration) -> list[str]:
    """Globs for all that instances of a declaration may come to make."""
    skeletons = [skeleton(output.path) for output in declaration.outputs]
    return [made + ANYTHING if made.endswith("/") else made for made in skeletons]


def in_source_order(declarations: Sequence[Declaration], flow: Flow) -> Iterator[Declaration]:
    """Declarations whose `foreach` may range over what another one makes come after it; cycles keep file order."""
    makes = {d.name: made_by(d) for d in declarations}
    left = {d.name: d for d in declarations}
    while left:
        ready = [d for d in left.values() if not any(_ranges_over(d, flow, makes[o]) for o in left if o != d.name)]
        for declaration in ready or list(left.values())[:1]:
            del left[declaration.name]
            yield declaration


def _ranges_over(declaration: Declaration, flow: Flow, made: Sequence[str]) -> bool:
    for source in sources_of(declaration, flow):
        wanted = captures(source.glob).glob if source.glob else source.lines or source.json
        if wanted and any(intersects(path, wanted) for path in made):
            return True
    return False
