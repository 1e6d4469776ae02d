"""Paths and globs as text: normalising, matching, capturing, intersecting. Never looks at a disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import takewhile
from typing import Final

from flowmake.core import segments as seg
from flowmake.core.expressions import expression
from flowmake.core.segments import ANYTHING

DEEP: Final = "**"
_MAGIC = expression(r"[*?\[]")
_WILD = expression(r"[*?\[\0]")
_ESCAPED = expression(r"\[([*?\[])\]")
_UNTIDY = expression(r"//|(?:^|/)\.{1,2}(?:/|$)")
_PLAIN = expression(r"(?!\s)[^/.{*?\[\0][^/{*?\[\0]*(?:/[^/.{*?\[\0][^/{*?\[\0]*)*/?")
_CAPTURE = expression(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def normalise(path: str) -> str:
    """The one spelling of a path, root-relative or absolute: no `//`, no `.`, no inner `..`.

    A directory keeps its final `/`. `..` that leads out of the root is kept. What names the root itself becomes `./`.
    """
    if path and not _UNTIDY.search(path):
        return path
    absolute = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", ".") and not (part == ".." and absolute):
            parts.append(part)
    text = ("/" if absolute else "") + "/".join(parts)
    if not parts:
        return text or "./"
    directory = parts[-1] == ".." or path.endswith(("/", "/.", "/.."))
    return f"{text}/" if directory else text


def is_glob(text: str) -> bool:
    """Whether the text is a pattern rather than one literal path; escaped characters (`[*]`) do not make it one."""
    return _WILD.search(text) is not None and any(map(seg.is_wild, text.split("/")))


def are_plain(texts: Iterable[str]) -> bool:
    """Whether each text is clearly one path below the root in its one spelling, neither glob nor template."""
    return all(map(_PLAIN.fullmatch, texts))


def escape(text: str) -> str:
    """The pattern that matches exactly this text."""
    return _MAGIC.sub(r"[\g<0>]", text) if _MAGIC.search(text) else text


def unescape(text: str) -> str:
    """The literal path behind a text that is no glob; the inverse of `escape`."""
    return _ESCAPED.sub(r"\1", text) if "[" in text else text


def contains(directory: str, path: str) -> bool:
    """Whether `path` lies inside `directory` (which ends in `/`); a directory does not lie inside itself."""
    if directory == "./":
        return path != "./" and not path.startswith(("/", "../"))
    return len(path) > len(directory) and path.startswith(directory)


def below(directory: str) -> str:
    """The pattern for everything inside a directory (a literal path ending in `/`), hidden files included."""
    return (escape(directory) if directory != "./" else "") + ANYTHING


def covers(made: str, kind: str, path: str) -> bool:
    """Whether `path` is what an output stands for: itself, something inside its directory, or a match of its glob."""
    if kind == "glob":
        return compile_pattern(made).matches(path)
    return made == path or (made.endswith("/") and contains(made, path))


def excluding(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test of paths against `!` patterns; one that ends in `/` excludes the directory with all that is in it."""
    compiled = [compile_pattern(pattern + ANYTHING if pattern.endswith("/") else pattern) for pattern in patterns]
    return lambda path: any(pattern.matches(path) for pattern in compiled)


def within(path: str, root: str) -> str:
    """A normalised path as seen from the root (absolute, without final `/`): relative if it lies below it."""
    if not path.startswith("/"):
        return path
    root = root.rstrip("/") + "/"
    return (path.removeprefix(root) or "./") if f"{path}/".startswith(root) and path + "/" != root else path


