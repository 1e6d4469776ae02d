"""Stories in which flowmake dies in the middle: what was there, what it was at, and what must be true afterwards.

A task's outputs are called like the task: `a`, `a.txt` or `a/…`. Each task tells that it ran by appending its name to
the file that `$RAN` names.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.conftest import COMMAND, Project, Result
from tests.preload import shim

Files = dict[str, str]
STATE = ".flowmake"
BUILD = ("run", "-j1")
"""The same words whenever something is built, so that what is kept for a repeated command is used, and dies, too."""
STRETCH = 6
"""Of more changes in a row to one file, of one kind, only the first and last few tell anything new."""


@dataclass(frozen=True)
class Story:
    """`flow` and `files` are there at first. With a `change`, all is built, and then changed, before `command` dies.

    `mend` is done after the crash and before the commands of `again`. `temps` are tasks whose outputs go by themselves.
    `at_once` is how many tasks may be under way, or just over and not recorded yet, when it dies.
    """

    flow: str
    files: Files = field(default_factory=dict)
    change: Callable[[Project], object] | None = None
    command: tuple[str, ...] = BUILD
    mend: Callable[[Project], object] = lambda project: None
    again: tuple[tuple[str, ...], ...] = (BUILD,)
    temps: frozenset[str] = frozenset()
    at_once: int = 1


@dataclass(frozen=True)
class Course:
    """How a story goes without a crash: its changes of files, the files after each command of `again`, what ran.

    `strays` are the folders of runs that are left although nothing tells of them any more.
    """

    changes: list[str]
    files: list[Files]
    ran: Counter[str]
    strays: set[str]

    def points(self, *, thinned: bool) -> list[tuple[int, bool]]:
        """Where to die: the number of a change, and whether half of it is still done, where that can be."""
        numbers = range(1, len(self.changes) + 1)
        if thinned:
            numbers = [n for stretch in _stretches(self.changes) for n in _thinned(stretch)]
        return [(n, half) for n in numbers for half in (False, True) if not half or self._has_halves(n)]

    def _has_halves(self, number: int) -> bool:
        """Some of the bytes may be written; and of a fork, the copy may be left alone."""
        return self.kind(number) in ("write", "fork")

    def kind(self, number: int) -> str:
        return self.changes[number - 1].partition(" ")[0]


def _stretches(changes: Sequence[str]) -> Iterator[list[int]]:
    stretch: list[int] = []
    for number, line in enumerate(changes, 1):
        if stretch and line != changes[number - 2]:
            yield stretch
            stretch = []
        stretch.append(number)
    yield stretch


def _thinned(stretch: list[int]) -> list[int]:
    return stretch if len(stretch) <= STRETCH else [*stretch[:2], stretch[len(stretch) // 2], *stretch[-2:]]


class Stand:
    """One story, told again and again in the same folder."""

    def __init__(self, story: Story, project: Project) -> None:
        self.story = story
        self.project = project
        self.log = project.home / "changes"
        self.count = project.home / "ran"
        self._start = project.home / "start"
        self._started_anew: dict[str, str] = {}
        self._set_up()
        self.course = self._undisturbed()

    def _set_up(self) -> None:
        project, story = self.project, self.story
        project.flowfile(story.flow)
        for name, text in story.files.items():
            project.write(name, text)
        if story.change is not None:
            self._run(*BUILD)
            story.change(project)
        shutil.copytree(project.root, self._start, symlinks=True)

    def reset(self) -> None:
        """All as it was before the crash."""
        self._started_anew = {}
        shutil.rmtree(self.project.root)
        shutil.copytree(self._start, self.project.root, symlinks=True)
        self.count.write_text("")
        self.log.write_text("")

    def _undisturbed(self) -> Course:
        self.reset()
        changes = self.tell()
        self.story.mend(self.project)
        files = []
        for command in self.story.again:
            done = self._run(*command)
            assert done.code == 0, done.stderr
            files.append(self.files())
        return Course(changes, files, Counter(self.ran()), self._strays())

    def tell(self) -> list[str]:
        """Run the command of the story to its end; the changes that it makes."""
        self.die_at(0)
        return self.changes()

    def changes(self) -> list[str]:
        return self.log.read_text().splitlines()

    def ran(self) -> list[str]:
        return self.count.read_text().split()

    def files(self) -> Files:
        """All files below the root, but for the state, and what is in them."""
        return {str(path.relative_to(self.project.root)): path.read_text() for path in self._paths()}

    def _paths(self) -> Iterator[Path]:
        for path in sorted(self.project.root.rglob("*")):
            if path.is_file() and path.relative_to(self.project.root).parts[0] != STATE:
                yield path

    def _run(self, *args: str) -> Result:
        return self.project.run(*args, env={"RAN": str(self.count), **self._started_anew})

    def die_at(self, number: int, *, half: bool = False) -> int:
        """Run the command of the story with a crash at this change (0: none); its exit status."""
        root = self.project.root
        environ = {
            "LD_PRELOAD": shim("crash"),
            "CRASH_BELOW": str(root),
            "CRASH_AT": str(number),
            "CRASH_LOG": str(self.log),
            "RAN": str(self.count),
        }
        if half:
            environ["CRASH_HALF"] = "yes"
        done = subprocess.run(
            [COMMAND, *self.story.command],
            cwd=root,
            env=self.project.environ(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return done.returncode

    def state_files(self) -> list[Path]:
        """What a power cut may take from: files of the state folder with something in them."""
        found = sorted((self.project.root / STATE).rglob("*"))
        return [path for path in found if path.is_file() and path.stat().st_size and not path.name.endswith("-shm")]

    # -- afterwards --------------------------------------------------------------------------------------------

    def crash(self, number: int, *, half: bool) -> None:
        """Tell the story with a crash at this change, and check all that is promised."""
        self.reset()
        status = self.die_at(number, half=half)
        where = f"{self.changes()[-1]} ({number}{', half' if half else ''})"
        # Now and then a run makes fewer changes than the one that was counted, and comes to its end.
        assert status == -signal.SIGKILL or len(self.changes()) < number, (where, status)
        self.recover(where)

    def lose_power(self, number: int, which: float, share: float) -> None:
        """Crash at this change, and lose the end of a state file that never reached the disk.

        From 0 to below 1, `which` tells the file and `share` how much of it is left.
        """
        self.reset()
        self.die_at(number)
        if found := self.state_files():
            path = found[int(which * len(found))]
            size = int(share * path.stat().st_size)
            os.truncate(path, size)
            self._start_machine_anew()
            self.recover(f"{path.name} cut to {size} after {number}", only_unfinished=False)

    def _start_machine_anew(self) -> None:
        """What flowmake knew of files of which the latest changes may be lost is worth nothing after that."""
        boot = self.project.home / "boot"
        boot.write_text(str(uuid4()))
        self._started_anew = {"LD_PRELOAD": shim("reboot"), "BOOT_ID": str(boot)}

    def recover(self, where: str, *, only_unfinished: bool = True) -> None:
        """After whatever happened: nothing false is believed, all comes out as undisturbed, and nothing is left."""
        self._believes_nothing_false(where)
        self.story.mend(self.project)
        for command, expected in zip(self.story.again, self.course.files, strict=True):
            done = self._run(*command)
            assert (done.code, self.files()) == (0, expected), (where, done.stderr)
        self._rests(where)
        if only_unfinished:
            self._redid_only_the_last(where)
            assert self._strays() <= self.course.strays, where

    def _redid_only_the_last(self, where: str) -> None:
        """Where one task at a time runs, only the one that was under way may run again, and at once."""
        redone = Counter(self.ran()) - self.course.ran
        assert redone.total() <= self.story.at_once, (where, self.ran())
        if self.story.at_once == 1:
            one_after_another = Counter(name for name, _ in groupby(self.ran()))
            assert all(count == 1 for count in one_after_another.values()), (where, self.ran())

    def _believes_nothing_false(self, where: str) -> None:
        done = self._run("status", "--json")
        assert done.code == 0, (where, done.stderr)
        found: list[dict[str, Any]] = json.loads(done.stdout)["tasks"]
        files = self.files()
        for task in found:
            if task["verdict"] == "fresh" and task["task"] not in self.story.temps:
                belief = _of(task["task"], files), _of(task["task"], self.course.files[-1])
                assert belief[0] == belief[1], (where, task)

    def _rests(self, where: str) -> None:
        """A further run does nothing, and the state folder is as any other."""
        count = len(self.ran())
        done = self._run("run")
        assert (done.code, self.files(), len(self.ran())) == (0, self.course.files[-1], count), (where, done.stderr)
        assert done.stderr.startswith("nothing to do"), (where, done.stderr)
        assert self.project.read(f"{STATE}/.gitignore") == "*\n", where
        assert self.project.read(f"{STATE}/CACHEDIR.TAG").startswith("Signature: "), where

    def _strays(self) -> set[str]:
        """Folders of runs that the history does not know, and so will never remove; an empty one does not count."""
        told = {run["run"] for run in json.loads(self._run("history", "--json", "-n", "0").stdout)["runs"]}
        folders = (self.project.root / STATE / "runs").glob("*")
        return {folder.name for folder in folders if any(path.is_file() for path in folder.rglob("*"))} - told


def _of(task: str, files: Files) -> Files:
    """The outputs of one task."""
    return {name: text for name, text in files.items() if name.partition("/")[0].partition(".")[0] == task}
