"""A task's recipe, rendered into the text that is compared and the command that runs. Unaware of verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import xxhash
from msgspec import Struct

from flowmake.core import templates
from flowmake.core.errors import FlowfileError
from flowmake.core.model import Flow, Recipe, Task
from flowmake.core.source import Place
from flowmake.core.values import outside, unmarked

EMPTY = xxhash.xxh3_128_hexdigest(b"")
"""The digest of an empty file."""


def text_digest(text: str) -> str:
    """The digest of a text, file-system escapes included."""
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogateescape"))


class Paths(Struct, frozen=True):
    """The resolved paths that templates of one task may mention."""

    inputs: templates.PathList
    outputs: templates.PathList
    needs: Mapping[str, Any]


def path_list(pairs: Iterable[tuple[str, str]]) -> templates.PathList:
    """(path, group name) pairs as what templates see; an empty name is no group."""
    pairs = list(pairs)
    groups: dict[str, list[str]] = {}
    for path, name in pairs:
        if name:
            groups.setdefault(name, []).append(path)
    return templates.PathList((path for path, _ in pairs), groups)


class Renderer:
    """Renders one task's action, environment and folder from a flow, its keys and its `paths`.

    These are asked for only where a template has to be rendered.
    """

    def __init__(self, flow: Flow, task: Task, paths: Callable[[], Paths], cpu: int = 1) -> None:
        self._task = task
        self._declared = task.declared
        self._flow = flow
        self._context: dict[str, Any] | None = None
        self._environment: dict[str, str] | None = None
        self._paths = paths
        self._cpu = cpu

    def concealing(self) -> Renderer:
        """One that renders digests in place of secret variables; this very one if the task has none of them."""
        if not self._flow.secrets or not self.secret_values():
            return self
        from flowmake.core.secrets import hidden

        other = Renderer(self._flow, self._task, self._paths, self._cpu)
        other._context = {**self._values_before_env(), "env": hidden(self.environment(), self._flow.secrets)}
        return other

    def secret_values(self) -> list[str]:
        """What must not be seen of the variables set for the command."""
        environment = self.environment() if self._flow.secrets else {}
        return [environment[name] for name in self._flow.secrets if environment.get(name)]

    def digests(self, tracked: Mapping[str, str | None]) -> dict[str, str]:
        """A digest for each variable that counts. Those that may be secret get one that cannot be turned back."""
        environment = self.environment()
        if not tracked and not environment:
            return {}
        values = {**tracked, **environment}
        secret = {*self._flow.secrets, *self._flow.dotenv}
        if secret.isdisjoint(values):
            return {name: "" if value is None else text_digest(value) for name, value in values.items()}
        from flowmake.core.secrets import strong_digest

        return {name: "" if value is None else strong_digest(value) for name, value in values.items()}

    def _values(self) -> dict[str, Any]:
        if self._context is None:
            self._context = {**self._values_before_env(), "env": self.environment()}
        return self._context

    def _values_before_env(self) -> dict[str, Any]:
        flow, paths = self._flow, self._paths()
        return {
            "params": self._params(),
            "flow": {"name": flow.name, "root": flow.root},
            "task": {"name": self._task.name},
            "inputs": paths.inputs,
            "outputs": paths.outputs,
            "needs": paths.needs,
            "cpu": self._cpu,
            **self._keys(),
        }

    def _params(self) -> dict[str, Any]:
        """The parameters; those given from outside are marked."""
        flow = self._flow
        if not flow.given:
            return flow.params
        return {name: outside(value) if name in flow.given else value for name, value in flow.params.items()}

    def _keys(self) -> dict[str, Any]:
        """The values of the `foreach` keys; those out of files are marked."""
        keys, foreach = self._task.keys, self._declared.foreach
        if foreach is None or all(foreach.keys[name].values is not None for name in keys):
            return keys
        return {
            name: value if foreach.keys[name].values is not None else outside(value) for name, value in keys.items()
        }

    def plain(self, text: str, key: str) -> str:
        """The text that the declaration has under this key."""
        return templates.render(text, self._values(), self._at(key)) if templates.has_template(text) else text

    def _shell(self, text: str, key: str) -> str:
        return templates.render_shell(text, self._values(), self._at(key)) if templates.has_template(text) else text

    def _at(self, key: str) -> Place:
        return self._declared.place.at(key)

    def value(self, value: Any, place: Place) -> Any:
        """`args` rendered deeply; a text that is one expression keeps the expression's type."""
        if isinstance(value, str):
            return (
                unmarked(templates.evaluate(value, self._values(), place)) if templates.has_template(value) else value
            )
        if isinstance(value, Mapping):
            return {key: self.value(item, place.at(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, place.at(index)) for index, item in enumerate(value)]
        return value

    def argv(self) -> tuple[str, ...]:
        """The command with wrapper and shell; empty for a `call`."""
        declared = self._declared
        if declared.kind == "run":
            assert isinstance(declared.action, str)
            return (*self.wrapper(), *self.shell_words(), self._shell(declared.action, "run"))
        if declared.kind == "exec":
            return (*self.wrapper(), *self._words(declared.action, "exec"))
        return ()

    def wrapper(self) -> tuple[str, ...]:
        """The words put before the command."""
        words = self._declared.wrapper
        return self._words(words, "wrapper") if words else ()

    def _words(self, words: Sequence[str], key: str) -> tuple[str, ...]:
        """Each word rendered; one that is a single expression giving a list becomes a word for each element."""
        if not any(map(templates.has_template, words)):
            return tuple(words)
        place = self._at(key)
        found: list[str] = []
        for index, word in enumerate(words):
            found += templates.render_list(word, self._values(), place.at(index), after_dashes="--" in found)
        return tuple(found)

    def shell_words(self) -> tuple[str, ...]:
        return self._declared.shell or self._flow.shell

    def environment(self) -> dict[str, str]:
        """Variables set by `[env]` and the task's own `env`, rendered; the latter may mention the former."""
        if self._environment is None:
            self._environment = self._rendered_environment()
        return self._environment

    def _rendered_environment(self) -> dict[str, str]:
        shared, own = self._flow.env, self._declared.env
        if not shared and not own:
            return {}
        if not any(map(templates.has_template, (*shared.values(), *own.values()))):
            return {**shared, **own}
        values = {**self._values_before_env(), "env": {}}
        shared = _rendered(shared, values, self._flow.place.at("env"))
        return {**shared, **_rendered(own, {**values, "env": shared}, self._declared.place.at("env"))}

    def cwd(self) -> str:
        folder = self._declared.cwd
        return self.plain(folder, "cwd") if folder else ""

    def args(self) -> dict[str, Any]:
        return {k: self.value(v, self._declared.place.at("args", k)) for k, v in self._declared.args.items()}


def _rendered(texts: Mapping[str, str], values: Mapping[str, Any], place: Place) -> dict[str, str]:
    return {name: templates.render(text, values, place.at(name)) for name, text in texts.items()}


def recipe(renderer: Renderer, task: Task, tracked: Mapping[str, str | None], module: str = "") -> Recipe:
    """The recipe of a task.

    `tracked` maps the names in `track_env` to their inherited values (None: not set); `module` names a `call`'s
    module file with its digest. Raises `FlowfileError` for what a template cannot render.
    """
    declared = task.declared
    argv, cwd, args = renderer.argv(), renderer.cwd(), renderer.args() if declared.kind == "call" else {}
    call = declared.action if declared.kind == "call" and isinstance(declared.action, str) else ""
    text = "\n".join(_lines(task, (renderer, argv, cwd, args), call, module))
    shown: tuple[str, ...] = ()
    if (concealing := renderer.concealing()) is not renderer:
        text, shown = _concealed(concealing, task, call, module, text)
    return Recipe(
        text=text,
        env=renderer.digests(tracked),
        argv=argv,
        call=call,
        args=args,
        environment=renderer.environment(),
        cwd=cwd,
        shown=shown,
    )


_Parts = tuple[Renderer, tuple[str, ...], str, dict[str, Any]]


def _concealed(shown: Renderer, task: Task, call: str, module: str, text: str) -> tuple[str, tuple[str, ...]]:
    """The text and the command with digests for secrets; for the whole of it where a filter cannot take a digest."""
    try:
        argv, args = shown.argv(), shown.args() if task.declared.kind == "call" else {}
        return "\n".join(_lines(task, (shown, argv, shown.cwd(), args), call, module)), argv
    except FlowfileError:
        from flowmake.core.secrets import digest

        text = digest("recipe", text)
        return text, (text,)


def _lines(task: Task, parts: _Parts, call: str, module: str) -> Iterable[str]:
    declared = task.declared
    renderer, argv, cwd, args = parts
    if declared.kind == "run":
        yield argv[-1]
        yield _shell_line(renderer.shell_words())
    elif declared.kind == "exec":
        yield json.dumps(argv[len(renderer.wrapper()) :])
    elif declared.kind == "call":
        yield f"call: {call}"
        yield "args: " + json.dumps(args, sort_keys=True, default=str)
        yield f"module: {module}"
    if declared.wrapper:
        yield "wrapper: " + json.dumps(renderer.wrapper())
    if cwd:
        yield f"cwd: {cwd}"
    if declared.depfile:
        yield "depfile: " + renderer.plain(declared.depfile, "depfile")


@lru_cache
def _shell_line(words: tuple[str, ...]) -> str:
    """Nearly all tasks of a flow have the same."""
    return "shell: " + json.dumps(words)


def identity(made_by: Recipe, inputs: Mapping[str, str]) -> str:
    """What an empty output stands for: its producer's recipe, environment and inputs."""
    env = made_by.env
    tables = chain.from_iterable((*sorted(env.items()), *sorted(inputs.items())))
    return "stamp:" + text_digest("\0".join((made_by.text, str(len(env)), *tables)))
