"""No room where a node stages what it makes. To mount such a place, these tests need root."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dasks import Dask
from tests.disks import fill
from tests.mounts import command, mounted_memory
from tests.ran import ran
from tests.slurm import Cluster

FLOW = """
[defaults]
executor = "far"
[tasks.small]
outputs = ["out/small"]
run = "echo small > {{ outputs }}"
[tasks.big]
inputs = ["out/small"]
outputs = ["out/big", "out/more/"]
run = "seq 100000 > {{ outputs[1] }}x; cp {{ outputs[1] }}x {{ outputs[0] }}"
[tasks.after]
inputs = ["out/big"]
outputs = ["after"]
run = "wc -l < out/big > {{ outputs }}"
"""

pytestmark = pytest.mark.root

if sys.platform == "linux":

    @pytest.fixture(params=["dask", "slurm"])
    def far(project: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
        """A project whose tasks run elsewhere, with the environment to run it in; `out` lies on a disk of 1 MiB."""
        if request.param == "dask":
            dask: Dask = request.getfixturevalue("dask")
            env = {}
            table = f'[executors.far]\nkind = "dask"\naddress = "{dask.address}"\n'
        else:
            cluster: Cluster = request.getfixturevalue("cluster")
            env = cluster.env
            table = '[executors.far]\nkind = "slurm"\nlatency_wait = 3\n'
        project.flowfile(table + FLOW)
        (project.root / "out").mkdir()
        with mounted_memory(project.root / "out", "1m"):
            yield project, env

    def test_the_task_fails_and_nothing_false_is_believed(far: Any) -> None:
        project, env = far
        done = project.run("run", "-k", env=env)
        assert (done.code, "No space left on device" in done.stderr) == (1, True), done.stderr
        assert "internal error" not in done.stderr
        assert names(project.root / "out") == ["small"]
        assert project.run("status", "--check", env=env).code == 3
        command("mount", "mount", "-o", "remount,size=8m", project.root / "out")
        assert ran(project, env=env) == ["after", "big"]
        assert project.read("after") == "100000\n"
        assert ran(project, env=env) == []
        assert names(project.root / "out") == ["big", "more", "small"]

    def test_not_even_room_for_a_folder(far: Any) -> None:
        """What makes the folders of a task is flowmake."""
        project, env = far
        fill(project.root / "out/ballast", errno.ENOSPC)
        done = project.run("run", "-k", env=env)
        assert done.code in (1, 4), done.stderr
        assert "No space left on device" in done.stderr
        assert "internal error" not in done.stderr
        command("mount", "mount", "-o", "remount,size=8m", project.root / "out")
        assert ran(project, env=env) == ["after", "big", "small"]
        assert names(project.root / "out") == ["ballast", "big", "more", "small"]

    def names(folder: Path) -> list[str]:
        return sorted(path.name for path in folder.iterdir())
