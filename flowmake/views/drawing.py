"""A judged flow as a picture to look at or save, in a notebook or from the command line. Judges nothing."""

from __future__ import annotations

from flowmake.core.plan import Plan
from flowmake.core.standing import state_of
from flowmake.views import dot, picture
from flowmake.views.picture import Known, Options, Picture


def of_plan(plan: Plan, options: Options, *, running: bool = False) -> Picture:
    """What a plan looks like. `running`: some flowmake is at work on it at this moment."""
    tasks = list(plan.tasks())
    known = Known(
        statuses={j.task.name: state_of(j, running=running) for j in tasks},
        commands={j.task.name: j.facts.recipe.text for j in tasks if j.facts.recipe is not None},
        reads={j.task.name: [*j.facts.inputs, *sorted(j.facts.unsettled)] for j in tasks},
    )
    return picture.draw(plan.graph, plan.order, known, options)


class Drawing:
    """A picture of a flow: shown by itself in a notebook, saved with `save`. `source` is its DOT text."""

    def __init__(self, drawn: Picture) -> None:
        self.picture = drawn
        self.source = dot.source(drawn)

    def save(self, path: str) -> None:
        """Draw into a file, as svg, png, pdf or dot by its ending.

        Raises `UsageError` for another ending, `MissingTool` where nothing can draw it, `StateError`.
        """
        dot.write(self.source, path)

    def _repr_svg_(self) -> str:
        return dot.image(self.source, "svg").decode()
