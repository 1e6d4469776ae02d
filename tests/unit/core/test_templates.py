"""Templates: ways of rendering, whole error texts, the fence around Python, and the fast path against Jinja2."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.core import sandbox, templates
from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.patterns import compile_pattern, intersects, is_glob, normalise, unescape
from flowmake.core.source import Place
from flowmake.core.templates import (
    PathList,
    check,
    evaluate,
    has_template,
    names,
    render,
    render_list,
    render_names,
    render_paths,
    render_shell,
    skeleton,
)
from flowmake.core.values import outside

PLACE = Place("Flowfile", ("tasks", "clean", "run"))
CONTEXT: dict[str, Any] = {
    "params": {"year": 2026, "values": "shadowed", "list": ["a b", "c"], "none": [], "on": True, "db": {"host": "h"}},
    "inputs": PathList(["a b.csv", "-x.py", "c.py"], {"raw": ["a b.csv"], "count": ["-x.py", "c.py"]}),
    "needs": {"fetch": {"outputs": PathList(["raw/1.csv"])}},
    "unit": "a[1]*",
    "day": "2026-01-31",
}


def problem(text: str, context: dict[str, Any] = CONTEXT) -> tuple[str, str]:
    with pytest.raises(FlowfileError) as caught:
        render(text, context, PLACE)
    (found,) = caught.value.problems
    assert found.places == (PLACE,)
    return found.message, found.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a b", False), ("${x}", False), ("{# a #}", False), ("{{ a }}", True), ("{% if a %}", True)],
)
def test_what_has_a_template(text: str, expected: bool) -> None:
    assert has_template(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain {x}", "plain {x}"),
        ("year {{ params.year }}", "year 2026"),
        ("{{params.values}}", "shadowed"),
        ("{{ params.db.host }}:{{ params['db']['host'] }}", "h:h"),
        ("{{ inputs }}", "a b.csv -x.py c.py"),
        ("{{ inputs.count }}", "-x.py c.py"),
        ("{{ inputs['raw'][0] }}", "a b.csv"),
        ("{{ inputs[1:] }} {{ inputs | length }}", "-x.py c.py 3"),
        ("{{ params.list }}", "a b c"),
        ("{{ params.on }}", "True"),
        ("{{ params.nothing | default('d') }}", "d"),
        ("{{ unit | upper }}", "A[1]*"),
        ("{% for p in inputs %}{{ p }};{% endfor %}", "a b.csv;-x.py;c.py;"),
        ("{{ inputs | map('stem') }}", "a b -x c"),
        ("{{ 'd/e.tar.gz' | basename }} {{ 'd/e.tar.gz' | dirname }}", "e.tar.gz d"),
        ("{{ 'd/e.tar.gz' | stem }} {{ 'd/e.tar.gz' | suffix }}", "e.tar .gz"),
        ("{{ 'a b' | quote }}", "'a b'"),
        ("{{ day | strftime('%Y/%m') }}", "2026/01"),
        ("{{ range(3) }} {{ params.db.keys() }}", "0 1 2 host"),
        ("{{ needs['fetch'].outputs }}", "raw/1.csv"),
        ("ends with a line {{ day }}\n", "ends with a line 2026-01-31\n"),
        ("${#array[@]} {# gone #}{{ day }}", "${#array[@]} 2026-01-31"),
        ("<{{ '&' }}>", "<&>"),
    ],
)
def test_plain_rendering(text: str, expected: str) -> None:
    assert render(text, CONTEXT, PLACE) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat {{ inputs }} > 'x y'", "cat 'a b.csv' ./-x.py c.py > 'x y'"),
        ("{{ inputs.count }}", "./-x.py c.py"),
        ("{{ inputs[1] }} {{ inputs[1:] }}", "./-x.py ./-x.py c.py"),
        ("{% for p in inputs %}{{ p }};{% endfor %}", "'a b.csv';./-x.py;c.py;"),
        ("{{ inputs | reverse }}", "c.py ./-x.py 'a b.csv'"),
        ("{{ unit }} {{ unit | raw }}", "'a[1]*' a[1]*"),
        ("{{ inputs | raw }}", "a b.csv -x.py c.py"),
        ("{{ inputs | quote }}", "'a b.csv' ./-x.py c.py"),
        ("{{ params.list }} {{ params.list | join(',') }}", "'a b' c 'a b,c'"),
        ("--x={{ '-v' }} {{ '' }}", "--x=-v ''"),
        ("{{ '$(rm -rf /); `x` \"' }}", "'$(rm -rf /); `x` \"'"),
        ("{{ unit ~ '.c' }} {{ (unit | raw) ~ '.c' }}", "'a[1]*.c' 'a[1]*.c'"),
        ("{{ inputs | map('basename') }}", "'a b.csv' ./-x.py c.py"),
    ],
)
def test_shell_rendering_quotes_every_value(text: str, expected: str) -> None:
    assert render_shell(text, CONTEXT, PLACE) == expected


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1))
def test_a_shell_reads_back_every_path(paths: list[str]) -> None:
    words = shlex.split(render_shell("{{ inputs }}", {"inputs": PathList(paths)}, PLACE))
    assert words == [f"./{path}" if path.startswith("-") else path for path in paths]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("src/*.c", ["src/*.c"]),
        ("build/{{ unit }}.o", ["build/a[[]1][*].o"]),
        ("{{ unit }}/*.o", ["a[[]1][*]/*.o"]),
        ("{{ unit | raw }}", ["a[1]*"]),
        ("{{ params.list }}", ["a b", "c"]),
        (" {{ params.list }} ", ["a b", "c"]),
        ("{{ params.list | map('upper') }}", ["A B", "C"]),
        ("{{ params.none }}", []),
        ("{{ ['*', unit] | raw }}", ["*", "a[1]*"]),
        ("out/{{ params.list[:1] }}", ["out/a b"]),
        ("{% if params.on %}big.csv{% endif %}", ["big.csv"]),
        ("{% if not params.on %}big.csv{% endif %}", []),
        ("{{ '' }}", [""]),
        ("{{ params.year }}", ["2026"]),
    ],
)
def test_entries_of_path_lists(text: str, expected: list[str]) -> None:
    assert render_paths(text, CONTEXT, PLACE) == expected


@given(st.text("ab*?[]!-/", min_size=1, max_size=10))
def test_a_value_in_a_path_is_never_a_glob(value: str) -> None:
    (entry,) = render_paths("d/{{ v }}", {"v": value}, PLACE)
    assert not is_glob(entry)
    assert unescape(entry) == f"d/{value}"


@pytest.mark.parametrize(
    "text", ["build/{{ params.list }}", "build/{{ params.list | map('upper') }}", "x{{ params.none }}"]
)
def test_a_list_inside_a_path_is_an_error(text: str) -> None:
    with pytest.raises(FlowfileError) as caught:
        render_paths(text, CONTEXT, PLACE)
    message = (
        "the template cannot be rendered: a list must stand alone in its entry, or be narrowed down to one element"
    )
    assert caught.value.problems == (Problem(message, (PLACE,)),)


def test_a_list_of_lists_is_no_list_of_entries() -> None:
    with pytest.raises(FlowfileError, match="a list inside a list cannot be an entry"):
        render_paths("{{ [[1, 2], [3, 4]] }}", CONTEXT, PLACE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-O2 x", ["-O2 x"]),
        ("{{ inputs }}", ["a b.csv", "./-x.py", "c.py"]),
        ("{{ ['-O2', 1] }}", ["-O2", "1"]),
        ("{{ params.none }}", []),
        ("--in={{ unit }}", ["--in=a[1]*"]),
        ("{{ '' }}", [""]),
    ],
)
def test_words_of_an_argument_list(text: str, expected: list[str]) -> None:
    assert render_list(text, CONTEXT, PLACE) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text", "text"),
        ("{{ params.year }}", 2026),
        ("{{ params.list }}", ["a b", "c"]),
        ("{{ params.year + 1 }}", 2027),
        ("{{ params.list | map('upper') }}", ["A B", "C"]),
        ("{{ params.db }}", {"host": "h"}),
        ("{{ params.on }}", True),
        ("y{{ params.year }}", "y2026"),
        ("{{ '}}' }}", "}}"),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
    ],
)
def test_one_expression_keeps_its_type(text: str, expected: object) -> None:
    assert evaluate(text, CONTEXT, PLACE) == expected


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{{ untit }}", "`untit` is not defined", "did you mean `unit`? (available here: {all})"),
        ("{{ zzz + 1 }}", "`zzz` is not defined", "available here: {all}"),
        ("{{ zzz.a.b }}", "`zzz` is not defined", "available here: {all}"),
        ("{{ zzz.__class__ }}", "`zzz` is not defined", "available here: {all}"),
        ("{% for x in unitt %}{% endfor %}", "`unitt` is not defined", "did you mean `unit`? (available here: {all})"),
        ("{{ inputs.rwa }}", "`inputs` has no `rwa`", "did you mean `raw`? (it has: `count`, `raw`)"),
        ("{{ inputs['rwa'] }}", "`inputs` has no `rwa`", "did you mean `raw`? (it has: `count`, `raw`)"),
        ("{{ params.db.hots }}", "`params.db` has no `hots`", "did you mean `host`? (it has: `host`)"),
        ("{{ inputs[7] }}", "`inputs` has no element 7", "it has 3"),
        ("{{ unit.zzz }}", "`unit` has no `zzz`", ""),
        ("{{ [1].zzz }}", "a value of type `list` has no `zzz`", ""),
        ("{{ params.db }}", "the template cannot be rendered: {table}", ""),
        ("{{ [params.db] }}", "the template cannot be rendered: {table}", ""),
        ("{{ 1 / 0 }}", "the template cannot be rendered: division by zero", ""),
        ("{{ 1 + 'a' }}", "the template cannot be rendered: unsupported operand type(s) for +: 'int' and 'str'", ""),
        ("{{ a", "the template is not valid: unexpected end of template, expected 'end of print statement'", ""),
        ("{% if a %}", "the template is not valid: {unclosed}", ""),
        ("x\n{{ 'a' | nosuch }}", "the template is not valid: No filter named 'nosuch' (line 2 of the text)", ""),
    ],
)
def test_errors(text: str, message: str, hint: str) -> None:
    known = ", ".join(f"`{name}`" for name in sorted(CONTEXT))
    unclosed = (
        "Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. "
        "The innermost block that needs to be closed is 'if'"
    )
    table = "a table stands where text is wanted; write one of its keys after it: `.host`"
    found = problem(text)
    assert found == (message.format(unclosed=unclosed, table=table), hint.replace("{all}", known))


def test_a_table_is_no_word() -> None:
    with pytest.raises(FlowfileError) as caught:
        render_list("{{ params.db }}", CONTEXT, PLACE)
    (found,) = caught.value.problems
    assert found.message.startswith("the template cannot be rendered: a table stands where text is wanted")


def test_a_hint_lists_only_so_many_names() -> None:
    _, hint = problem("{{ params.zzz }}", {"params": {f"p{number:02}": 0 for number in range(20)}})
    assert hint == "it has: " + ", ".join(f"`p{number:02}`" for number in range(12)) + ", …"


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ params.__init__ }}",
        "{{ params.__init__.__globals__ }}",
        "{{ inputs.__class__ }}",
        "{{ (''|attr('__class__')) }}",
        "{{ range.__globals__ }}",
        "{{ params.get.__self__ }}",
        "{{ params.list.append(1) }}",
        "{{ inputs.sort() }}",
        "{{ params.update({'a': 1}) }}",
        "{{ ''.format.__globals__ }}",
        "{{ '{0.__class__}'.format(unit) }}",
    ],
)
def test_templates_cannot_reach_into_python(text: str) -> None:
    message, hint = problem(text)
    assert message.startswith("templates cannot reach into Python: access to attribute")
    assert hint == "use values, filters and tests only"


@pytest.mark.parametrize("name", ["cycler", "joiner", "lipsum", "self", "config", "open"])
def test_there_are_no_other_globals(name: str) -> None:
    message, _ = problem(f"{{{{ {name}.__init__.__globals__ }}}}")
    assert message.startswith((f"`{name}` is not defined", "templates cannot reach into Python"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no template {{", "the template is not valid: unexpected 'end of template'"),
        ("{{ a b }}", "the template is not valid: expected token 'end of print statement', got 'b'"),
        ("{% end %}", "the template is not valid: Encountered unknown tag 'end'"),
    ],
)
def test_checking_finds_wrong_syntax(text: str, message: str) -> None:
    found = check(text, PLACE)
    assert found is not None
    assert found.message.startswith(message)
    assert found.places == (PLACE,)


@pytest.mark.parametrize(
    "text", ["no template {#", "{{ unknown }}", "{{ unknown.attr | upper }}", "{% if x %}{% endif %}"]
)
def test_checking_asks_nothing_about_names(text: str) -> None:
    assert check(text, PLACE) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", set()),
        ("{{ a.b }} {{ c }}", {"a", "c"}),
        ("{% for x in xs %}{{ x }}{{ y[z] }}{% endfor %}{{ range(2) }}", {"xs", "y", "z"}),
        ("{{ broken", set()),
    ],
)
def test_names_mentioned(text: str, expected: set[str]) -> None:
    assert names(text) == expected


def test_path_lists() -> None:
    paths = PathList(["a", "b c", "d"], {"one": ["a"], "rest": ["b c", "d"]})
    assert list(paths) == ["a", "b c", "d"]
    assert (paths[0], paths[-1], len(paths)) == ("a", "d", 3)
    assert str(paths) == "a b c d"
    assert (paths.one, str(paths.one), paths.one[0]) == (["a"], "a", "a")
    assert paths["rest"] == ["b c", "d"]
    assert isinstance(paths[1:], PathList)
    with pytest.raises(AttributeError):
        _ = paths.two
    with pytest.raises(KeyError):
        _ = paths["two"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("./src//*.c", "src/*.c"),
        ("build/{{ unit }}.o", "build/@.o"),
        ("{{ a }}{{ b }}/x", "@/x"),
        ("build/{{ a }}-{{ b | upper }}/*.o", "build/@-@/*.o"),
        ("{{ unit }}/", "@/"),
        ("a/{% if x %}b{% else %}c{% endif %}/d", "a/@/d"),
        ("a{# x #}b{{ '}}' }}", "ab@"),
        ("a/{{ x }}/../b", "@"),
        ("{{ broken", "@"),
    ],
)
def test_skeletons(text: str, expected: str) -> None:
    assert skeleton(text) == expected.replace("@", "\0")


TEMPLATES = st.lists(
    st.sampled_from(["{{ x }}", "{{ y | string }}", "a", "/", ".", "b.c", "{% if y %}q/{{ x }}{% else %}r{% endif %}"]),
    min_size=1,
    max_size=5,
).map("".join)


@settings(max_examples=500)
@given(TEMPLATES, st.text("ab./*[", max_size=5), st.text("ab./", max_size=4))
def test_a_skeleton_matches_every_rendering(text: str, x: str, y: str) -> None:
    (entry, *_) = render_paths(text, {"x": x, "y": y}, PLACE) or ["a"]
    if entry.strip() and has_template(text) and ".." not in entry:
        assert compile_pattern(skeleton(text)).matches(unescape(normalise(entry)))


GLOBS = ["*", "**", "a*", "**/b.c", "*/", "**/", "**/*.c", "?/**/r", "/**", "[!a]*", "a/*", ".*/*", "**/[a-c]"]


@settings(max_examples=500)
@given(TEMPLATES, st.text("ab./*[", max_size=5), st.text("ab./", max_size=4), st.sampled_from(GLOBS))
def test_a_skeleton_meets_every_glob_that_a_rendering_matches(text: str, x: str, y: str, glob: str) -> None:
    (entry, *_) = render_paths(text, {"x": x, "y": y}, PLACE) or ["a"]
    path = unescape(normalise(entry))
    if has_template(text) and ".." not in entry and compile_pattern(glob).matches(path):
        assert intersects(skeleton(text), glob)
        assert intersects(glob, skeleton(text))


@pytest.mark.parametrize(
    ("glob", "expected"), [("build/*.o", True), ("build/*.c", False), ("lib/**", False), ("**", True)]
)
def test_a_skeleton_keeps_what_is_fixed(glob: str, expected: bool) -> None:
    assert intersects(skeleton("build/{{ unit }}.o"), glob) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("compile@*", ["compile@*"]),
        ("compile@{{ unit }}", ["compile@a%5B1%5D%2A"]),
        ("compile@{{ unit | raw }}", ["compile@a[1]*"]),
        ("{{ params.list }}", ["a%20b", "c"]),
        ("load@{{ params.on }},{{ params.year }}", ["load@true,2026"]),
        ("{% if not params.on %}x{% endif %}", []),
    ],
)
def test_names_of_tasks(text: str, expected: list[str]) -> None:
    assert render_names(text, CONTEXT, PLACE) == expected


VALUES = st.one_of(
    st.text("a b'*[{}%#-\n", max_size=6),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.lists(st.text("a b-", max_size=3), max_size=3),
    st.lists(st.text("a b-", min_size=1, max_size=3), max_size=3).map(PathList),
)
SIMPLE = st.lists(
    st.sampled_from(
        [
            "{{ x }}",
            "{{y}}",
            "{{ t.x }}",
            "{{ t.items }}",
            "{{ z }}",
            "{{ t.z }}",
            "{{ x.z }}",
            "{",
            "}",
            "%",
            "a",
            "\n",
            "#",
            " ",
        ]
    ),
    max_size=6,
).map("".join)


def test_thousands_of_values_after_two_dashes_take_no_longer_each_than_one() -> None:
    """Looking at all that is before each of them took minutes."""
    values = [outside(f"-{number}") for number in range(20_000)]
    text = render_shell("rm -- {{ values }}", {"values": values}, PLACE)
    assert text.split() == ["rm", "--", *(f"-{number}" for number in range(20_000))]


@pytest.mark.parametrize(
    ("text", "is_option"),
    [
        ("rm {{ v }}", True),
        ("rm -- {{ v }}", False),
        ("rm --\t{{ v }} {{ v }}", False),
        ("rm -- a; ls {{ v }}", True),
        ("rm -- $(ls {{ v }})", True),
        ("rm -- a{{ v }} && ls {{ v }}", True),
        ("rm --\r {{ v }}", True),
        ("rm --\u00a0{{ v }} {{ v }}", True),
        ("rm --a{{ v }} {{ v }}", True),
        ("rm -{{ v }} {{ v }}", True),
        ("rm '--' {{ v }}", True),
        ("x={{ v }}", False),
        ("x=''{{ v }}", False),
        ("echo a'' ''{{ v }}", True),
        ("echo  {{ v }}", True),
        ("cat <{{ v }}", True),
        ("{{ v }}", True),
        ("a{{ v }}{{ v }}b{{ v }}", False),
    ],
)
def test_where_a_value_from_outside_would_be_an_option(text: str, is_option: bool) -> None:
    context = {"v": outside("-rf")}
    if is_option:
        with pytest.raises(FlowfileError, match="option"):
            render_shell(text, context, PLACE)
    else:
        assert render_shell(text, context, PLACE) == text.replace("{{ v }}", "-rf")


@settings(max_examples=400)
@given(SIMPLE, VALUES, VALUES, st.sampled_from(["plain", "shell", "paths", "names"]))
def test_the_fast_path_agrees_with_jinja(text: str, x: Any, y: Any, mode: Any) -> None:
    context = {"x": x, "y": y, "t": {"x": x, "items": y}}
    assert _outcome(templates._render, text, context, mode) == _outcome(_jinja, text, context, mode)


def _jinja(text: str, context: dict[str, Any], place: Place, mode: Any) -> str:
    return sandbox.render(text, context, place, mode) if has_template(text) else text


def _outcome(how: Any, text: str, context: dict[str, Any], mode: str) -> str | tuple[Problem, ...]:
    try:
        result: str = how(text, context, PLACE, mode)
    except FlowfileError as error:
        return error.problems
    return result


def test_plain_templates_load_no_jinja() -> None:
    program = (
        "import sys; from flowmake.core.templates import *; from flowmake.core.source import Place\n"
        "assert render_paths('a/{{ x.y }}', {'x': {'y': 1}}, Place('F')) == ['a/1']\n"
        "assert check('{{ a }}', Place('F')) is None and names('{{ a }}') and skeleton('{{ a }}')\n"
        "assert 'jinja2' not in sys.modules; print('none')"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "none\n"
