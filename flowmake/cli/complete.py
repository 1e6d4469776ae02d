"""What may stand in place of a half-typed word: tasks, instances, outputs, tags. Quiet when anything is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, FishComplete, ShellComplete, ZshComplete, split_arg_string

if TYPE_CHECKING:
    from flowmake.core.graph import Graph

VARIABLE = "_FLOWMAKE_COMPLETE"

_BASH = """\
_flowmake_completion() {
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(_FLOWMAKE_COMPLETE=bash_complete _FLOWMAKE_LINE="${COMP_LINE:0:COMP_POINT}" \\
             _FLOWMAKE_BREAKS="$COMP_WORDBREAKS" flowmake 2>/dev/null)
}
complete -o nosort -F _flowmake_completion flowmake 2>/dev/null || complete -F _flowmake_completion flowmake
"""


_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")
_ESCAPED = r"\\\g<0>"


class Bash(ShellComplete):
    """bash breaks words at `@`, `:` and `=`, all of which targets are made of; so the words are found here instead,
    and of each answer only what follows the last break is given back."""

    name = "bash"
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("_FLOWMAKE_LINE", "")
        words = split_arg_string(line)
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        self._skipped = _after_last_break(incomplete, os.environ.get("_FLOWMAKE_BREAKS", ""))
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.type},{_SPECIAL.sub(_ESCAPED, item.value[self._skipped :])}"


def _after_last_break(word: str, breaks: str) -> int:
    return max((word.rfind(sign) + 1 for sign in breaks if sign in "@:="), default=0)


class Fish(FishComplete):
    """Names of instances hold commas, at which click's own script would cut them off."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


_SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": ZshComplete, "fish": Fish}


def script(shell: str) -> str:
    """The text that a shell evaluates to complete `flowmake`."""
    return _completer(shell, click.Command("flowmake")).source().lstrip("\n") if shell != "bash" else _BASH


def answer(command: click.Command, instruction: str) -> int:
    """What a shell asked for in `instruction` (such as `bash_complete`), on stdout."""
    shell, _, what = instruction.partition("_")
    if shell not in _SHELLS or what != "complete":
        return 2
    click.echo(_completer(shell, command).complete())
    return 0


def _completer(shell: str, command: click.Command) -> ShellComplete:
    return _SHELLS[shell](command, {}, "flowmake", VARIABLE)


def targets(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Everything that can stand for TARGET; files, too, for what begins like a path."""
    graph = _graph(ctx)
    if graph is None:
        return []
    found = [
        CompletionItem(name, help=line) for name, line in _candidates(graph, incomplete) if name.startswith(incomplete)
    ]
    return found or [CompletionItem(incomplete, type="file")]


def tasks(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Names of tasks and instances."""
    graph = _graph(ctx)
    names = _names(graph, incomplete) if graph is not None else ()
    return [CompletionItem(name, help=line) for name, line in names if name.startswith(incomplete)]


def runs(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Ids of runs, the latest first."""
    from contextlib import closing

    from flowmake.cli.given import open_project
    from flowmake.cli.states import local_time, rfc3339

    try:
        project = open_project(ctx)
        with closing(project.store) as store:
            found = store.runs()
        project.notices.clear()
    except Exception:  # as in `_graph`
        return []
    return [
        CompletionItem(run.id, help=f"{local_time(rfc3339(run.started))}, {run.status}")
        for run in found
        if run.id.startswith(incomplete)
    ]


def _graph(ctx: click.Context) -> Graph | None:
    from flowmake.cli.given import open_project

    try:
        project = open_project(ctx)
        graph = project.graph()
        project.notices.clear()
        return graph
    except Exception:  # whatever it is, the middle of a command line is no place to hear of it
        return None


def _candidates(graph: Graph, incomplete: str) -> Iterator[tuple[str, str]]:
    yield from _names(graph, incomplete)
    tags = dict.fromkeys(tag for declaration in graph.flow.declarations.values() for tag in declaration.tags)
    yield from ((f"tag:{tag}", "all tasks with this tag") for tag in tags)
    if incomplete:
        start = "./" if incomplete.startswith("./") else ""
        paths: Iterable[str] = (*graph.outputs.files, *graph.outputs.directories)
        yield from ((start + path, "made by " + (graph.producer(path) or "")) for path in paths)


def _names(graph: Graph, incomplete: str) -> Iterator[tuple[str, str]]:
    """Declared names; instances only once an `@` is typed, as there may be thousands."""
    for name in graph.flow.declarations:
        yield name, graph.tasks[name].description
    if "@" in incomplete:
        group = incomplete.partition("@")[0]
        yield from ((name, "") for name in graph.groups.get(group, ()))
