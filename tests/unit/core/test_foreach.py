"""Combinations of keys from every kind of source, what is wrong with them, and the names of instances."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.errors import FlowfileError
from flowmake.core.foreach import combinations, instance_name
from flowmake.core.model import Declaration, Flow, Foreach, KeySource
from flowmake.core.patterns import compile_pattern, is_glob
from flowmake.core.source import Place

PLACE = Place("Flowfile", ("tasks", "t"))
FLOW = Flow("/root", "/root/Flowfile", name="f", params={"dir": "src", "first": "2026-01-30"})


class Files:
    """`Sources` over a table of texts."""

    def __init__(self, **texts: str) -> None:
        self.texts = {name.replace("__", "."): text for name, text in texts.items()}
        self.paths = ["src/a.c", "src/b.c", "src/b.h", "d/bern/1.csv", "d/bern/2.csv", "d/rome/1.csv"]

    def glob(self, pattern: str) -> list[str]:
        return list(filter(compile_pattern(pattern).matches, self.paths))

    def read(self, path: str) -> str:
        if path not in self.texts:
            raise FileNotFoundError(path)
        return self.texts[path]

    def today(self) -> date:
        return date(2026, 1, 31)


def values(*given: Any) -> KeySource:
    return KeySource(values=given)


def combine(files: Files | None = None, /, **table: Any) -> list[dict[str, Any]]:
    exclude, zipped = table.pop("exclude", ()), table.pop("zip", False)
    declaration = Declaration("t", PLACE, foreach=Foreach(table, exclude, zipped))
    return combinations(declaration, FLOW, files or Files())


def problems(files: Files | None = None, /, **table: Any) -> list[tuple[str, str, tuple[Any, ...]]]:
    with pytest.raises(FlowfileError) as caught:
        combine(files, **table)
    return [(found.message, found.hint, found.places[0].keys[2:]) for found in caught.value.problems]


def test_without_foreach_there_is_one_empty_combination() -> None:
    assert combinations(Declaration("t", PLACE), FLOW, Files()) == [{}]


def test_keys_are_crossed_in_the_order_written() -> None:
    found = combine(b=values(1, 2), a=values("x", "y"))
    assert [list(keys.items()) for keys in found] == [
        [("b", 1), ("a", "x")],
        [("b", 1), ("a", "y")],
        [("b", 2), ("a", "x")],
        [("b", 2), ("a", "y")],
    ]


def over(*given: Any) -> list[dict[str, Any]]:
    """The values of `a`, in a flow with parameters that are lists."""
    params = {"list": ["x", 2], "number": 7, "tables": [{"id": 1, "url": "u"}, {"id": 2, "url": "v"}]}
    declaration = Declaration("t", PLACE, foreach=Foreach({"a": values(*given)}, (), False))
    return combinations(declaration, Flow("/root", "/root/Flowfile", params=params), Files())


def test_values_may_be_templates_and_a_list_stands_for_its_elements() -> None:
    found = over("{{ params.list }}", "no-{{ params.number }}", "{{ params.number }}", "plain", True)
    assert [keys["a"] for keys in found] == ["x", 2, "no-7", 7, "plain", True]
    found = over("{{ params.tables }}")
    assert [(keys["a"]["url"], instance_name("t", keys)) for keys in found] == [("u", "t@1"), ("v", "t@2")]


@pytest.mark.parametrize(
    ("text", "message", "hint", "keys"),
    [
        (
            "{{ params.lst }}",
            "`params` has no `lst`",
            "did you mean `list`? (it has: `list`, `number`, `tables`)",
            (1,),
        ),
        ("{{ [params.list] }}", "a list inside a list cannot be a value", "", ()),
    ],
)
def test_a_wrong_template_among_the_values(text: str, message: str, hint: str, keys: tuple[int, ...]) -> None:
    with pytest.raises(FlowfileError) as caught:
        over("x", text)
    (found,) = caught.value.problems
    assert (found.message, found.hint) == (message, hint)
    assert found.places == (PLACE.at("foreach", "a", *keys),)


def test_keys_are_paired_up() -> None:
    assert combine(a=values(1, 2), b=values("x", "y"), zip=True) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_excluded_combinations_are_dropped_by_what_they_have_in_common() -> None:
    found = combine(a=values(1, 2), b=values("x", "y"), c=values(True), exclude=({"a": "1", "c": True}, {"b": "y"}))
    assert found == [{"a": 2, "b": "x", "c": True}]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (values(), []),
        (values("a", 1, True), ["a", 1, True]),
        (KeySource(glob="src/{k}.c"), ["a", "b"]),
        (KeySource(glob="./src//{k}.*"), ["a", "b"]),
        (KeySource(glob="src/b.*"), ["src/b.c", "src/b.h"]),
        (KeySource(glob="{{ params.dir }}/{k}.h"), ["b"]),
        (KeySource(lines="list.txt"), ["x", "# y", "z z"]),
        (KeySource(lines="./list.txt"), ["x", "# y", "z z"]),
        (KeySource(json="list.json"), [1, "two", {"name": "three"}]),
        (KeySource(range=(0, 3)), [0, 1, 2]),
        (KeySource(range=(3, 0, -2)), [3, 1]),
        (KeySource(dates=("{{ params.first }}", "today")), ["2026-01-30", "2026-01-31"]),
        (KeySource(dates=("2025-12-31", "today"), every="month"), ["2025-12-31", "2026-01-31"]),
    ],
)
def test_sources_of_values(source: KeySource, expected: list[Any]) -> None:
    files = Files(list__txt="x\n\n  # y\r\n z z \n", list__json='[1, "two", {"name": "three"}]')
    assert [keys["k"] for keys in combine(files, k=source)] == expected


def test_a_glob_may_give_values_to_several_keys() -> None:
    assert combine(site=KeySource(glob="d/{site}/{year}.csv"), n=values(0)) == [
        {"site": "bern", "year": "1", "n": 0},
        {"site": "bern", "year": "2", "n": 0},
        {"site": "rome", "year": "1", "n": 0},
    ]


def test_what_is_captured_twice_counts_once() -> None:
    assert combine(site=KeySource(glob="d/{site}/*.csv")) == [{"site": "bern"}, {"site": "rome"}]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            {"k": values("a", "b", "a", 1, "1")},
            [
                ("the combination `a` appears more than once", "", ("foreach",)),
                ("the combination `1` appears more than once", "", ("foreach",)),
            ],
        ),
        (
            {"a": values(1, 2), "b": values(1), "zip": True},
            [
                (
                    "keys that are paired up need equally many values: `a` has 2, `b` has 1",
                    "leave `zip` out to combine each with each",
                    ("foreach",),
                )
            ],
        ),
        (
            {"city": values(1), "exclude": ({"ctiy": 1},)},
            [("`foreach` has no key `ctiy`", "did you mean `city`?", ("foreach", "exclude", 0, "ctiy"))],
        ),
        (
            {"unit": KeySource(glob="src/{unti}.c"), "k": KeySource(lines="gone.txt")},
            [
                ("the glob does not capture `unit`", "did you mean `unti`?", ("foreach", "unit", "glob")),
                ("`gone.txt` does not exist, and no task makes it", "", ("foreach", "k", "lines")),
            ],
        ),
        (
            {"site": KeySource(glob="d/{site}/{year}.csv"), "year": values(1)},
            [("`year` and `site` both give values to `year`", "", ("foreach", "year"))],
        ),
        (
            {"params": values(1)},
            [("`params` cannot be a key: templates have it already", "rename it", ("foreach", "params"))],
        ),
        (
            {"k": KeySource(json="table.json")},
            [
                (
                    "`table.json` does not hold a list of values",
                    "each may be a text, a number or an object",
                    ("foreach", "k", "json"),
                )
            ],
        ),
        (
            {"k": KeySource(json="bad.json")},
            [("`bad.json` is not valid JSON: Input data was truncated", "", ("foreach", "k", "json"))],
        ),
        (
            {"k": KeySource(range=(0, 5, 0))},
            [
                (
                    "`range` must be `[start, end]` or `[start, end, step]`, with a step other than 0",
                    "",
                    ("foreach", "k", "range"),
                )
            ],
        ),
        (
            {"k": KeySource(range=(0, 10**15))},
            [("this makes more than 1,000,000 instances", "use fewer values", ("foreach", "k", "range"))],
        ),
        (
            {"a": KeySource(range=(0, 2000)), "b": KeySource(range=(0, 2000))},
            [("this makes more than 1,000,000 instances", "use fewer values", ("foreach",))],
        ),
        (
            {"k": KeySource(dates=("today", "never"))},
            [
                (
                    "`never` is not a date; write `2026-01-31`, `today` or `today-7d`",
                    "",
                    ("foreach", "k", "dates"),
                )
            ],
        ),
        (
            {"k": KeySource(lines="{{ params.fle }}")},
            [
                (
                    "`params` has no `fle`",
                    "it has: `dir`, `first`",
                    ("foreach", "k", "lines"),
                )
            ],
        ),
        (
            {"k": KeySource()},
            [("the key has no values", "write a list, or a table with `glob`, `lines`, …", ("foreach", "k"))],
        ),
    ],
)
def test_problems(table: dict[str, Any], expected: list[tuple[str, str, tuple[Any, ...]]]) -> None:
    assert problems(Files(table__json='{"a": 1}', bad__json="[1, "), **table) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"a": "x", "b": 2}, "t@x,2"),
        ({"a": True, "b": 1.5}, "t@true,1.5"),
        ({"a": "2026-01-31T06:00"}, "t@2026-01-31T06:00"),
        ({"a": "a b/c,d"}, "t@a%20b%2Fc%2Cd"),
        ({"a": "50%\n"}, "t@50%25%0A"),
        ({"a": "zürich"}, "t@zürich"),
        ({"a": "$x;`y`'\"*[?]{}~!#&|<>()\\"}, "t@%24x%3B%60y%60%27%22%2A%5B%3F%5D%7B%7D%7E%21%23%26%7C%3C%3E%28%29%5C"),
        ({"a": "\udcff"}, "t@%FF"),
        ({"a": {"name": "bern", "id": 3}}, "t@bern"),
        ({"a": {"id": 3}}, "t@3"),
        ({"a": ""}, "t@"),
    ],
)
def test_names_of_instances(keys: dict[str, Any], expected: str) -> None:
    assert instance_name("t", keys) == expected


def test_tables_without_a_name_are_counted() -> None:
    found = combine(Files(l__json='[{"x": 1}, {"name": "b"}, {"x": 2}]'), k=KeySource(json="l.json"))
    assert [instance_name("t", keys) for keys in found] == ["t@0", "t@b", "t@2"]


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=2, max_size=8, unique=True))
def test_names_are_distinct_and_safe(pairs: list[tuple[str, str]]) -> None:
    names = [instance_name("t", {"a": a, "b": b}) for a, b in pairs]
    assert len(set(names)) == len(names)
    assert not any(is_glob(name) or set(name) & set(" /\n\t\0'\"$") for name in names)
