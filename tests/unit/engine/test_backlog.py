"""What is judged next of what is due, and whether something ready may start before it."""

from __future__ import annotations

from flowmake.engine.backlog import Backlog
from flowmake.engine.states import State
from tests.unit.engine.test_schedule import schedule


def test_the_most_urgent_come_first_where_there_are_too_many_at_once() -> None:
    edges = {"a": [], "b": [], "c": [], "d": [], "after": ["c"]}
    backlog = Backlog(schedule(edges, {"b": 5.0}, {"d": 1}))
    assert backlog.take(3) == ["d", "b", "c"]
    assert backlog
    backlog.put_back(["c"])
    assert backlog.take(3) == ["c", "a"]
    assert not backlog


def test_names_that_were_not_too_many_come_as_they_fell_due() -> None:
    backlog = Backlog(schedule({"a": [], "b": []}, {"b": 5.0}))
    assert backlog.take(2) == ["a", "b"]


def test_it_is_behind_a_ready_task_unless_something_in_it_is_more_urgent() -> None:
    made = schedule({"a": [], "b": [], "c": [], "after": ["b"]}, {"c": 3.0})
    backlog = Backlog(made)
    assert backlog.take(1) == ["c"]
    assert backlog.is_behind("c")
    assert backlog.is_behind("b")
    assert not backlog.is_behind("a")
    assert backlog.take(9) == ["b", "a"]
    assert backlog.is_behind("a")
    made.move("b", State.FRESH)
    assert backlog.is_behind("a")
    assert backlog.take(9) == ["after"]


def test_what_is_put_back_comes_before_its_equals_that_were_not_taken() -> None:
    names = [f"t{number}" for number in range(9)]
    backlog = Backlog(schedule({name: [] for name in names}))
    assert backlog.take(4) == names[:4]
    backlog.put_back(names[2:4])
    assert backlog.take(3) == names[2:5]
    backlog.put_back(names[3:5])
    assert backlog.take(9) == names[3:]
