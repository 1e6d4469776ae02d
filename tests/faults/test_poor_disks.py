"""File systems that tell little: times in steps of two seconds, inode numbers that are all the same or never the same.

They are simulated for flowmake itself, not for its commands.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.preload import shim
from tests.ran import ran

FLOW = """\
[tasks.a]
inputs = ["in"]
outputs = ["a"]
run = "cp in a"
[tasks.b]
inputs = ["a", "folder/"]
outputs = ["b/*.txt"]
run = "for i in $(seq $(wc -w < a)); do cat folder/deep/x > b/$i.txt; done; test ! -e folder/fail"
"""

if sys.platform == "linux":

    @pytest.fixture(params=["same", "any"])
    def poor(project: Any, request: pytest.FixtureRequest) -> Any:
        """A project, and the environment that makes its file system a poor one."""
        project.flowfile(FLOW)
        project.write("in", "1 2")
        project.write("folder/deep/x", "x")
        return project, {"LD_PRELOAD": shim("coarse"), "COARSE_INODES": request.param}

    def test_edits_within_one_step_of_the_clock_are_seen(poor: Any) -> None:
        """Of the same size, in a file, deep in a folder, and in an output."""
        project, env = poor
        assert ran(project, env=env) == ["a", "b"]
        project.write("in", "3 4")
        assert ran(project, env=env) == ["a", "b"]
        project.write("folder/deep/x", "y")
        assert ran(project, env=env) == ["b"]
        project.write("a", "4 3")
        assert ran(project, env=env) == ["a"]
        project.write("b/2.txt", "z")
        assert ran(project, env=env) == ["b"]
        assert ran(project, env=env) == []

    def test_foreign_files_under_an_output_glob_stay_foreign(poor: Any) -> None:
        """Whether an attempt succeeds, is repeated, makes less, fails, or is cleaned away."""
        project, env = poor
        project.write("b/mine.txt", "mine")
        assert ran(project, env=env) == ["a", "b"]
        project.write("in", "1")
        assert ran(project, env=env) == ["a", "b"]
        assert sorted(path.name for path in (project.root / "b").iterdir()) == ["1.txt", "mine.txt"]
        project.write("folder/fail")
        assert ran(project, code=1, env=env) == ["b"]
        assert project.run("clean", env=env).code == 0
        assert [path.name for path in (project.root / "b").iterdir()] == ["mine.txt"]

    def test_loops_of_links_come_to_an_end(poor: Any) -> None:
        project, env = poor
        for name, target in (("folder/self", "."), ("folder/deep/up", ".."), ("folder/deep/self", ".")):
            (project.root / name).symlink_to(target)
        project.flowfile('[tasks.t]\ninputs = ["folder/"]\nrun = "true"\n')
        assert ran(project, env=env) == ["t"]
        assert ran(project, env=env) == []
        project.write("folder/deep/x", "y")
        assert ran(project, env=env) == ["t"]

    def test_a_failed_attempt_deletes_what_it_made_and_nothing_else(poor: Any) -> None:
        project, env = poor
        project.flowfile(
            '[tasks.t]\ninputs = ["in"]\noutputs = ["out/", "new", "old"]\nrun = "echo > out/x; echo > new; exit 1"\n'
        )
        project.write("out/mine", "mine")
        project.write("old", "old")
        assert ran(project, code=1, env=env) == ["t"]
        assert (project.exists("out/x"), project.exists("new")) == (False, False)
        assert (project.read("out/mine"), project.read("old")) == ("mine", "old")
