"""The disk is full at any moment: each command is told again and again, with a little more room from time to time.

Where the room ends is told in a sentence, nothing false is believed, and with room again a plain run finishes the work.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.crashing import Stand, Story
from tests.disks import SmallDisk, small_disk
from tests.faults.test_crash_points import CHAIN, STORIES

SIZE = "4m"
MOST = 200
"""Pages with which every story comes to its end."""
FULL = ("the disk is full", "No space left on device")


class Squeezed(Stand):
    """A story whose command finds little room, instead of dying."""

    def __init__(self, story: Story, disk: SmallDisk) -> None:
        self.disk = disk
        self.last = Result(0, "", "")
        super().__init__(story, disk.project)

    def tell(self) -> list[str]:
        self.last = self._run(*self.story.command)
        return []

    def reset(self) -> None:
        self.disk.clear()
        super().reset()

    def squeeze(self, pages: int) -> bool:
        """Whether the command came to its end with so many pages; checks all that is promised."""
        self.reset()
        self.disk.leave(pages)
        self.tell()
        self.disk.clear()
        code, stderr = self.last.code, self.last.stderr
        where = f"{pages} pages left: {code}\n{stderr}"
        assert "internal error" not in stderr, where
        assert "Traceback" not in stderr, where
        assert code in (0, 1, 4), where
        assert code != 4 or any(words in stderr for words in FULL), where
        self.recover(where)
        return code == 0 and not any(words in stderr for words in FULL)


CHOSEN = ("from nothing", "a change", "atomic, again", "temporary, again", "history", "clean", "accept", "orphans")

if sys.platform == "linux":
    Stands = Callable[[str], Squeezed]

    @pytest.fixture(scope="module")
    def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stands]:
        with ExitStack() as stack:

            @functools.cache
            def stand(name: str) -> Squeezed:
                disk = stack.enter_context(small_disk(tmp_path_factory.mktemp("full"), SIZE))
                return Squeezed(STORIES[name], disk)

            yield stand

    @pytest.mark.parametrize("name", CHOSEN)
    @pytest.mark.parametrize("pages", [0, 2])
    def test_no_room_or_little(stand: Stands, name: str, pages: int) -> None:
        stand(name).squeeze(pages)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", CHOSEN)
    def test_a_page_more_each_time_until_there_is_room(stand: Stands, name: str) -> None:
        assert any(stand(name).squeeze(pages) for pages in range(MOST))

    @pytest.mark.parametrize(
        "words",
        [
            ("report", "-o", "made"),
            ("report", "--format", "trace", "-o", "made"),
            ("graph", "--format", "json", "-o", "made"),
            ("graph", "-o", "made.dot"),
        ],
    )
    def test_what_is_written_on_request_is_whole_or_told(tmp_path: Path, words: tuple[str, ...]) -> None:
        """What was there before stays."""
        with small_disk(tmp_path, SIZE) as disk:
            project = disk.project
            project.flowfile(CHAIN)
            project.write("in", "1")
            assert project.run("run", "-q", env={"RAN": "/dev/null"}).code == 0
            project.write(words[-1], "before")
            disk.leave(0)
            done = project.run(*words)
            assert done.code == 4, done
            assert "No space left on device" in done.stderr
            assert "internal error" not in done.stderr
            assert project.read(words[-1]) == "before"
            disk.clear()
            assert project.run(*words).code == 0
            assert project.read(words[-1]) != "before"
