"""Real file systems, one over a network protocol among them: what an edit makes stale, and that a lock locks.

To mount them, these tests need root.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.disks import fill
from tests.edits import EDITS, EVERYTHING, FILES
from tests.mounts import command, mounted
from tests.ran import ran

KINDS = ("ext4", "xfs", "btrfs", "overlay", "sshfs")
IN_A_ROW = (
    "same size, same time",
    "content",
    "replaced by renaming",
    "executable",
    "output deleted",
    "output edited unseen",
    "new folder below **",
    "edited in a tree",
    "new folder in a tree",
    "target of a link",
    "link to another target",
    "discovered header",
    "dotenv created",
)
PUT_BACK = {"same size, same time", "output edited unseen", "edited in a tree", "target of a link", "discovered header"}
"""Edits after which size and modification time are as before: not to be seen where no other time is kept."""

pytestmark = pytest.mark.root

if sys.platform == "linux":

    @pytest.fixture
    def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
        with mounted(request.param, tmp_path) as place:
            root, home = place / "root", tmp_path / "home"
            root.mkdir()
            home.mkdir()
            yield Project(root, home)

    @pytest.mark.parametrize("project", KINDS, indirect=True)
    def test_edits_are_seen(project: Project, request: pytest.FixtureRequest) -> None:
        for name, text in FILES.items():
            project.write(name, text)
        (project.root / "link").symlink_to("target")
        project.flowfile(EVERYTHING)
        assert project.run("run", "-q").code == 0
        assert ran(project) in ([], ["traced"])  # again where its header seems to be as young as its start
        unseen = PUT_BACK if request.node.callspec.params["project"] == "sshfs" else set()
        for name in IN_A_ROW:
            if name not in unseen:
                edit, tasks = EDITS[name]
                edit(project.root)
                assert ran(project) == tasks, name
                assert ran(project) == [], name
        assert project.run("clean").code == 0
        assert not project.exists("out/copy")
        assert ran(project) == ["all", "copy", "each@one", "join", "made", "pack", "traced"]

    @pytest.mark.parametrize("project", KINDS, indirect=True)
    def test_many_at_once_do_it_once(project: Project) -> None:
        project.flowfile(
            '[tasks.t]\noutputs = ["out"]\natomic = true\nrun = "echo ran >> $RAN; echo > {{ outputs }}"\n'
        )
        count = project.home / "ran"
        with ExitStack() as stack:
            runs = [stack.enter_context(project.start("run", env={"RAN": str(count)})) for _ in range(6)]
            assert {run.wait() for run in runs} <= {0, 75}
        assert count.read_text() == "ran\n"
        assert ran(project) == []

    @contextmanager
    def share_of_a_disk(folder: Path) -> Iterator[Project]:
        """A subvolume of btrfs with a quota, which holds for root, too."""
        with mounted("btrfs", folder) as place:
            command("btrfs-progs", "btrfs", "quota", "enable", place)
            command("btrfs-progs", "btrfs", "subvolume", "create", place / "share")
            command("btrfs-progs", "btrfs", "qgroup", "limit", "1M", place / "share")
            (folder / "home").mkdir()
            yield Project(place / "share", folder / "home")

    def test_a_quota_is_told_like_a_full_disk(tmp_path: Path) -> None:
        with share_of_a_disk(tmp_path) as project:
            project.flowfile('[tasks.t]\ninputs = ["in"]\noutputs = ["out"]\nrun = "cp in out"\n')
            project.write("in", "1")
            assert ran(project) == ["t"]
            project.write("in", "2")
            fill(project.root / "ballast", errno.EDQUOT)
            done = project.run("run")
            assert (done.code, "internal error" in done.stderr) == (4, False)
            assert "Disk quota exceeded" in done.stderr or "the disk is full" in done.stderr
            (project.root / "ballast").unlink()
            assert ran(project) == ["t"]
            assert project.read("out") == "2"

    def test_a_task_that_meets_a_quota_fails_and_gives_the_room_back(tmp_path: Path) -> None:
        with share_of_a_disk(tmp_path) as project:
            project.flowfile('[tasks.t]\noutputs = ["big"]\nrun = "cat /dev/zero > big"\n')
            done = project.run("run")  # where there may be no room for the log to tell why
            assert (done.code, "failed: `t`" in done.stderr, "internal error" in done.stderr) == (1, True, False)
            assert not project.exists("big")
            assert project.run("status", "--check").code == 3
            project.flowfile('[tasks.t]\noutputs = ["big"]\nrun = "echo small > big"\n')
            assert ran(project) == ["t"]
