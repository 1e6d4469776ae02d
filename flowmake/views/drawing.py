"""A judged flow as a picture to look at or save, in a notebook or from the command line. Judges nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from flowmake.core.errors import MissingTool, UsageError
from flowmake.core.plan import Plan
from flowmake.core.standing import state_of
from flowmake.core.text import safe_line
from flowmake.views import composing, dot, images, text
from flowmake.views.composing import Known, Options
from flowmake.views.neighbourhood import around, between
from flowmake.views.picture import Picture

Meant = Callable[..., tuple[str, ...]]
"""From targets as given to the names of their tasks."""


class Part(Struct, frozen=True):
    """Which part of a flow to draw, in targets as a person gives them; without anything all of it.

    What the targets need, or, if `up` or `down` is given, what lies at most so many steps before and after them (the
    other counts as 0); or everything on the ways `between` two targets.
    """

    targets: tuple[str, ...] = ()
    up: float | None = None
    down: float | None = None
    between: tuple[str, str] | None = None

    def check(self) -> None:
        """Raises `UsageError` for what does not go together."""
        if self.between and (self.targets or self._is_around):
            raise UsageError("`between` stands for itself: no targets, no `up` or `down` beside it")
        if self._is_around and not self.targets:
            raise UsageError("`up` and `down` count from targets", "name at least one")

    @property
    def _is_around(self) -> bool:
        return self.up is not None or self.down is not None

    @property
    def is_beyond(self) -> bool:
        """It may hold what the targets do not need."""
        return not self.targets or bool(self.down)

    @property
    def told(self) -> str:
        """A title for what is not all that the targets need: `around b, 1 up, 2 down`."""
        if self.between:
            return safe_line("from {} to {}".format(*self.between))
        if not self._is_around:
            return ""
        ways = {"up": self.up or 0, "down": self.down or 0}
        far = (f"{'all' if steps == inf else f'{steps:.0f}'} {way}" for way, steps in ways.items() if steps)
        return ", ".join([safe_line(f"around {', '.join(self.targets)}"), *far])

    def names(self, plan: Plan, meant: Meant) -> list[str]:
        """The names of its tasks in a plan. Raises `UsageError` if no way leads from one end to the other."""
        if self.between:
            start, end = self.between
            return between(plan.graph, plan.order, meant(start), meant(end)) or self._no_way(plan, meant)
        if not self._is_around:
            return list(plan.order)
        return around(plan.graph, plan.order, meant(*self.targets), self.up or 0, self.down or 0)

    def _no_way(self, plan: Plan, meant: Meant) -> list[str]:
        start, end = map(safe_line, self.between or ("", ""))
        turned = between(plan.graph, plan.order, meant(end), meant(start))
        hint = f"turn them round: `{end}` comes before `{start}`" if turned else "neither comes before the other"
        raise UsageError(f"nothing leads from `{start}` to `{end}`", hint)


def of_plan(
    plan: Plan,
    names: Sequence[str],
    options: Options,
    *,
    running: bool = False,
    mask: Callable[[str], str] = str,
) -> Picture:
    """What these tasks of a plan look like.

    `running`: some flowmake is at work on it at this moment; `mask` hides what is secret.
    """
    tasks = list(plan.tasks())
    known = Known(
        statuses={name: state_of(judgement, running=running) for name, judgement in plan.judgements.items()},
        commands={j.task.name: j.facts.recipe.text for j in tasks if j.facts.recipe is not None},
        reads={j.task.name: [*j.facts.inputs, *sorted(j.facts.unsettled)] for j in tasks},
        missing={j.task.name: j.facts.missing for j in tasks if j.facts.missing},
    )
    drawn = composing.draw(plan.graph, names, known, options)
    nodes = (replace(n, command=mask(n.command), description=mask(n.description)) for n in drawn.nodes)
    return replace(drawn, nodes=tuple(nodes))


class Drawing:
    """A picture of a flow: shown by itself in a notebook, as a tree of text in a console, saved with `save`."""

    def __init__(self, drawn: Picture) -> None:
        self.picture = drawn

    @cached_property
    def source(self) -> str:
        """Its DOT text."""
        return dot.source(self.picture)

    def save(self, path: str) -> None:
        """Draw into a file, as svg, png, pdf or dot by its ending.

        Raises `UsageError` for another ending, `MissingTool` where nothing can draw it, `StateError`.
        """
        images.write(self.source, path)

    def __repr__(self) -> str:
        return text.tree(self.picture).rstrip("\n")

    def _repr_svg_(self) -> str | None:
        """For notebooks; where nothing can draw it, these show the text."""
        try:
            return images.image(self.source, "svg").decode()
        except MissingTool as error:
            warnings.warn(f"{error.message}; {error.hint}", stacklevel=2)
            return None
