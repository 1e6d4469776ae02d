"""The names of all commands with their help lines. Imports none of them: that happens when one is run."""

from __future__ import annotations


class Entry:
    """A command: the module that holds it as `command`, the heading it stands under, its line in the help."""

    __slots__ = ("heading", "help", "module")

    def __init__(self, module: str, heading: str, help: str) -> None:
        self.module = module
        self.heading = heading
        self.help = help


BUILD, LOOK, SET_UP = "Build", "Look", "Set up"

COMMANDS: dict[str, Entry] = {
    "run": Entry("flowmake.cli.run", BUILD, "Run what is stale, in parallel."),
    "accept": Entry("flowmake.cli.accept", BUILD, "Record what is there now as fresh, without running it."),
    "clean": Entry("flowmake.cli.clean", BUILD, "Remove files that flowmake made, and only those."),
    "status": Entry("flowmake.cli.status", LOOK, "Show which tasks are fresh, stale or failed."),
    "why": Entry("flowmake.cli.why", LOOK, "Explain why a task is stale or fresh."),
    "list": Entry("flowmake.cli.list", LOOK, "List the tasks with their descriptions and tags."),
    "show": Entry("flowmake.cli.show", LOOK, "Show everything about one task, rendered."),
    "graph": Entry("flowmake.cli.graph", LOOK, "Draw the graph, or print it as text."),
    "log": Entry("flowmake.cli.log", LOOK, "Print the log of a task."),
    "history": Entry("flowmake.cli.history", LOOK, "Show past runs and their tasks."),
    "diff": Entry("flowmake.cli.diff", LOOK, "Show what differs between two runs."),
    "lineage": Entry("flowmake.cli.lineage", LOOK, "Tell what made a file, and from what."),
    "report": Entry("flowmake.cli.report", LOOK, "Write a page about a run: graph, timeline, tasks, logs."),
    "init": Entry("flowmake.cli.init", SET_UP, "Write a starter Flowfile."),
    "check": Entry("flowmake.cli.check", SET_UP, "Validate the Flowfile without running anything."),
    "schema": Entry("flowmake.cli.schema", SET_UP, "Print the JSON Schema of the Flowfile, for editors."),
    "doctor": Entry("flowmake.cli.doctor", SET_UP, "Check that this machine has what flowmake needs."),
    "completion": Entry("flowmake.cli.completion", SET_UP, "Print the completion script for a shell."),
}


def help_of(name: str, more: str = "") -> str:
    """What `flowmake NAME --help` says: the line from the table, then `more`."""
    return f"{COMMANDS[name].help}\n\n{more}"
