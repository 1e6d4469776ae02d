"""Names for attempts, and which attempts of a dead run are taken up again."""

from __future__ import annotations

from collections.abc import Sequence

from flowmake.core.ports import Leftover
from flowmake.engine.fences import Fence, Fences
from tests.fakes import FakeExecutor


class Haunted(FakeExecutor):
    """One with leftovers; `gone` are those that were stopped."""

    def __init__(self, *left: Leftover) -> None:
        super().__init__()
        self._left = left
        self.asked = 0
        self.gone: list[str] = []

    def leftovers(self) -> Sequence[Leftover]:
        self.asked += 1
        return self._left

    def discard(self, fence: str) -> None:
        self.gone.append(fence)


def test_no_fence_is_given_twice() -> None:
    fences = Fences("run", {"far": FakeExecutor()})
    given = [fences.take("far", task, "same") for task in "aabb"]
    assert given == [Fence("run-000001"), Fence("run-000002"), Fence("run-000003"), Fence("run-000004")]


def test_a_leftover_with_the_same_identity_is_resumed_once() -> None:
    far = Haunted(Leftover("a", "old-1", "same"))
    fences = Fences("run", {"far": far})
    assert fences.take("far", "a", "same") == Fence("old-1", resumed=True)
    assert fences.take("far", "a", "same") == Fence("run-000001")
    assert (far.gone, far.asked) == ([], 1)


def test_leftovers_that_are_no_longer_wanted_are_stopped() -> None:
    far = Haunted(
        Leftover("a", "old-1", "other"),
        Leftover("a", "old-2", "same"),
        Leftover("a", "old-3", "same"),
        Leftover("b", "old-4", "x"),
    )
    near = Haunted(Leftover("a", "old-5", "same"))
    fences = Fences("run", {"far": far, "near": near})
    assert fences.take("far", "a", "same") == Fence("old-2", resumed=True)
    assert far.gone == ["old-1", "old-3"]
    assert fences.take("far", "b", "y") == Fence("run-000001")
    assert far.gone == ["old-1", "old-3", "old-4"]
    assert near.gone == []
