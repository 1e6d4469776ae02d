"""Places found in TOML text, and problems as people and machines read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from flowmake.core.errors import Problem
from flowmake.core.positions import locate, problems_as_json, render
from flowmake.core.source import Place, Position

TEXT = '''\
# a comment with [tasks.fake] in it
title = "x" # trailing = 1
dotted.inner.key = 1

[tasks.a]
inputs = [
  "one",  # "not" = 'me'
  { path = "two", check = "stat" },
]
run = """
[not.a.table]
also = "not"
"""
literal = \'\'\'
]\'\'\'\'

[tasks."b c".env]
'quoted key' = "\\"]"
"esc\\u0061ped" = 07:32:00
when = 1979-05-27 07:32:00

[[many]]
x = 1
[[many]]
x = 2
[many.sub]
y = 3
[[many.deep]]
z = [[1, 2], [3, [4]]]
'''


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (Place("f", ("title",)), '2:9 "x"'),
        (Place("f", ("title",), on_key=True), "2:1 title"),
        (Place("f", ("dotted", "inner", "key")), "3:20 1"),
        (Place("f", ("dotted", "inner", "key"), on_key=True), "3:14 key"),
        (Place("f", ("dotted", "inner"), on_key=True), "3:8 inner"),
        (Place("f", ("tasks", "a")), "5:1 [tasks.a]"),
        (Place("f", ("tasks", "a"), on_key=True), "5:8 a"),
        (Place("f", ("tasks",), on_key=True), "5:2 tasks"),
        (Place("f", ("tasks", "a", "inputs")), "6:10 ["),
        (Place("f", ("tasks", "a", "inputs", 0)), '7:3 "one"'),
        (Place("f", ("tasks", "a", "inputs", 1)), '8:3 { path = "two", check = "stat" }'),
        (Place("f", ("tasks", "a", "inputs", 1, "check")), '8:27 "stat"'),
        (Place("f", ("tasks", "a", "inputs", 1, "check"), on_key=True), "8:19 check"),
        (Place("f", ("tasks", "a", "run")), '10:7 """'),
        (Place("f", ("tasks", "a", "literal")), "14:11 '''"),
        (Place("f", ("tasks", "b c")), '17:1 [tasks."b c".env]'),
        (Place("f", ("tasks", "b c", "env", "quoted key")), '18:16 "\\"]"'),
        (Place("f", ("tasks", "b c", "env", "escaped")), "19:18 07:32:00"),
        (Place("f", ("tasks", "b c", "env", "when")), "20:8 1979-05-27 07:32:00"),
        (Place("f", ("many", 0, "x")), "23:5 1"),
        (Place("f", ("many", 1, "x")), "25:5 2"),
        (Place("f", ("many", 1, "sub", "y")), "27:5 3"),
        (Place("f", ("many", 1, "deep", 0, "z", 1, 1, 0)), "29:19 4"),
        (Place("f", ("many", 1)), "24:1 [[many]]"),
    ],
    ids=lambda value: (
        ".".join(map(str, value.keys)) + ("!" if value.on_key else "") if isinstance(value, Place) else ""
    ),
)
def test_every_way_to_write_a_thing_is_found(place: Place, found: str) -> None:
    assert tomli.loads(TEXT)
    position = locate(TEXT, place)
    line = TEXT.split("\n")[position.line - 1]
    shown = line[position.column - 1 :][: position.width]
    assert f"{position.line}:{position.column} {shown}" == found


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("tasks", "a", "outputs"), 5),
        (("tasks", "a", "inputs", 9), 6),
        (("tasks", "a", "inputs", 1, "nothing"), 8),
        (("tasks", "zzz"), 5),
        (("nothing",), 1),
        ((), 1),
    ],
)
def test_what_is_not_there_is_shown_at_the_nearest_thing_around_it(keys: tuple[str | int, ...], line: int) -> None:
    assert locate(TEXT, Place("f", keys)).line == line


def test_a_key_that_is_not_there_points_at_the_table_it_belongs_to() -> None:
    assert locate(TEXT, Place("f", ("tasks", "a", "x"), on_key=True)) == Position(5, 1, len("[tasks.a]"))


def test_a_place_that_knows_its_line_keeps_it() -> None:
    assert locate("a = \n", Place("f", line=1, column=5)) == Position(1, 5)


def test_broken_text_is_searched_as_far_as_it_goes() -> None:
    assert locate('a = 1\nb = [1, "x\nc = 2\n', Place("f", ("a",))) == Position(1, 5)


def test_windows_line_ends_and_a_byte_order_mark_do_not_shift_anything() -> None:
    assert locate("\ufeffa = 1\r\nb = 22\r\n", Place("f", ("b",))) == Position(2, 5, 2)


# --- random documents ------------------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.integers(-99, 99),
    st.booleans(),
    st.text(max_size=8),
    st.sampled_from(["#", "]", "}", '"', "'", '"""', "'''", "\\", "a = 1", "\n", "\t"]),
)
KEYS = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,4}", fullmatch=True), st.text(max_size=3))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=10
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


