"""A graph that was flattened to bytes, loaded by name, and what a change can affect in it. Unaware of files and runs.

Everything is told by number: names upstream first, and for each a block of bytes that is decoded when it is asked for.
Which tasks were judged by a path is found among all paths in order, so that few of them are unpacked for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeVar

import msgspec
import xxhash
from msgspec import Struct, structs

from flowmake.core.blocks import Blocks, Piece, Sections, numbers, packed, path_bytes, texts
from flowmake.core.graph import Graph, Tables
from flowmake.core.model import Declaration, Flow, Input, Output, Task, Trace
from flowmake.core.producers import Producers, folders_of

_Makers = tuple[dict[str, str], dict[str, str], dict[str, str]]
Item = TypeVar("Item")
UNWRITABLE = (OverflowError, UnicodeEncodeError)
"""Raised for numbers of more than 64 bits, and for names that are no text."""


class Question(Struct, frozen=True):
    """What was asked: the targets, and whatever whoever asked wants to find again."""

    targets: tuple[str, ...]
    asked: bytes = b""


class Entry(Struct, frozen=True, array_like=True):
    """A task or group; other names and its declaration by number. `is_turning`: more hangs on it than its readers."""

    declared: int
    keys: dict[str, Any]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    needs: tuple[str, ...]
    after: tuple[str, ...]
    pool: str
    resources: dict[str, int]
    description: str
    confirm: str
    upstream: tuple[int, ...]
    reads: tuple[int, ...]
    order_only: tuple[int, ...]
    members: tuple[int, ...] | None
    discovered: tuple[str, ...]
    is_turning: bool


class Compiled:
    """A flattened graph. `names` are those of all its tasks and groups, upstream first."""

    def __init__(self, sections: Sections) -> None:
        self._sections = sections
        self.names = texts(sections["names"])
        self._groups = frozenset(texts(sections["groups"]))
        self.question = msgspec.msgpack.decode(sections["question"], type=Question)
        self.flow = msgspec.msgpack.decode(sections["flow"], type=Flow)
        self._makers = msgspec.msgpack.decode(sections["makers"], type=_Makers)
        self._paths = Blocks(sections, "path", bytes)
        self.decisive = frozenset(texts(sections["decisive"]))
        self._entries = Blocks(sections, "entry", msgspec.msgpack.Decoder(Entry).decode)
        self._declarations = Blocks(sections, "declaration", msgspec.msgpack.Decoder(Declaration).decode)
        self._down = Blocks(sections, "down", numbers)
        self._owners = Blocks(sections, "owner", numbers)
        self._number_of: dict[str, int] | None = None
        self._revised: dict[str, Task] = {}

    # -- what a change can affect ------------------------------------------------------------------------------

    def affected(
        self, changed: Iterable[str], tasks: Iterable[str] = (), read_again: Iterable[str] = ()
    ) -> dict[str, None] | None:
        """The names that a change of these paths and `tasks` can concern, upstream first; None if that might be any.

        Paths are relative to the root, or absolute. Of those in `read_again` it is known already what they mean, but
        for the tasks that have them as inputs.
        """
        found = {self._numbers_of()[name] for name in tasks}
        found.update(*map(self._owners_near, read_again))
        for path in changed:
            owners = None if path in self.decisive else self._owners_near(self._below_root(path))
            if not owners:
                return None
            found |= owners
        concerned = self._with_downstream(found)
        if any(self._entries[number].is_turning for number in concerned):
            return None
        return dict.fromkeys(self.names[number] for number in concerned)

    def beside(self, names: Container[str]) -> tuple[str, ...]:
        """All tasks but these, and without groups."""
        return tuple(name for name in self.names if name not in names and name not in self._groups)

    def _below_root(self, path: str) -> str:
        return "." if path == self.flow.root else path.removeprefix(self.flow.root.rstrip("/") + "/")

    def revise(self, flow: Flow) -> dict[str, Task] | None:
        """Take over the declarations of a flow, where they differ in nothing but commands; the tasks that differ.

        None, and nothing is taken over, where anything else may differ, or a command has something wrong with it.
        """
        from flowmake.core.wellformed import template_problems

        told = msgspec.msgpack.decode(self._sections["declared"], type=dict[str, bytes])
        try:
            if flow_text(flow) != self._sections["flow"] or list(told) != list(flow.declarations):
                return None
            changed = [new for name, new in flow.declarations.items() if declared_digest(new) != told[name]]
        except UNWRITABLE:
            return None
        known = self._numbers_of()
        for new in changed:
            if new.name not in known or not _is_same_but_for_command(self._task(new.name).declared, new):
                return None
        if any(map(template_problems, changed)):
            return None
        self._revised = {new.name: structs.replace(self._task(new.name), declared=new) for new in changed}
        return self._revised

    def revised(self) -> Iterator[Piece]:
        """The sections with what was taken over."""
        if not self._revised:
            yield from self._sections.items()
            return
        told = msgspec.msgpack.decode(self._sections["declared"], type=dict[str, bytes])
        blocks = self._declarations.blocks()
        for name, task in self._revised.items():
            told[name] = declared_digest(task.declared)
            blocks[self._entry(name).declared] = encoded(task.declared)
        new = [("declared", encoded(told)), *packed("declaration", blocks)]
        replaced = {name for name, _ in new}
        yield from ((name, data) for name, data in self._sections.items() if name not in replaced)
        yield from new

    def has_known(self, trace: Trace) -> bool:
        """Is all that this trace speaks of known to concern its task, and nothing else beside it?"""
        number = self._numbers_of()[trace.task]
        if set(self._entries[number].discovered) != set(trace.discovered):
            return False
        return all(number in self._owners_of(path) for path in chain(trace.inputs, trace.outputs))

    def _owners_near(self, path: str) -> set[int]:
        """The tasks judged by a path, or by a directory that it lies in."""
        bare = path.rstrip("/")
        around = chain.from_iterable((folder, folder[:-1]) for folder in folders_of(bare))
        near = (bare, bare + "/", *around, *(() if bare.startswith("/") else ("./", ".")))
        return set(chain.from_iterable(map(self._owners_of, near)))

    def _owners_of(self, path: str) -> tuple[int, ...]:
        place = self._place(path)
        return () if place is None else self._owners[place]

    def _place(self, path: str) -> int | None:
        wanted = path_bytes(path)
        place = bisect_left(self._paths, wanted)
        return place if place < len(self._paths) and self._paths[place] == wanted else None

    def _with_downstream(self, numbers: Iterable[int]) -> list[int]:
        found = set(numbers)
        stack = list(found)
        while stack:
            new = set(self._down[stack.pop()]) - found
            found |= new
            stack += new
        return sorted(found)

    # -- the graph ---------------------------------------------------------------------------------------------

    def flow_of(self, names: Iterable[str]) -> Flow:
        """The flow with nothing but the declarations of these names."""
        tasks = sorted(map(self._task, names), key=lambda task: not task.is_group)
        return structs.replace(self.flow, declarations={task.declared.name: task.declared for task in tasks})

    def graph(self, flow: Flow) -> Graph:
        """An ordinary graph that loads what it is asked for by name."""
        known = self._numbers_of()
        tables = Tables(
            tasks=_OnDemand(self._task, known),
            groups=_OnDemand(self._members, known),
            upstream=_OnDemand(lambda name: self._named(self._entry(name).upstream), known),
            needs=_OnDemand(lambda name: self._named(self._entry(name).reads), known),
            order_only=_OnDemand(lambda name: frozenset(self._named(self._entry(name).order_only)), known),
        )
        return Graph(flow, tables, Producers.of(*self._makers))

    def _numbers_of(self) -> dict[str, int]:
        if self._number_of is None:
            self._number_of = {name: number for number, name in enumerate(self.names)}
        return self._number_of

    def _entry(self, name: str) -> Entry:
        return self._entries[self._numbers_of()[name]]

    def _named(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return tuple(self.names[number] for number in numbers)

    def _members(self, name: str) -> tuple[str, ...] | None:
        members = self._entry(name).members
        return None if members is None else self._named(members)

    def _task(self, name: str) -> Task:
        if name in self._revised:
            return self._revised[name]
        entry = self._entry(name)
        return Task(
            name,
            self._declarations[entry.declared],
            entry.keys,
            entry.inputs,
            entry.outputs,
            entry.needs,
            entry.after,
            entry.pool,
            entry.resources,
            entry.description,
            entry.confirm,
        )


class _OnDemand(dict[str, Item]):
    """A table whose items are made when they are asked for by one of the known names; iterating sees those only."""

    def __init__(self, make: Callable[[str], Item | None], known: Mapping[str, int]) -> None:
        self._make = make
        self._names = known

    def __missing__(self, name: str) -> Item:
        item = self._make(name) if name in self._names else None
        if item is None:
            raise KeyError(name)
        self[name] = item
        return item

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (name in self._names and self.get(str(name)) is not None)

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


# -- as it is written ------------------------------------------------------------------------------------------


def encoded(value: Any) -> bytes:
    """Raises one of `UNWRITABLE` for what has no such form."""
    return msgspec.msgpack.encode(value)


def flow_text(flow: Flow) -> bytes:
    """All of a flow but its declarations."""
    return encoded(structs.replace(flow, declarations={}))


def declared_digest(declaration: Declaration) -> bytes:
    """The digest of all that is declared, places included."""
    return xxhash.xxh3_128_digest(encoded(declaration))


def _is_same_but_for_command(old: Declaration, new: Declaration) -> bool:
    """Does nothing else than a task's command differ, which only its own recipe depends on?"""
    if new.foreach is not None or new.kind not in ("run", "exec"):
        return False
    return structs.replace(new, action=old.action) == old
