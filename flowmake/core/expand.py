"""Declarations to tasks: one for each combination of `foreach`, with names and paths settled. Unaware of the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from flowmake.core import templates, units
from flowmake.core.confines import objection
from flowmake.core.errors import FlowfileError, Problem
from flowmake.core.foreach import Sources, combinations, flow_context, instance_name
from flowmake.core.model import Declaration, Flow, Input, Output, Task
from flowmake.core.patterns import are_plain, is_glob, normalise, unescape, within
from flowmake.core.source import Place
from flowmake.core.templates import render_names, render_paths
from flowmake.core.values import label
from flowmake.core.wellformed import template_problems

__all__ = ["Sources", "combinations", "concrete", "expand", "instance_name", "label"]

_NONE: dict[str, int] = {}
"""Shared, as tasks are never changed."""

_NO_VALUES: dict[str, Any] = {}
"""What templates may mention where there are none."""

E = TypeVar("E", Input, Output, str)
P = TypeVar("P", Input, Output)
Settle = Callable[[Declaration, str, E, str], E]
"""From a declaration, the root, an entry and its rendered text to the entry as it is in a task."""
Render = Callable[[str, Mapping[str, Any], Place], list[str]]


def expand(declaration: Declaration, flow: Flow, sources: Sources) -> list[Task]:
    """The tasks a declaration stands for, in the order of its combinations; without `foreach` the one of its name.

    Raises `FlowfileError` with everything found wrong: malformed templates, and either what is wrong with the keys
    or with the first instance that has anything wrong.
    """
    problems = template_problems(declaration)
    try:
        make = _Expander(declaration, flow).task
        tasks = [make(keys) for keys in combinations(declaration, flow, sources)]
    except FlowfileError as error:
        raise FlowfileError([*problems, *error.problems]) from error
    if problems:
        raise FlowfileError(problems)
    return tasks


def concrete(declaration: Declaration, keys: Mapping[str, Any], flow: Flow) -> Task:
    """One task of a declaration, for these values of its keys (none without `foreach`). Raises like `expand`."""
    return _Expander(declaration, flow).task(dict(keys))


def group(declaration: Declaration, members: tuple[str, ...], flow: Flow) -> Task:
    """The name that stands for all instances of a declaration; its description has `…` where they differ."""
    known = flow_context(flow) | {"task": {"name": declaration.name}, "env": _variables(declaration, flow)}
    varying: dict[str, Any] = dict.fromkeys(templates.names(declaration.description), "…")
    try:
        place = declaration.place.at("description")
        description = templates.render(declaration.description, varying | known, place)
    except FlowfileError:  # filters may want a number; what is wrong with an instance is told there
        description = declaration.description
    nameless = Declaration(declaration.name, declaration.place, tags=declaration.tags, include=declaration.include)
    return Task(declaration.name, nameless, needs=members, description=description)


class _Column(Generic[E]):
    """The entries of one field: those without templates settled once and for all, the others once for each instance."""

    varies = True

    def __init__(
        self,
        declared: Declaration,
        field: str,
        entries: tuple[E, ...],
        root: str,
        settle: Settle[E],
        render: Render,
    ) -> None:
        self._declared = declared
        self._field = field
        self._root = root
        self._settle: Settle[E] = settle
        self._render = render
        self._entries: tuple[E, ...] = entries
        self._places: dict[int, Place] = {}
        self._fixed: list[list[E] | None] = [None] * len(entries)
        self._whole: tuple[E, ...] | None = None

    def settled(self, context: Mapping[str, Any], problems: list[Problem]) -> tuple[E, ...]:
        """The field's entries for one instance; what is wrong goes to `problems`."""
        if self._whole is not None:
            return self._whole
        found: list[E] = []
        for index, fixed in enumerate(self._fixed):
            try:
                found += self._settled(index, context) if fixed is None else fixed
            except FlowfileError as error:
                problems += error.problems
        entries = tuple(found)
        if None not in self._fixed:
            self._whole = entries
        return entries

    def _settled(self, index: int, context: Mapping[str, Any]) -> list[E]:
        entry = self._entries[index]
        text = _text(entry)
        varies = templates.has_template(text)
        texts = self._render(text, context, self._place(index)) if varies else [text]
        if not all(map(str.strip, texts)):
            hint = "an entry may be left out with `{% if … %}`"
            raise FlowfileError([Problem("the entry is empty", (self._place(index),), hint)])
        try:
            found = [self._settle(self._declared, self._root, entry, text) for text in texts]
        except ValueError as error:
            raise FlowfileError([Problem(str(error), (self._place(index),))]) from error
        if not varies:
            self._fixed[index] = found
        return found

    def _place(self, index: int) -> Place:
        """Where an entry was written: by index, or in a table by name and, in a list there, by index."""
        if index not in self._places:
            field = self._declared.place.at(self._field)
            name = _group(self._entries[index])
            group = [other for other, entry in enumerate(self._entries) if _group(entry) == name]
            keys = (name, group.index(index)) if len(group) > 1 else (name,)
            self._places[index] = field.at(*keys) if name else field.at(index)
        return self._places[index]


class _Fixed(Generic[E]):
    """The entries of one field that are in each task just as they were written."""

    varies = False

    def __init__(self, entries: tuple[E, ...]) -> None:
        self._entries: tuple[E, ...] = entries

    def settled(self, context: Mapping[str, Any], problems: list[Problem]) -> tuple[E, ...]:
        return self._entries


_NO_NAMES = _Fixed[str](())


def _paths(
    declared: Declaration, field: str, entries: tuple[P, ...], root: str, settle: Settle[P]
) -> _Column[P] | _Fixed[P]:
    if are_plain([entry.path for entry in entries]):
        return _Fixed(entries)
    return _Column(declared, field, entries, root, settle, render_paths)


