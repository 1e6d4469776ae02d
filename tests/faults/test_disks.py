"""Real disks that are full or read-only: small file systems mounted in a mount namespace of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COMMAND

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


def in_small_disk(folder: Path, script: str) -> list[str]:
    """What a Python script prints, line by line, that runs with `folder` on a file system of 1 MiB.

    In the script, `folder` is that folder and `read_only()` makes the file system so.
    """
    prelude = f"""
        import os, subprocess
        from flowmake.core.errors import FlowmakeError
        folder = {str(folder)!r}
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
        def read_only():
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    """
    code = textwrap.dedent(prelude) + textwrap.dedent(script)
    done = subprocess.run([*UNSHARE, sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"this test needs unprivileged mount namespaces (Linux):\n{done.stderr}"
    return done.stdout.splitlines()


if sys.platform == "linux":

    def test_a_full_disk_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
        said = in_small_disk(
            tmp_path,
            """
            from flowmake.core.model import Trace
            from flowmake.world.store import SqliteStore

            def trace(number):
                return Trace(f"t{number}", "x" * 1000, {}, {}, {}, 1.0, 1.0, "r1")

            store = SqliteStore(folder + "/state.db")
            number = 0
            try:
                while True:
                    store.accept(trace(number))
                    store.flush()
                    number += 1
            except FlowmakeError as error:
                print(type(error).__name__, error.message, error.exit_code)
            found = SqliteStore(folder + "/state.db", read_only=True).traces()
            print(number > 10, len(found) == number, all(found[f"t{n}"] == trace(n) for n in range(number)))
            subprocess.run(["mount", "-o", "remount,size=20m", folder], check=True)
            store.close()
            print(len(SqliteStore(folder + "/state.db", read_only=True).traces()) == number + 1, store.notices)
            """,
        )
        problem = f"StateError cannot use the state file `{tmp_path}/state.journal`: the disk is full 4"
        assert said == [problem, "True True True", "True []"]

    def test_no_room_for_what_a_journal_is_folded_into(tmp_path: Path) -> None:
        """The journal itself has found room, and speaks for all of it until the next writer can do better."""
        said = in_small_disk(
            tmp_path,
            """
            from flowmake.core.model import Attempt
            from flowmake.world.store import FOLDED_AT, SqliteStore

            store = SqliteStore(folder + "/state.db")
            subprocess.run(["mount", "-o", "remount,size=900k", folder], check=True)
            number = 0
            try:
                while number <= FOLDED_AT:
                    store.begin_task(Attempt(f"t{number}", "running", "r1", 1.0))
                    number += 1
                    if number % 100 == 0:
                        store.flush()
            except FlowmakeError as error:
                print(number, error.message, error.exit_code)
            found = SqliteStore(folder + "/state.db", read_only=True).attempts()
            print(len(found), os.path.exists(folder + "/state.journal"))
            subprocess.run(["mount", "-o", "remount,size=20m", folder], check=True)
            store = SqliteStore(folder + "/state.db")
            print(len(store.attempts()), store.notices, os.path.exists(folder + "/state.journal"))
            store.close()
            found = SqliteStore(folder + "/state.db", read_only=True).attempts()
            print(set(found) == {f"t{n}" for n in range(number)})
            """,
        )
        assert said == [
            f"10000 cannot use the state file `{tmp_path}/state.db`: the disk is full 4",
            "10000 True",
            "10000 [] False",
            "True",
        ]

    def test_a_disk_full_from_the_start(tmp_path: Path) -> None:
        said = in_small_disk(
            tmp_path,
            """
            from flowmake.world.state import StateDir
            from flowmake.world.store import SqliteStore
            from flowmake.world.lock import acquire

            state = StateDir(folder + "/state")
            state.create()
            with open(folder + "/big", "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(512))
                except OSError as error:
                    print(error.strerror)
            for attempt in (lambda: SqliteStore(state.database), lambda: acquire(state.lock, "fail")):
                try:
                    attempt()
                except FlowmakeError as error:
                    print(error.message)
            """,
        )
        assert said == [
            "No space left on device",
            f"cannot use the state file `{tmp_path}/state/state.db`: the disk is full",
            f"cannot write `{tmp_path}/state/lock.holder`: No space left on device",
        ]

    def test_state_on_a_read_only_disk_can_be_read_even_after_a_crash(tmp_path: Path) -> None:
        said = in_small_disk(
            tmp_path,
            """
            from flowmake.core.model import Trace
            from flowmake.world.state import StateDir
            from flowmake.world.store import SqliteStore

            state = StateDir(folder + "/state")
            state.create()
            for name in ("closed", "killed"):
                if (child := os.fork()) == 0:
                    store = SqliteStore(f"{folder}/{name}.db")
                    store.accept(Trace(name, "", {}, {}, {}, 1.0, 1.0, "r1"))
                    store.flush()
                    if name == "closed":
                        store.close()
                    os._exit(0)
                os.waitpid(child, 0)
            for suffix in (".db", ".db-wal", ".journal"):
                with open(folder + "/killed" + suffix, "rb") as one, open(folder + "/bare" + suffix, "wb") as two:
                    two.write(one.read())
            read_only()
            for name in ("closed", "killed", "bare", "none"):
                print(list(SqliteStore(f"{folder}/{name}.db", read_only=True).traces()))
            tries = [
                lambda: SqliteStore(folder + "/closed.db"),
                lambda: SqliteStore(folder + "/new.db"),
                lambda: state.create_run("r1"),
                StateDir(folder + "/other").create,
            ]
            for attempt in tries:
                try:
                    attempt()
                except FlowmakeError as error:
                    print(error.message)
            """,
        )
        assert said == [
            "['closed']",
            "['killed']",
            "['killed']",
            "[]",
            f"cannot use the state file `{tmp_path}/closed.db`: it cannot be opened (Read-only file system)",
            f"cannot use the state file `{tmp_path}/new.db`: it cannot be created",
            f"cannot make `{tmp_path}/state/runs/r1`: Read-only file system",
            f"cannot write to the state folder `{tmp_path}/other`: Read-only file system",
        ]


@pytest.mark.parametrize("files", [6, 9, 12, 16, 24, 32, 40, 48])
def test_too_many_open_files(project: Any, files: int) -> None:
    """Wherever the limit strikes, it is told in words, nothing false is believed, and nothing is in the way later."""
    project.flowfile(
        '[tasks.t]\nforeach = { n = { range = [1, 31] } }\noutputs = ["o{{ n }}"]\nrun = "echo {{ n }} > o{{ n }}"\n'
    )
    limited = ["sh", "-c", f'ulimit -n {files}; exec "$0" "$@"', COMMAND, "run", "-q", "-k", "-j30"]
    done = subprocess.run(limited, cwd=project.root, env=project.environ(), capture_output=True, text=True, check=False)
    assert done.returncode in ({0, 1, 4} if files > 24 else {1, 4})
    assert ("Too many open files" in done.stderr or "it cannot be opened" in done.stderr) == (done.returncode != 0)
    assert "internal error" not in done.stderr
    fresh = [
        task["task"]
        for task in json.loads(project.run("status", "--json").stdout)["tasks"]
        if task["verdict"] == "fresh"
    ]
    assert all(project.exists("o" + name.partition("@")[2]) for name in fresh)
    assert project.run("run", "-q").code == 0
    assert all(project.read(f"o{n}") == f"{n}\n" for n in range(1, 31))
