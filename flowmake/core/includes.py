"""Included files and programs: found, read, and put into the common namespace. Reads only through what it is handed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from flowmake.core import schema, tomltext
from flowmake.core.errors import FlowfileError, FlowmakeError, Problem
from flowmake.core.parts import Parts, convert, lay_under, set_apart, take
from flowmake.core.source import Place

_GLOB = frozenset("*?[")
_INCLUDABLE = frozenset(schema.IncludedTable.__struct_fields__)


class World(Struct, frozen=True):
    """The doors `load_flow` was handed."""

    read: Callable[[str], bytes]
    glob: Callable[[str], list[str]]
    run_include: Callable[[tuple[str, ...], tuple[str, ...]], str]
    environ: Mapping[str, str]


def include(
    file: str, entries: tuple[str | schema.IncludeProgram, ...], defaults: dict[str, Any], world: World, parts: Parts
) -> None:
    """Add what every included file and program defines to `parts`."""
    for index, entry in enumerate(entries):
        place = Place(file, ("flow", "include", index))
        found = _files(entry, place, world, parts) if isinstance(entry, str) else _printed(entry, place, world, parts)
        for name, text in found:
            if name in parts.texts or name == file:
                parts.report(Problem(f"`{name}` is included twice", (place,)))
                continue
            parts.texts[name] = text
            _include_text(name, text, defaults, parts)


def _include_text(name: str, text: str, defaults: dict[str, Any], parts: Parts) -> None:
    try:
        raw = tomltext.parse(name, text)
    except FlowfileError as error:
        parts.lose(*error.problems)
        return
    for key in [key for key in raw if key in schema.FlowfileTable.__struct_fields__ and key not in _INCLUDABLE]:
        what = f"an included file cannot define `{key}`"
        parts.report(Problem(what, (Place(name).key(key),), "move it to the main Flowfile"))
        del raw[key]
    lay_under(defaults, raw)
    set_apart(raw, parts)
    take(name, convert(name, raw, schema.IncludedTable, parts), parts)


def _files(pattern: str, place: Place, world: World, parts: Parts) -> Iterator[tuple[str, str]]:
    names = sorted(world.glob(pattern)) if _GLOB & set(pattern) else [pattern]
    if not names:
        parts.lose(Problem(f"no file matches `{pattern}`", (place,)))
    for name in names:
        try:
            text = tomltext.decode(name, world.read(name))
        except FileNotFoundError:
            parts.lose(Problem(f"cannot include `{name}`: no such file", (place,)))
        except FlowfileError as error:
            parts.lose(*error.problems)
        except FlowmakeError as error:
            parts.lose(Problem(f"cannot include `{name}`: {error.message}", (place,), error.hint))
        else:
            parts.sources.append(name)
            yield name, text


def _printed(entry: schema.IncludeProgram, place: Place, world: World, parts: Parts) -> Iterator[tuple[str, str]]:
    """What a program prints, under a name that says so; it is not run when what it reads is not there."""
    name = f"<output of {' '.join(entry.exec)}>"
    if not entry.exec:
        parts.report(Problem("`exec` is empty", (place.at("exec"),)))
        return
    inputs: list[str] = []
    before = len(parts.problems)
    for index, pattern in enumerate(entry.inputs):
        found = sorted(world.glob(pattern)) if _GLOB & set(pattern) else [pattern]
        if not found:
            parts.lose(Problem(f"no file matches `{pattern}`", (place.at("inputs", index),)))
        inputs += found
    if len(parts.problems) > before:
        return
    parts.sources += inputs
    try:
        yield name, world.run_include(entry.exec, tuple(inputs))
    except FlowfileError as error:
        parts.lose(*error.problems)
    except FlowmakeError as error:
        parts.lose(Problem(error.message, (place,), error.hint))
