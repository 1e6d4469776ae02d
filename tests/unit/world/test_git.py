"""The commit that a run notes down, asked of the real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from flowmake.world.git import commit_at


def git(folder: Path, *args: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


def test_the_commit_that_is_checked_out(checkout: Path) -> None:
    git(checkout, "commit", "-q", "--allow-empty", "-m", "one")
    inside = checkout / "a" / "b"
    inside.mkdir(parents=True)
    commit = git(checkout, "rev-parse", "HEAD")
    assert len(commit) == 40
    assert commit_at(str(checkout)) == commit_at(str(inside)) == commit


def test_a_checkout_without_any_commit(checkout: Path) -> None:
    assert commit_at(str(checkout)) == ""


def test_no_checkout(tmp_path: Path) -> None:
    assert commit_at(str(tmp_path)) == ""


def test_no_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(checkout, "commit", "-q", "--allow-empty", "-m", "one")
    monkeypatch.setenv("PATH", str(checkout))
    before = len(os.listdir("/proc/self/fd"))
    assert commit_at(str(checkout)) == ""
    assert len(os.listdir("/proc/self/fd")) == before