class Writer:
    """Writes a document as TOML in styles that chance picks, and notes where each value went."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.where: dict[tuple[str | int, ...], tuple[int, int]] = {}

    def document(self, tables: Mapping[str, Any]) -> None:
        plain = {key: value for key, value in tables.items() if not self.is_table(value)}
        for key, value in plain.items():
            self.pair((), key, value)
        for key, value in tables.items():
            if key not in plain:
                self.table((key,), value)

    def is_table(self, value: Any) -> bool:
        return isinstance(value, dict) or (
            isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)
        )

    def table(self, path: tuple[str | int, ...], value: Any) -> None:
        names = ".".join(self.key(key) for key in path if isinstance(key, str))
        style = self.draw(st.sampled_from(["header", "inline"]))
        if isinstance(value, list) and style == "header":
            for index, item in enumerate(value):
                self.header(f"[[{names}]]", (*path, index), item)
        elif isinstance(value, dict) and style == "header":
            self.header(f"[{names}]", path, value)
        else:
            wrapper = f"wrapper-{len(self.text)}"
            self.text += f"[{wrapper}]\n"
            self.pair((wrapper,), str(path[-1]), value)

    def header(self, header: str, path: tuple[str | int, ...], value: Mapping[str, Any]) -> None:
        self.text += " " * self.draw(st.integers(0, 2))
        self.where[path] = (len(self.text), len(self.text) + len(header))
        self.text += header + self.line_end()
        for key, item in value.items():
            self.pair(path, key, item)

    def pair(self, path: tuple[str | int, ...], key: str, value: Any) -> None:
        self.text += self.key(key)
        while isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
            ((inner, value),) = value.items()
            path, key = (*path, key), inner
            self.text += self.draw(st.sampled_from([".", " . "])) + self.key(key)
        self.text += self.draw(st.sampled_from(["=", " = ", "\t="]))
        self.value((*path, key), value)
        self.text += self.line_end()

    def value(self, path: tuple[str | int, ...], value: Any) -> None:
        start = len(self.text)
        if isinstance(value, dict):
            self.inline_table(path, value)
        elif isinstance(value, list):
            self.array(path, value)
        else:
            self.text += self.scalar(value)
        self.where[path] = (start, len(self.text))

    def inline_table(self, path: tuple[str | int, ...], value: Mapping[str, Any]) -> None:
        self.text += "{"
        for index, (key, item) in enumerate(value.items()):
            self.text += (", " if index else " ") + self.key(key) + " = "
            self.value((*path, key), item)
        self.text += " }"

    def array(self, path: tuple[str | int, ...], value: list[Any]) -> None:
        self.text += "["
        for index, item in enumerate(value):
            self.text += self.draw(st.sampled_from(["", " ", "\n  ", "# ], [\n"]))
            self.value((*path, index), item)
            self.text += self.draw(st.sampled_from(["", " ", "\n"])) + ("," if index < len(value) - 1 else "")
        self.text += self.draw(st.sampled_from([",]", " ]", "\n]"])) if value else "]"

    def line_end(self) -> str:
        return self.draw(st.sampled_from(["\n", "  # [x] = {\n", "\n\n"]))

    def key(self, key: str) -> str:
        bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
        return key if bare and self.draw(st.booleans()) else self.basic(key)

    def scalar(self, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        styles = [self.basic(value), f'"""\n{self.basic(value)[1:-1]}"""']
        if value.isprintable() and "'" not in value:
            styles += [f"'{value}'", f"'''{value}'''"]
        return self.draw(st.sampled_from(styles))

    def basic(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@st.composite
def written_documents(draw: st.DrawFn) -> Writer:
    writer = Writer(draw)
    writer.document(draw(DOCUMENTS))
    return writer


@given(written_documents())
def test_in_any_document_the_place_of_a_value_is_where_it_was_written(writer: Writer) -> None:
    tomli.loads(writer.text)
    for keys, (start, end) in writer.where.items():
        line_start = writer.text.rfind("\n", 0, start) + 1
        first_line = writer.text[start:end].split("\n")[0]
        expected = Position(writer.text.count("\n", 0, start) + 1, start - line_start + 1, max(1, len(first_line)))
        assert locate(writer.text, Place("f", keys)) == expected, (keys, writer.text)


@given(st.text(alphabet="ab=[]{}.,\"'#\\\n 1", max_size=60), st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=3))
def test_a_place_can_be_asked_of_any_text(text: str, keys: list[str | int]) -> None:
    position = locate(text, Place("f", tuple(keys)))
    assert 1 <= position.line <= text.count("\n") + 1
    assert position.column >= 1
    assert position.width >= 1


# --- showing ---------------------------------------------------------------------------------------------------------


def shown(text: str, *problems: Problem) -> str:
    return render(problems, {"Flowfile": text}.get)


def test_a_problem_is_shown_with_its_line_a_caret_and_a_hint() -> None:
    place = Place("Flowfile", ("tasks", "a", "inputs"))
    assert shown("[tasks.a]\ninputs  = 3\n", Problem("not a list", (place,), 'write `inputs = ["path"]`')) == (
        "Flowfile:2:11: error: not a list\n"
        "    2 | inputs  = 3\n"
        "      |           ^\n"
        '   hint: write `inputs = ["path"]`\n'
        "\n"
        "1 error in Flowfile\n"
    )


def test_further_places_are_notes_and_labels_say_what_they_show() -> None:
    places = (Place("Flowfile", ("b",), on_key=True), Place("etl.toml", ("a",)), Place("Flowfile", ("a",)))
    texts = {"Flowfile": "a = 10\nb = 2\n", "etl.toml": "a = 3\n"}
    problem = Problem("too many", places, labels=("this one", "and this"))
    assert render([problem], texts.get) == (
        "Flowfile:2:1: error: too many\n"
        "    2 | b = 2\n"
        "      | ^ this one\n"
        "etl.toml:1:5: note: and this\n"
        "    1 | a = 3\n"
        "      |     ^\n"
        "Flowfile:1:5: note: see also here\n"
        "    1 | a = 10\n"
        "      |     ^^\n"
        "\n"
        "1 error in Flowfile\n"
    )


def test_problems_come_in_the_order_of_the_lines_and_without_a_place_last() -> None:
    problems = [
        Problem("of no file"),
        Problem("second", (Place("Flowfile", ("b",)),)),
        Problem("elsewhere", (Place("x.toml", ("a",)),)),
        Problem("first", (Place("Flowfile", ("a",)),)),
    ]
    texts = {"Flowfile": "a = 1\nb = 2\n", "x.toml": "a = 1\n"}
    lines = render(problems, texts.get).split("\n")
    assert [line for line in lines if "error" in line] == [
        "Flowfile:1:5: error: first",
        "Flowfile:2:5: error: second",
        "x.toml:1:5: error: elsewhere",
        "error: of no file",
        "4 errors in Flowfile and 1 more file",
    ]


def test_without_the_text_the_key_path_is_shown() -> None:
    problem = Problem("bad", (Place("<output of gen>", ("tasks", "a", "inputs", 2)),))
    assert shown("", problem) == "<output of gen>: error: bad (at `tasks.a.inputs[2]`)\n\n1 error in <output of gen>\n"


def test_nothing_wrong_shows_nothing() -> None:
    assert render([], lambda _: None) == ""


@pytest.mark.parametrize(
    ("line", "excerpt", "carets"),
    [
        ("\ta = 1", "    a = 1", "        ^"),
        ("a\t= 1", "a   = 1", "      ^"),
        ('"日本" = { x = 1 }', '"日本" = { x = 1 }', "         ^^^^^^^^^"),
        ('"e\u0301" = 1', '"e\u0301" = 1', "      ^"),
        ('a = "日本"', 'a = "日本"', "    ^^^^^^"),
        ('"\u202e" = 1', '"?" = 1', "      ^"),
        ("a = " + "1" * 300, "a = " + "1" * 120 + "…", "    " + "^" * 80),
        ("a.b = 1 #" + "x" * 300, "a.b = 1 #" + "x" * 38 + "…", "      ^"),
    ],
)
def test_the_caret_stands_under_what_it_means(line: str, excerpt: str, carets: str) -> None:
    value = tomli.loads(line)
    keys: tuple[str, ...] = ()
    while isinstance(value, dict) and not keys[1:]:
        key = next(iter(value))
        keys, value = (*keys, key), value[key]
        if line[0] == '"':
            break
    shown_lines = shown(line, Problem("bad", (Place("Flowfile", keys),))).split("\n")
    assert shown_lines[1:3] == [f"    1 | {excerpt}", f"      | {carets}"]


@given(st.text(max_size=300), st.integers(1, 320), st.integers(1, 3))
def test_any_line_can_be_shown_on_a_terminal(text: str, column: int, line: int) -> None:
    out = shown(text, Problem("bad", (Place("Flowfile", line=line, column=column),)))
    assert all(char.isprintable() or char == "\n" or ord(char) >= 0xA0 for char in out)


def test_machines_get_numbers_and_notes() -> None:
    problems = [
        Problem("twice", (Place("Flowfile", ("a",)), Place("Flowfile", ("b",))), "rename", ("", "also here")),
        Problem("unknown text", (Place("gone.toml", ("a",)),)),
        Problem("of no file"),
    ]
    assert problems_as_json(problems, {"Flowfile": "a = 1\nb = 2\n"}.get) == [
        {
            "file": "Flowfile",
            "line": 1,
            "column": 5,
            "message": "twice",
            "hint": "rename",
            "notes": [{"file": "Flowfile", "line": 2, "column": 5, "message": "also here"}],
        },
        {"file": "gone.toml", "line": None, "column": None, "message": "unknown text", "hint": "", "notes": []},
        {"file": None, "line": None, "column": None, "message": "of no file", "hint": "", "notes": []},
    ]
