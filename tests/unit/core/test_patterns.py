"""Paths and globs: every rule of the grammar, and properties against a slow matcher that is plainly right."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmake.core.patterns import (
    below,
    captures,
    compile_pattern,
    contains,
    escape,
    intersects,
    is_glob,
    normalise,
    segment_matcher,
    unescape,
)

NAMES = st.text("ab.", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(["a", "b", ".", "*", "?", "[ab]", "[!a]", "[.a]", "[*]"])
SEGMENTS = st.one_of(st.just("**"), st.lists(PIECES, min_size=1, max_size=4).map("".join))
PATTERNS = st.builds(
    lambda segments, end: "/".join(segments) + end,
    st.lists(SEGMENTS.filter(lambda s: s not in (".", "..")), min_size=1, max_size=4),
    st.sampled_from(["", "", "", "/"]),
)


def reference(pattern: str, path: str) -> bool:
    """The meaning of a glob, by trying everything."""
    if pattern.endswith("/") != path.endswith("/"):
        return False
    wanted = pattern.strip("/").split("/")
    if wanted[-1] == "**" and not pattern.endswith("/"):
        wanted.append("*")
    return _segments(wanted, path.strip("/").split("/"))


def _segments(wanted: list[str], names: list[str]) -> bool:
    if not wanted:
        return not names
    if wanted[0] == "**":
        through = bool(names) and not names[0].startswith(".") and _segments(wanted, names[1:])
        return through or _segments(wanted[1:], names)
    return bool(names) and _segment(wanted[0], names[0]) and _segments(wanted[1:], names[1:])


def _segment(wanted: str, name: str) -> bool:
    return wanted.startswith(".") == name.startswith(".") and _characters(wanted, name)


def _characters(wanted: str, name: str) -> bool:
    if not wanted:
        return not name
    if wanted[0] == "*":
        return _characters(wanted[1:], name) or (bool(name) and _characters(wanted, name[1:]))
    if not name:
        return False
    if wanted[0] == "[":
        inside, _, rest = wanted[1:].partition("]")
        hit = name[0] not in inside[1:] if inside.startswith("!") else name[0] in inside
        return hit and _characters(rest, name[1:])
    return wanted[0] in ("?", name[0]) and _characters(wanted[1:], name[1:])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b", "a/b"),
        ("a//b", "a/b"),
        ("./a/./b", "a/b"),
        ("a/../b", "b"),
        ("a/b/../../c/", "c/"),
        ("a/", "a/"),
        ("a/.", "a/"),
        ("a/b/..", "a/"),
        ("..", "../"),
        ("../a", "../a"),
        ("../../a/../b", "../../b"),
        ("a/../../b", "../b"),
        ("", "./"),
        (".", "./"),
        ("./", "./"),
        ("a/..", "./"),
        ("/", "/"),
        ("//usr//lib", "/usr/lib"),
        ("/../etc", "/etc"),
        ("/a/..", "/"),
        ("...", "..."),
        ("a..b/.c", "a..b/.c"),
    ],
)
def test_one_spelling_for_each_path(path: str, expected: str) -> None:
    assert normalise(path) == expected


@given(st.lists(st.sampled_from(["a", "b", "..", ".", "", "/", ".x"]), max_size=8).map("/".join))
def test_normalising_twice_changes_nothing(path: str) -> None:
    once = normalise(path)
    assert once
    assert normalise(once) == once
    assert once.startswith("/") == path.startswith("/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b.c", False),
        ("*.c", True),
        ("a?", True),
        ("a/[bc]", True),
        ("a/[b]", True),
        ("a[*]b[?]c[[]", False),
        ("a[b", False),
        ("a[/]b", False),
        ("[]", False),
        ("[]]", True),
        ("[*]*", True),
    ],
)
def test_what_is_a_glob(text: str, expected: bool) -> None:
    assert is_glob(text) is expected


@given(st.text("ab*?[]!-/.\\{", max_size=12))
def test_escaping_makes_any_text_literal(text: str) -> None:
    escaped = escape(text)
    assert not is_glob(escaped)
    assert unescape(escaped) == text
    if text and text.strip("/") and "//" not in text:
        assert compile_pattern(escaped).matches(text)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("src/*.c", ["src/a.c", "src/a.b.c"], ["src/.c", "src/.a.c", "src/x/a.c", "src/a.c/", "src/A.C", "a.c"]),
        ("src/**/*.c", ["src/a.c", "src/x/y/a.c"], ["src/.x/a.c", "src/x/.a.c", "lib/a.c"]),
        ("src/**", ["src/a", "src/x/y"], ["src", "src/", "src/.x", "src/.x/y", "src/x/"]),
        ("src/**/", ["src/", "src/x/", "src/x/y/"], ["src/x", "src/.x/"]),
        ("**/a", ["a", "x/a", "x/y/a"], ["/a", "../a", ".x/a"]),
        ("*/", ["a/"], ["a", "a/b/"]),
        (".*", [".a", ".a.b"], ["a", ".", ".."]),
        (".git/*", [".git/config"], [".git/.x"]),
        ("?b", ["ab"], [".b", "b"]),
        ("a**b", ["ab", "axb"], ["a/b"]),
        ("[a-c]", ["a", "b", "c"], ["d", "-"]),
        ("[!a-c]x", ["dx"], ["ax", ".x", "/x"]),
        ("[]-]", ["]", "-"], ["a"]),
        ("[z-a]", [], ["a", "z"]),
        ("a[b", ["a[b"], ["ab"]),
        ("[[]x[]]", ["[x]"], ["x"]),
        ("/usr/*", ["/usr/lib"], ["usr/lib"]),
        ("../*.c", ["../a.c"], ["a.c"]),
        ("a+b(c)|d", ["a+b(c)|d"], ["aab"]),
        ("line\nbreak*", ["line\nbreak", "line\nbreak\n"], ["line"]),
    ],
)
def test_matching(pattern: str, matching: list[str], others: list[str]) -> None:
    compiled = compile_pattern(pattern)
    assert [path for path in matching + others if compiled.matches(path)] == matching


@settings(max_examples=400)
@given(PATTERNS, PATHS, st.sampled_from(["", "", "/"]))
def test_matching_agrees_with_trying_everything(pattern: str, path: str, end: str) -> None:
    assert compile_pattern(pattern).matches(path + end) is reference(pattern, path + end)


def test_many_stars_take_no_exponential_time() -> None:
    assert not compile_pattern("*a" * 25 + "b").matches("a" * 2_000)


@pytest.mark.parametrize("pattern", ["**/" * 25 + "b", "**/*/" * 25 + "b", "**/a*/" * 25 + "**/.x/**/b"])
def test_many_times_any_folders_take_no_exponential_time(pattern: str) -> None:
    assert not compile_pattern(pattern).matches("a/" * 200 + "c")
    assert not intersects(pattern, "a/" * 200 + "c")


@pytest.mark.parametrize("pattern", ["**/**/a", "x/**/**/**", "**/**/"])
def test_any_folders_twice_in_a_row_are_no_more_than_once(pattern: str) -> None:
    paths = ["a", "a/", "x/a", "x/y/", "x/y/a", "x/y/z", ".x/a", "x/"]
    once = re.sub(r"(\*\*/)+(?=\*\*)", "", pattern)
    assert [compile_pattern(pattern).matches(path) for path in paths] == [
        compile_pattern(once).matches(p) for p in paths
    ]


@pytest.mark.parametrize(
    ("pattern", "prefix", "segments"),
    [
        ("*.c", "", ("*.c",)),
        ("src/*.c", "src/", ("src", "*.c")),
        ("a/b/**/c", "a/b/", ("a", "b", "**", "c")),
        ("/usr/l*/x", "/usr/", ("usr", "l*", "x")),
        ("a/b", "a/", ("a", "b")),
        ("a/b/", "a/b/", ("a", "b")),
        ("a[[]b/*", "a[b/", ("a[[]b", "*")),
    ],
)
def test_prefix_and_segments_for_a_walk(pattern: str, prefix: str, segments: tuple[str, ...]) -> None:
    compiled = compile_pattern(pattern)
    assert (compiled.prefix, compiled.segments) == (prefix, segments)


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ("*.c", ["a.c"]),
        ("a.c", ["a.c"]),
        ("[*]", ["*"]),
        ("**", ["a.c", "*", "b"]),
        (".*", [".h.c"]),
        ("?", ["*", "b"]),
    ],
)
def test_testing_names_in_one_folder(segment: str, expected: list[str]) -> None:
    assert list(filter(segment_matcher(segment), ["a.c", ".h.c", "*", "b"])) == expected


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("src/{unit}.c", "src/main.c", {"unit": "main"}),
        ("src/{unit}.c", "src/x/main.c", None),
        ("src/{unit}.c", "src/.c", None),
        ("src/{unit}.c", "src/.main.c", None),
        ("data/{site}/{year}.csv", "data/bern/2026.csv", {"site": "bern", "year": "2026"}),
        ("{a}-{b}", "x-y-z", {"a": "x-y", "b": "z"}),
        ("{a}/{a}.c", "x/x.c", {"a": "x"}),
        ("{a}/{a}.c", "x/y.c", None),
        ("**/{name}.c", "a/b/n.c", {"name": "n"}),
        ("*x*{name}*y", "axbxcdy", {"name": "d"}),
        ("v[0-9]/{name}", "v1/x", {"name": "x"}),
        ("{a,b}.c", "{a,b}.c", {}),
        ("pre{x}", "pre", None),
    ],
)
def test_capturing(pattern: str, path: str, expected: dict[str, str] | None) -> None:
    assert captures(pattern).match(path) == expected


def test_the_glob_behind_captures() -> None:
    pattern = captures("data/{site}/[ab]*/{year}-{site}.csv")
    assert pattern.glob == "data/*/[ab]*/*-*.csv"
    assert pattern.names == ("site", "year")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("a.c", "a.c", True),
        ("a.c", "b.c", False),
        ("*.c", "a.c", True),
        ("*.c", "*.o", False),
        ("a*", "*b", True),
        ("a*c", "ab*", True),
        ("a?", "a", False),
        ("[a-c]x", "[d-f]x", False),
        ("[a-c]x", "[c-f]x", True),
        ("[!a]", "a", False),
        ("[!a]", "[a]", False),
        ("[!.]*", "*", True),
        ("*", ".*", False),
        ("*.c", ".*", False),
        ("**", ".x/a", False),
        ("**/.x/*", "**/a", False),
        ("**/.x/*", "**/.x/a", True),
        ("src/**", "src/*/x/*.c", True),
        ("src/**", "lib/**", False),
        ("**/a/**", "**/b/**", True),
        ("a/**/z", "a/z", True),
        ("a/**", "a/", False),
        ("a/*/", "a/*", False),
        ("/a/*", "a/*", False),
        ("a[[]*", "a[[]b", True),
        ("a[[]*", "ab*", False),
    ],
)
def test_whether_two_patterns_can_meet(a: str, b: str, expected: bool) -> None:
    assert intersects(a, b) is expected
    assert intersects(b, a) is expected


MANY_PATHS = [
    "/".join(path) + end
    for length in (1, 2, 3)
    for path in product(["a", "b", "ab", "ba", ".a", "a.b"], repeat=length)
    for end in ("", "/")
]


@settings(max_examples=300)
@given(PATTERNS, PATTERNS)
def test_patterns_that_share_a_path_intersect(a: str, b: str) -> None:
    one, two = compile_pattern(a), compile_pattern(b)
    if any(one.matches(path) and two.matches(path) for path in MANY_PATHS):
        assert intersects(a, b)


NAMES_UP_TO_FIVE = ["".join(name) for length in range(1, 6) for name in product("ab.*", repeat=length)]
SHORT = st.lists(PIECES, min_size=1, max_size=3).map("".join).filter(lambda text: not set(text) <= {"."})


@settings(max_examples=60)
@given(SHORT, SHORT)
def test_within_a_segment_intersecting_is_exact(a: str, b: str) -> None:
    one, two = compile_pattern(a), compile_pattern(b)
    common = [name for name in NAMES_UP_TO_FIVE if one.matches(name) and two.matches(name) and name != ".."]
    assert intersects(a, b) is bool(common)


@settings(max_examples=200)
@given(PATTERNS, PATTERNS)
def test_intersecting_is_symmetric_and_reflexive_where_anything_matches(a: str, b: str) -> None:
    assert intersects(a, b) is intersects(b, a)
    if compile_pattern(a).matches(a) or not is_glob(a):
        assert intersects(a, a)


@pytest.mark.parametrize(
    ("directory", "pattern", "expected"),
    [
        ("out/", "out/*.c", True),
        ("out/", "**/*.c", True),
        ("out/", "out/.hidden/*", True),
        ("out/", "out/a", True),
        ("out/", "outside/*", False),
        ("a[1]/", "a[[]1]/*", True),
        ("a[1]/", "a1/*", False),
        ("./", "a/*", True),
    ],
)
def test_what_a_pattern_may_match_inside_a_directory(directory: str, pattern: str, expected: bool) -> None:
    assert intersects(below(directory), pattern) is expected


@pytest.mark.parametrize(
    ("directory", "path", "expected"),
    [
        ("out/", "out/a", True),
        ("out/", "out/a/b/", True),
        ("out/", "out/", False),
        ("out/", "outside", False),
        ("./", "a/b", True),
        ("./", "./", False),
        ("./", "../a", False),
        ("./", "/a", False),
        ("/usr/", "/usr/lib", True),
    ],
)
def test_what_lies_inside_a_directory(directory: str, path: str, expected: bool) -> None:
    assert contains(directory, path) is expected