class Pattern:
    """A compiled glob.

    `segments` are the parts between slashes, as written; `**` is one of its own. `absolute` and `directory` tell
    whether the pattern begins or ends with `/`. `prefix` is the fixed leading folder, unescaped (`"a/b/"`, `"/usr/"`).
    `literal` is the one path it matches if it is no glob.
    """

    __slots__ = ("_fullmatch", "absolute", "directory", "literal", "prefix", "segments", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.absolute = source.startswith("/")
        self.directory = source.endswith("/")
        self.segments = _split(source)
        self.literal = None if is_glob(source) else unescape(source)
        folders = self.segments if self.directory else self.segments[:-1]
        fixed = takewhile(lambda segment: not seg.is_wild(segment), folders)
        self.prefix = ("/" if self.absolute else "") + "".join(unescape(folder) + "/" for folder in fixed)
        self._fullmatch = re.compile(_regex(source), re.DOTALL).fullmatch if self.literal is None else None

    def __repr__(self) -> str:
        return f"Pattern({self.source!r})"

    def matches(self, path: str) -> bool:
        """Whether this normalised path matches; a directory must be given with its final `/`."""
        return path == self.literal if self._fullmatch is None else self._fullmatch(path) is not None


@lru_cache(maxsize=20_000)
def compile_pattern(pattern: str) -> Pattern:
    """The compiled form of a glob (or of a literal, which then matches only itself).

    `*` and `?` stay within a segment; `**` as a whole segment is any number of folders, and at the end all below;
    `[abc]`, `[a-z]`, `[!abc]`. A leading dot is matched only by a dot. An unclosed `[` is an ordinary character.
    """
    return Pattern(pattern)


@lru_cache(maxsize=20_000)
def segment_matcher(segment: str) -> Callable[[str], bool]:
    """A test of names in one folder against one segment of a pattern (for `**`: the folders it may pass through)."""
    if not seg.is_wild(segment):
        return unescape(segment).__eq__
    fullmatch = re.compile(seg.regex(segment), re.DOTALL).fullmatch
    return lambda name: fullmatch(name) is not None


def _split(source: str) -> tuple[str, ...]:
    """The segments; of several `**` in a row, which mean no more than one, only one."""
    segments = [segment for segment in source.split("/") if segment]
    return tuple(here for before, here in zip(["", *segments], segments, strict=False) if not before == here == DEEP)


def _regex(source: str, *, captures: bool = False) -> str:
    """The regular expression of a whole pattern.

    Each `**` but the last takes the shortest way to the segments after it and never reconsiders (an atomic group): each
    of these is one folder, so that a longer way leads nowhere else, and matching cannot take exponential time. Captures
    need the reconsidering.
    """
    parts = ["/"] if source.startswith("/") else []
    segments = _split(source)
    deep = segments.count(DEEP)
    atomic = not captures and ANYTHING not in source
    opened = False
    for index, segment in enumerate(segments):
        folder = index < len(segments) - 1 or source.endswith("/")
        if segment == DEEP:
            deep -= 1
            parts.append(")" if opened else "")
            opened = atomic and deep > 0
            parts.append(r"(?>(?:(?!\.)[^/]+/)*?" if opened else r"(?:(?!\.)[^/]+/)*")
            parts.append("" if folder else r"(?!\.)[^/]+")
        elif segment == ANYTHING and folder:
            parts.append("(?:.*/)?")
        else:
            parts.append(seg.regex(segment) + ("/" if folder else ""))
    return "".join(parts)


class CapturePattern:
    """A glob with `{name}` places: `glob` is the plain glob, `names` what it captures, in order of first appearance."""

    __slots__ = ("_fullmatch", "glob", "names")

    def __init__(self, source: str) -> None:
        self.glob = _CAPTURE.sub("*", source)
        self.names = tuple(dict.fromkeys(_CAPTURE.findall(source)))
        regex = _regex(_CAPTURE.sub("\1\\g<1>\2", source), captures=True)
        for name in self.names:
            regex = regex.replace(f"\1{name}\2", f"(?P<{name}>[^/]+)", 1).replace(f"\1{name}\2", f"(?P={name})")
        self._fullmatch = re.compile(regex, re.DOTALL).fullmatch

    def match(self, path: str) -> dict[str, str] | None:
        """What each name stands for in this path, or None if it does not match. No captured text is empty."""
        found = self._fullmatch(path)
        return found.groupdict() if found else None


@lru_cache(maxsize=1_000)
def captures(pattern: str) -> CapturePattern:
    """Compile a glob such as `data/{site}/{year}.csv`; a name that appears twice must stand for the same text."""
    return CapturePattern(pattern)


@lru_cache(maxsize=50_000)
def intersects(a: str, b: str) -> bool:
    """Whether some path could match both patterns (either may be literal).

    Exact, but for patterns holding `ANYTHING` and for `..` against `.*`, where it says True in doubt.
    """
    if not is_glob(a):
        return compile_pattern(b).matches(unescape(a)) if is_glob(b) else unescape(a) == unescape(b)
    one, two = compile_pattern(a), compile_pattern(b)
    if two.literal is not None:
        return one.matches(two.literal)
    if ANYTHING in a or ANYTHING in b:
        return _ends_agree(a, b)
    if one.absolute != two.absolute or one.directory != two.directory:
        return False
    if not (one.prefix.startswith(two.prefix) or two.prefix.startswith(one.prefix)):
        return False
    return _segments_intersect(_spelled_out(one), _spelled_out(two))


def _segments_intersect(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Search the product of the two lists of segments for a way to the end of both."""
    pending, seen = [(0, 0)], {(0, 0)}
    while pending:
        i, j = pending.pop()
        if i == len(one) and j == len(two):
            return True
        for step in _steps(one[i : i + 1], two[j : j + 1]):
            place = (i + step[0], j + step[1])
            if place not in seen:
                seen.add(place)
                pending.append(place)
    return False


def _steps(here: tuple[str, ...], there: tuple[str, ...]) -> list[tuple[int, int]]:
    """How far each side may go on, given what is next on it (nothing, at its end)."""
    steps = []
    if here == (DEEP,):
        steps.append((1, 0))
    if there == (DEEP,):
        steps.append((0, 1))
    if here and there and seg.intersect(here[0], there[0]):
        steps.append((int(here[0] != DEEP), int(there[0] != DEEP)))
    return steps


def _ends_agree(a: str, b: str) -> bool:
    """Whether the fixed texts at either end allow a common path: all that is certain beside `ANYTHING`."""
    heads, tails = [_head(a), _head(b)], [_tail(a), _tail(b)]
    return (heads[0].startswith(heads[1]) or heads[1].startswith(heads[0])) and (
        tails[0].endswith(tails[1]) or tails[1].endswith(tails[0])
    )


def _head(pattern: str) -> str:
    return "".join(text for _, text in takewhile(lambda piece: piece[0] == "text", seg.pieces(pattern)))


def _tail(pattern: str) -> str:
    """The fixed end, without a leading `/`, which belongs to a `**` that may stand for nothing."""
    backwards = takewhile(lambda piece: piece[0] == "text", reversed(seg.pieces(pattern)))
    return "".join(text for _, text in backwards)[::-1].lstrip("/")


def _spelled_out(pattern: Pattern) -> tuple[str, ...]:
    """The segments, with a final `**` written as `**/*`."""
    return (*pattern.segments, "*") if pattern.segments[-1] == DEEP and not pattern.directory else pattern.segments


def as_pattern(path: str) -> str:
    """The glob for a literal path, or for everything inside a directory."""
    return below(path) if path.endswith("/") else escape(path)
