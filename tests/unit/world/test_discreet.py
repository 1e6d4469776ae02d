"""What is passed on of what a program prints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowmake.world.discreet import run_discreetly


def run(folder: Path, script: str, *secrets: bytes) -> int:
    return run_discreetly(["sh", "-c", script], str(folder), os.environ, b"given\n", secrets)


@pytest.mark.parametrize("secrets", [(), (b"sesame", b"other")])
def test_a_program_runs_as_it_would_by_itself(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], secrets: tuple[bytes, ...]
) -> None:
    assert run(tmp_path, "cat; pwd; exit 3", *secrets) == 3
    assert run(tmp_path, "kill -9 $$", *secrets) == -9
    assert capfd.readouterr() == ("", f"given\n{tmp_path}\n")


def test_secrets_become_stars_on_both_streams(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "printf 'open-ses'; printf 'ame\\n'; echo sesame >&2; echo open", b"sesame")
    assert capfd.readouterr() == ("", "open-******\n******\nopen\n")


def test_much_output_is_passed_on_whole(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run(tmp_path, "seq 200000; echo sesame", b"sesame")
    said = capfdbinary.readouterr().err
    assert said == b"".join(b"%d\n" % n for n in range(1, 200_001)) + b"******\n"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_discreetly(["/none/at/all"], str(tmp_path), os.environ, b"", [b"sesame"])
