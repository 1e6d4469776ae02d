"""A small flow with everything a picture can show: a fan-out, one not expanded yet, a group, an order-only edge."""

from __future__ import annotations

import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from flowmake.core.model import Declaration, Foreach, Input, KeySource, Output, Task
from flowmake.core.source import Place
from flowmake.views.composing import Known
from flowmake.views.picture import Status


class SmallGraph:
    """What views ask of a graph, for declarations with one `foreach` key of listed values, or none."""

    def __init__(self, *declarations: Declaration) -> None:
        self.tasks: dict[str, Task] = {}
        self.groups: dict[str, tuple[str, ...]] = {}
        self.fanouts: dict[str, tuple[str, ...]] = {}
        for declaration in declarations:
            if declaration.foreach is None:
                self._add(declaration.name, declaration, {})
            else:
                self._add_foreach(declaration, declaration.foreach)
        self.made = {output.path: task.name for task in self.tasks.values() for output in task.outputs}

    def _add_foreach(self, declaration: Declaration, foreach: Foreach) -> None:
        [(key, source)] = foreach.keys.items()
        if source.upstream:
            self.fanouts[declaration.name] = (source.upstream,)
        names = tuple(f"{declaration.name}@{value}" for value in source.values or ())
        for name, value in zip(names, source.values or (), strict=True):
            self._add(name, declaration, {key: value})
        self.groups[declaration.name] = names
        group = Declaration(declaration.name, declaration.place)
        self.tasks[declaration.name] = Task(declaration.name, group, needs=names, description=declaration.description)

    def _add(self, name: str, declared: Declaration, keys: dict[str, Any]) -> None:
        def path(text: str) -> str:
            return text.format(**keys) if keys else text

        inputs = tuple(Input(path(entry.path), entry.kind) for entry in declared.inputs)
        outputs = tuple(Output(path(entry.path), entry.kind) for entry in declared.outputs)
        told = {"description": declared.description}
        self.tasks[name] = Task(name, declared, keys, inputs, outputs, declared.needs, declared.after, **told)

    def producer(self, path: str) -> str | None:
        around = (task for made, task in self.made.items() if made.endswith("/") and path.startswith(made))
        return self.made.get(path) or next(around, None)

    def upstream(self, name: str) -> tuple[str, ...]:
        task = self.tasks[name]
        found = dict.fromkeys([*task.needs, *task.after, *self.fanouts.get(name, ())])
        for entry in task.inputs:
            if entry.kind == "glob":
                found.update({task: None for made, task in self.made.items() if fnmatchcase(made, entry.path)})
            elif (producer := self.producer(entry.path)) is not None:
                found[producer] = None
        return tuple(found)


def declare(name: str, **fields: Any) -> Declaration:
    """A task with a command, unless said otherwise."""
    inputs = tuple(Input(p, "glob" if "*" in p else "path") for p in fields.pop("inputs", ()))
    outputs = tuple(Output(p) for p in fields.pop("outputs", ()))
    fields = {"kind": "run", "action": f"make-{name}", "inputs": inputs, "outputs": outputs, **fields}
    return Declaration(name, Place("Flowfile", ("tasks", name)), **fields)


ORDER = ["fetch", "clean", "compile@a", "compile@b", "compile@c", "compile"]
ORDER += ["warm", "link", "split", "each", "report", "all"]


@pytest.fixture
def graph() -> SmallGraph:
    letters = Foreach({"unit": KeySource(values=("a", "b", "c"))})
    parts = Foreach({"part": KeySource(upstream="split")})
    return SmallGraph(
        declare("fetch", outputs=["raw.csv"], tags=("etl",), description="get the data"),
        declare("clean", inputs=["raw.csv", "etl/clean.py"], outputs=["clean.csv"], tags=("etl",), include="etl.toml"),
        declare("compile", foreach=letters, inputs=["src/{unit}.c", "all.h"], outputs=["build/{unit}.o"]),
        declare("warm", always=True),
        declare("link", inputs=["build/*.o"], outputs=["app"], after=("warm",)),
        declare("split", inputs=["clean.csv"], outputs=["parts/"]),
        declare("each", foreach=parts, inputs=["parts/{part}"], outputs=["res/{part}"]),
        declare("report", inputs=["app", "clean.csv"], needs=("each",), outputs=["report.html"]),
        declare("all", kind="none", action="", needs=("report", "link")),
    )


@pytest.fixture
def order() -> list[str]:
    return ORDER


@pytest.fixture
def known() -> Known:
    statuses: dict[str, Status] = {
        "fetch": "fresh",
        "clean": "fresh",
        "compile@a": "stale",
        "compile@b": "failed",
        "compile@c": "fresh",
        "warm": "stale",
        "link": "running",
        "split": "failed",
        "each": "waiting",
        "report": "waiting",
        "all": "waiting",
    }
    return Known(statuses)


@pytest.fixture
def flow_of() -> type[SmallGraph]:
    return SmallGraph


@pytest.fixture
def task() -> Callable[..., Declaration]:
    return declare


@pytest.fixture
def snapshot() -> Callable[[str, str], None]:
    """Compare with a whole stored output; `FLOWMAKE_SNAPSHOTS=write` stores it anew."""

    def check(name: str, text: str) -> None:
        path = Path(__file__).parent / "snapshots" / name
        if os.environ.get("FLOWMAKE_SNAPSHOTS") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return check