def _names(declared: Declaration, field: str, entries: tuple[str, ...]) -> _Column[str] | _Fixed[str]:
    if not entries:
        return _NO_NAMES
    if all(map(str.strip, entries)) and not any(map(templates.has_template, entries)):
        return _Fixed(entries)
    return _Column(declared, field, entries, "", _name, render_names)


class _Expander:
    """Makes the instances of one declaration. The context is one table, updated from instance to instance."""

    def __init__(self, declaration: Declaration, flow: Flow) -> None:
        self._declared = declaration
        self._flow = flow
        self._inputs = _paths(declaration, "inputs", declaration.inputs, flow.root, _input)
        self._outputs = _paths(declaration, "outputs", declaration.outputs, flow.root, _output)
        self._needs = _names(declaration, "needs", declaration.needs)
        self._after = _names(declaration, "after", declaration.after)
        self._fixed_resources: dict[str, int] | None = None if declaration.resources else _NONE
        self._varies = self._has_templates()
        self._context = _NO_VALUES
        self._env = _NO_VALUES
        self._env_varies = False
        if self._varies:
            self._context = flow_context(flow)
            self._env = self._context["env"] = _variables(declaration, flow)
            self._env_varies = any(map(templates.has_template, self._env.values()))

    def _has_templates(self) -> bool:
        """Is there anything to be rendered for a task?"""
        declared = self._declared
        if self._inputs.varies or self._outputs.varies or self._needs.varies or self._after.varies:
            return True
        texts = declared.pool + declared.description + declared.confirm
        return bool(declared.resources) or templates.has_template(texts)

    def task(self, keys: dict[str, Any]) -> Task:
        declared, context = self._declared, self._context
        name = instance_name(declared.name, keys) if keys else declared.name
        if self._varies:
            context.update(keys)
            context["task"] = {"name": name}
            if self._env_varies:
                context["env"] = self._rendered_env()
        problems: list[Problem] = []
        task = Task(
            name,
            declared,
            keys,
            self._inputs.settled(context, problems),
            self._outputs.settled(context, problems),
            self._needs.settled(context, problems),
            self._after.settled(context, problems),
            self._rendered(declared.pool, "pool", problems),
            self._resources(problems),
            self._rendered(declared.description, "description", problems),
            self._rendered(declared.confirm, "confirm", problems),
        )
        if problems:
            raise FlowfileError(problems)
        return task

    def _rendered_env(self) -> dict[str, str]:
        """The variables that are known before the inputs are; mentioning another one here is an error like any."""
        before = {name: value for name, value in self._context.items() if name != "env"}
        place = self._declared.place.at("env")
        known = {}
        for name, text in self._env.items():
            if templates.names(text) <= before.keys() and templates.check(text, place) is None:
                known[name] = templates.render(text, before, place.at(name))
        return known

    def _rendered(self, text: str, field: str, problems: list[Problem]) -> str:
        if not templates.has_template(text):
            return text
        try:
            return templates.render(text, self._context, self._declared.place.at(field))
        except FlowfileError as error:
            problems += error.problems
            return ""

    def _resources(self, problems: list[Problem]) -> dict[str, int]:
        if self._fixed_resources is not None:
            return self._fixed_resources
        found: dict[str, int] = {}
        for name, value in self._declared.resources.items():
            try:
                found[name] = _amount(value, self._context, self._declared.place.at("resources", name))
            except FlowfileError as error:
                problems += error.problems
        if all(isinstance(value, int) for value in self._declared.resources.values()):
            self._fixed_resources = found
        return found


def _variables(declaration: Declaration, flow: Flow) -> dict[str, str]:
    """The variables set for the command; names and descriptions have digests in place of secret ones."""
    variables = {**flow.env, **declaration.env}
    if flow.secrets:
        from flowmake.core.secrets import digest

        variables |= {name: digest(name, variables[name]) for name in flow.secrets if name in variables}
    return variables


def _text(entry: Input | Output | str) -> str:
    return entry if isinstance(entry, str) else entry.path


def _group(entry: Input | Output | str) -> str:
    return "" if isinstance(entry, str) else entry.name


def _name(declared: Declaration, root: str, entry: str, text: str) -> str:
    return text


def _input(declared: Declaration, root: str, entry: Input, text: str) -> Input:
    path = within(normalise(text), root)
    if entry.kind == "exclude":
        return Input(path, "exclude", entry.check, entry.name)
    if entry.kind == "path" and is_glob(path):
        return Input(path, "glob", entry.check, entry.name)
    path = unescape(path)
    return entry if path == entry.path else Input(path, entry.kind, entry.check, entry.name)


def _output(declared: Declaration, root: str, entry: Output, text: str) -> Output:
    path = within(normalise(text), root)
    if why := objection(entry, path, declared, root):
        raise ValueError(why)
    if is_glob(path):
        return Output(path, "glob", entry.temp, entry.clean, entry.name)
    path = unescape(path)
    return entry if path == entry.path else Output(path, "path", entry.temp, entry.clean, entry.name)


def _amount(value: int | str, context: Mapping[str, Any], place: Place) -> int:
    name = str(place.keys[-1])
    if isinstance(value, int):
        return value
    text = templates.render(value, context, place)
    try:
        return units.resource(name, text)
    except ValueError as error:
        what, forms = ("a duration", units.DURATION_FORMS) if name == "time" else ("an amount", units.SIZE_FORMS)
        problem = Problem(f"`{name}` is not {what}: `{text}`", (place,), f"write {forms}")
        raise FlowfileError([problem]) from error
