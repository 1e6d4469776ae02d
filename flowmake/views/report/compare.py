"""What is different from before: slower, faster, broken, mended, cut off. Works on the tasks of a page alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowmake.views.report.page import Change, Comparison, RunPage, TaskPage
from flowmake.views.timeline import is_notable

_SHOWN = 12
RAN = ("succeeded", "failed", "timed_out", "interrupted")


def compare(tasks: Sequence[TaskPage], previous: RunPage | None) -> Comparison:
    """The comparison of a run with what its tasks did before."""
    ran = [(index, task) for index, task in enumerate(tasks) if task.status in RAN]
    changes = list(_changes(ran))
    cut_off = tuple((index, task.name) for index, task in ran if task.cut_off)
    return Comparison(
        previous=previous,
        slower=tuple(sorted((c for c in changes if c.now > c.before), key=_difference)[::-1][:_SHOWN]),
        faster=tuple(sorted((c for c in changes if c.now < c.before), key=_difference)[:_SHOWN]),
        broken=tuple((i, t.name) for i, t in ran if _failed(t.status) and _last(t) == "succeeded"),
        mended=tuple((i, t.name) for i, t in ran if t.status == "succeeded" and _failed(_last(t))),
        first=tuple((i, t.name) for i, t in ran if not t.history),
        cut_off=cut_off,
        spared=sum(tasks[index].status == "fresh" for index in _after(tasks, [index for index, _ in cut_off])),
    )


def _changes(ran: Sequence[tuple[int, TaskPage]]) -> Iterator[Change]:
    for index, task in ran:
        before, now = task.before, task.seconds
        if task.status != "succeeded" or before is None or now is None:
            continue
        if is_notable(before, now):
            yield Change(index, task.name, before, now)


def _difference(change: Change) -> float:
    return change.now - change.before


def _failed(status: str) -> bool:
    return status in ("failed", "timed_out")


def _last(task: TaskPage) -> str:
    return task.history[-1].status if task.history else ""


def _after(tasks: Sequence[TaskPage], start: Sequence[int]) -> set[int]:
    """All that depends on these tasks, directly or not."""
    downstream: dict[int, list[int]] = {}
    for index, task in enumerate(tasks):
        for other in task.upstream:
            downstream.setdefault(other, []).append(index)
    found: set[int] = set()
    stack = list(start)
    while stack:
        for index in downstream.get(stack.pop(), ()):
            if index not in found:
                found.add(index)
                stack.append(index)
    return found
