"""Runs a page of the documentation: writes the files it shows, runs its commands, compares what they print.

A block marked `console` holds commands after `$ ` (`> ` continues one) and below each what it prints, stdout and
stderr as on a terminal. `…` in the expected output stands for any text, alone on a line for any lines. A block with
`title="NAME"` is a file. `<!-- new folder -->` begins again in an empty folder. Knows nothing about flowmake.

    python -m tests.pages docs/tutorial.md    # writes into the page what its commands print now
"""

from __future__ import annotations

import difflib
import getpass
import itertools
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SHOWN_ROOT = "/home/ada/project"
SHOWN_WHO = "ada@laptop"
WHO = f"{getpass.getuser()}@{socket.gethostname()}"
NEW_FOLDER = "<!-- new folder -->"
ANYTHING = "…"
PROMPT, CONTINUED = "$ ", "> "
FENCE = re.compile(r"^(`{3,})(\w*)(.*)$")
TITLE = re.compile(r'title="([^"]+)"')
PROGRESS = re.compile(r"^\[ *\d+/\d+\] ")
VARYING = (
    (re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{4}\b"), "RUN"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s)(?![\w-])|\b\d+m\d\ds\b"), "SECONDS"),
    (re.compile(r"\bpid \d+"), "pid PID"),
    (re.compile(r"^::(stop-commands::)?[0-9a-f]{32}"), r"::\1TOKEN"),
)


@dataclass
class Command:
    """A command with the output the page shows for it. `line` is where its output begins, from 0."""

    text: str
    line: int
    expected: list[str] = field(default_factory=list)


@dataclass
class Block:
    """A fenced block: where its first line is (from 0), its language and title, its lines."""

    line: int
    language: str
    title: str
    lines: list[str]

    def commands(self) -> list[Command]:
        found: list[Command] = []
        for number, line in enumerate(self.lines, self.line):
            if line.startswith(PROMPT):
                found.append(Command(line.removeprefix(PROMPT), number + 1))
            elif line.startswith(CONTINUED) and found and not found[-1].expected:
                found[-1].text += "\n" + line.removeprefix(CONTINUED)
                found[-1].line = number + 1
            elif found:
                found[-1].expected.append(line)
        return found


def blocks(text: str) -> Iterator[Block | None]:
    """The fenced blocks of a page in order; None where it begins again in a new folder."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        if lines[number].strip() == NEW_FOLDER:
            yield None
        opening = FENCE.match(lines[number])
        number += 1
        if opening:
            end = next(n for n in range(number, len(lines)) if lines[n].startswith(opening[1]))
            title = TITLE.search(opening[3])
            yield Block(number, opening[2], title[1] if title else "", lines[number:end])
            number = end + 1


@dataclass
class Page:
    """A page and the environment its commands run in. `scratch` is an empty folder."""

    path: Path
    scratch: Path
    environ: Mapping[str, str]

    def run(self) -> Iterator[tuple[Command, list[str]]]:
        """Every command with the lines it printed. Raises `AssertionError` for a file that cannot be meant."""
        folder = self._folder(0)
        for count, block in enumerate(blocks(self.path.read_text()), 1):
            if block is None:
                folder = self._folder(count)
            elif block.title:
                write(folder / block.title, "\n".join(block.lines) + "\n")
            elif block.language == "console":
                for command in block.commands():
                    yield command, self._output(command, folder)

    def _folder(self, number: int) -> Path:
        folder = self.scratch / str(number) / "project"
        folder.mkdir(parents=True)
        return folder

    def _output(self, command: Command, folder: Path) -> list[str]:
        done = subprocess.run(
            ["bash", "-c", command.text],
            cwd=folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        shown = done.stdout.decode(errors="replace").replace(str(folder), SHOWN_ROOT).replace(WHO, SHOWN_WHO)
        lines = [line.rstrip() for line in shown.splitlines()]
        return lines if done.returncode == 0 else [*lines, f"[exit code {done.returncode}]"]

    def mismatches(self) -> list[str]:
        """One text for each command that printed something else than the page says; empty if all is well."""
        told = []
        for command, actual in self.run():
            if not matches(command.expected, actual):
                diff = difflib.unified_diff(command.expected, actual, "on the page", "printed", lineterm="")
                told.append(f"{self.path}:{command.line}: $ {command.text}\n" + "\n".join(diff))
        return told

    def update(self) -> None:
        """Write what the commands print now into the page; all of it, as its times belong together."""
        lines = self.path.read_text().split("\n")
        for command, actual in reversed(list(self.run())):
            kept = [line for line in command.expected if ANYTHING in line.strip(ANYTHING)]
            printed = [next((line for line in kept if matches([line], [new])), new) for new in actual]
            lines[command.line : command.line + len(command.expected)] = printed
        self.path.write_text("\n".join(lines))


def write(path: Path, text: str) -> None:
    """Write a file, making its folders; one that begins with `#!` is executable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if text.startswith("#!"):
        path.chmod(0o755)


def matches(expected: list[str], actual: list[str]) -> bool:
    """Do these lines say the same, but for times, and for the order of what ran at the same time?"""
    parts = [r"(?:.*\n)*" if line == ANYTHING else _line(line) for line in comparable(expected)]
    return re.fullmatch("".join(parts), "".join(line + "\n" for line in comparable(actual))) is not None


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split(ANYTHING)) + r"\n"


def comparable(lines: Iterable[str]) -> list[str]:
    """The lines with everything that differs from run to run replaced, neighbouring progress lines sorted."""
    result: list[str] = []
    for progress, group in itertools.groupby(_with_details(map(_steady, lines)), lambda part: part[0].startswith("[]")):
        parts = list(group)
        result += itertools.chain.from_iterable(sorted(parts) if progress else parts)
    return result


def _steady(line: str) -> str:
    for pattern, word in VARYING:
        line = pattern.sub(word, line)
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + re.sub(r"  +", " ", PROGRESS.sub("[] ", line)[indent:]).rstrip()


def _with_details(lines: Iterable[str]) -> Iterator[list[str]]:
    """Progress lines with the indented lines below them; every other line alone."""
    part: list[str] = []
    for line in lines:
        if part and part[0].startswith("[]") and line.startswith("    "):
            part.append(line)
            continue
        if part:
            yield part
        part = [line]
    if part:
        yield part


def bare_environ(home: Path) -> dict[str, str]:
    """The installed commands first on PATH, a known locale and width, and nothing else of the outer environment.

    A pytest on a page has temporary folders of its own: else it removes at its end what earlier runs have left, which
    may be millions of files.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    known = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "COLUMNS": "100"}
    return {"PATH": path, "HOME": str(home), "PYTEST_DEBUG_TEMPROOT": str(home), **known}


def main() -> None:
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as scratch:
            home = Path(scratch, "home")
            home.mkdir()
            Page(Path(name), Path(scratch), bare_environ(home)).update()


if __name__ == "__main__":
    main()
