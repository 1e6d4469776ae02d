"""The verdict, case by case from `tests/cases/verdicts` (its README tells the format), and laws that hold for all."""

from __future__ import annotations

import tomllib
from itertools import chain, combinations
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.model import RERUN_ON_ALL, Attempt, Declaration, Input, Output, Recipe, Task, Trace
from flowmake.core.patterns import is_glob
from flowmake.core.source import Place
from flowmake.core.staleness import Facts, Fresh, ReasonKind, Stale, Verdict, Waiting, judge

FILES = sorted((Path(__file__).parents[2] / "cases" / "verdicts").glob("*.toml"))
CASES = [case | {"file": file.stem} for file in FILES for case in tomllib.loads(file.read_text())["case"]]

TASK: dict[str, Any] = {"kind": "run", "inputs": ["a"], "outputs": ["b"]}
TRACE: dict[str, Any] = {
    "recipe": "cp a b",
    "env": {"LC_ALL": "d1"},
    "inputs": {"a": "1"},
    "outputs": {"b": "2"},
    "finished": 100.0,
}
FACTS: dict[str, Any] = {
    "recipe": "cp a b",
    "env": {"LC_ALL": "d1"},
    "inputs": {"a": "1"},
    "outputs": {"b": "2"},
    "now": 200.0,
}


def make_task(inputs: list[str], outputs: list[str | dict[str, Any]], **settings: Any) -> Task:
    declared = Declaration("t", Place("Flowfile", ("tasks", "t")), **settings)
    made = [Output(**entry) if isinstance(entry, dict) else Output(entry) for entry in outputs]
    settled = (Output(o.path, "glob" if is_glob(o.path) else "path", o.temp) for o in made)
    return Task("t", declared, inputs=tuple(map(Input, inputs)), outputs=tuple(settled))


def make_facts(recipe: str, env: dict[str, str], **facts: Any) -> Facts:
    facts["pending"] = tuple(facts.get("pending", ()))
    facts["missing"] = tuple(facts.get("missing", ()))
    facts["unsettled"] = frozenset(facts.get("unsettled", ()))
    return Facts(recipe=Recipe(recipe, env) if recipe else None, **facts)


def verdict_on(case: dict[str, Any]) -> Verdict:
    recorded = case.get("trace", {})
    trace = None if recorded == "none" else Trace(task="t", seconds=1.0, run="r", **TRACE | recorded)
    status = case.get("attempt", "succeeded")
    attempt = None if status == "none" else Attempt("t", status, "r", 99.0)
    return judge(make_task(**TASK | case.get("task", {})), trace, attempt, make_facts(**FACTS | case.get("facts", {})))


def as_data(verdict: Verdict) -> Any:
    match verdict:
        case Stale(reasons):
            return {"stale": [reason.as_dict() for reason in reasons]}
        case Waiting(on):
            return {"waiting": list(on)}
        case _:
            return "fresh"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['file']}: {case['name']}")
def test_the_verdict_with_all_its_reasons(case: dict[str, Any]) -> None:
    assert as_data(verdict_on(case)) == case["verdict"]


def test_every_kind_of_reason_has_a_case() -> None:
    verdicts = [case["verdict"] for case in CASES if isinstance(case["verdict"], dict)]
    kinds = {reason["kind"] for verdict in verdicts for reason in verdict.get("stale", ())}
    assert kinds == set(get_args(ReasonKind))


# -- rerun_on --------------------------------------------------------------------------------------------------

CHANGED: dict[str, dict[str, Any]] = {
    "inputs": {"facts": {"inputs": {"a": "9"}}},
    "outputs": {"facts": {"outputs": {"b": "9"}}},
    "recipe": {"facts": {"recipe": "new"}},
    "env": {"facts": {"env": {"LC_ALL": "d9"}}},
    "age": {"task": {"max_age": 1.0}},
}
KIND = {"input_changed": "inputs", "output_changed": "outputs", "recipe_changed": "recipe", "env_changed": "env"}
SUBSETS = list(chain.from_iterable(combinations(sorted(RERUN_ON_ALL), size) for size in range(6)))


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_rerun_on_lets_exactly_its_own_reasons_count(subset: tuple[str, ...]) -> None:
    everything = {"inputs": {"a": "9"}, "outputs": {"b": "9"}, "recipe": "new", "env": {"LC_ALL": "d9"}}
    verdict = verdict_on({"task": {"rerun_on": frozenset(subset), "max_age": 1.0}, "facts": everything})
    reasons = verdict.reasons if isinstance(verdict, Stale) else ()
    assert {KIND.get(reason.kind, "age") for reason in reasons} == set(subset)


@pytest.mark.parametrize("changed", sorted(CHANGED))
def test_what_rerun_on_leaves_out_does_not_count(changed: str) -> None:
    case = CHANGED[changed]
    task = {**case.get("task", {}), "rerun_on": RERUN_ON_ALL - {changed}}
    assert verdict_on({**case, "task": task}) == Fresh()
    assert isinstance(verdict_on(case), Stale)


@pytest.mark.parametrize("attempt", ["failed", "timed_out", "interrupted", "running"])
def test_rerun_on_never_hides_that_the_last_attempt_came_to_nothing(attempt: str) -> None:
    assert isinstance(verdict_on({"task": {"rerun_on": frozenset()}, "attempt": attempt}), Stale)


# -- laws ------------------------------------------------------------------------------------------------------

tables = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["", "1", "2"]), max_size=3)


@given(old=tables, new=tables, pending=st.booleans(), data=st.data())
def test_reasons_name_exactly_the_inputs_that_differ(
    old: dict[str, str], new: dict[str, str], pending: bool, data: st.DataObject
) -> None:
    unsettled = data.draw(st.sets(st.sampled_from(sorted(old.keys() - new.keys()) or ["none"]))) if pending else set()
    facts = {"inputs": new, "unsettled": unsettled, "pending": ["up"] if pending else [], "whole": not pending}
    verdict = verdict_on({"trace": {"inputs": old}, "facts": facts})
    added = new.keys() - old.keys()
    changed = {path for path in new.keys() & old.keys() if old[path] != new[path]}
    removed = set() if pending else old.keys() - new.keys()
    reasons = verdict.reasons if isinstance(verdict, Stale) else ()
    assert {reason.path for reason in reasons} == added | changed | removed
    if not reasons:
        assert verdict == (Waiting(("up",)) if pending else Fresh())


@given(inputs=tables, outputs=tables, env=tables, recipe=st.text(min_size=1))
def test_what_is_exactly_as_recorded_is_fresh(
    inputs: dict[str, str], outputs: dict[str, str], env: dict[str, str], recipe: str
) -> None:
    same = {"inputs": inputs, "outputs": outputs, "env": env, "recipe": recipe}
    assert verdict_on({"trace": same, "facts": same}) == Fresh()


@given(case=st.sampled_from(CASES), name=st.sampled_from(["x", "y"]))
def test_a_pending_upstream_never_makes_anything_stale_and_never_hides_it(case: dict[str, Any], name: str) -> None:
    """It can only put off saying that a task is fresh, unless that is certain because the task is frozen."""
    plain = {**case, "facts": {**case.get("facts", {}), "pending": []}}
    waiting = {**case, "facts": {**case.get("facts", {}), "pending": [name]}}
    verdict = verdict_on(plain)
    is_certain = verdict != Fresh() or case.get("task", {}).get("frozen", False)
    assert verdict_on(waiting) == (verdict if is_certain else Waiting((name,)))
