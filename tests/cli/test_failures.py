"""What becomes of exceptions: words on stderr and an exit code, never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowmake.cli import failures
from flowmake.core.errors import FlowmakeError, LockBusy, MissingTool, StateError, UsageError

COMMAND = Path(sys.executable).with_name("flowmake")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("no such thing", "try another"), 2, "error: no such thing\nhint: try another\n"),
        (MissingTool("no `dot`"), 2, "error: no `dot`\n"),
        (StateError("disk full"), 4, "error: disk full\n"),
        (FlowmakeError("something"), 4, "error: something\n"),
        (LockBusy("another flowmake is at work"), 75, "error: another flowmake is at work\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_know_their_exit_codes(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, text: str
) -> None:
    assert failures.explain(error, None) == code
    assert capsys.readouterr() == ("", text)


def test_a_crash_is_one_line_and_a_report(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["flowmake", "run", "x"])
    with pytest.raises(ValueError, match="impossible") as caught:
        raise ValueError("impossible")
    assert failures.explain(caught.value, None) == 4
    (report,) = tmp_path.iterdir()
    assert capsys.readouterr().err == (
        f"error: internal error: ValueError: impossible\nhint: please report it with the file `{report}`\n"
    )
    text = report.read_text()
    assert re.match(r"flowmake \S+, Python \S+, \S+\narguments: \['run', 'x'\]\nfolder: ", text)
    assert text.endswith("ValueError: impossible\n")
    assert "Traceback (most recent call last):" in text


def test_a_crash_without_room_for_a_report(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    assert failures.explain(ValueError("impossible"), None) == 4
    err = capsys.readouterr().err
    assert err.startswith("ValueError: impossible\nerror: internal error: ValueError: impossible (no crash report: ")


def test_a_reader_that_goes_away_is_no_error(built: Any) -> None:
    """The schema is larger than a pipe holds, so the writer meets the closed end."""
    done = subprocess.run(
        ["bash", "-c", "for i in 1 2 3 4; do flowmake schema; done | head -n 1; echo ${PIPESTATUS[0]}"],
        cwd=built.root,
        env=built.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "{\n141\n"
    assert done.stderr == ""


def test_windows_is_pointed_to_wsl() -> None:
    program = "import sys; sys.platform = 'win32'; from flowmake.__main__ import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: flowmake does not run on Windows itself\n"
        "hint: it runs in WSL (the Windows Subsystem for Linux): `wsl --install`, "
        "then `pip install flowmake` inside it\n"
    )


def test_the_module_is_the_command(project: Any) -> None:
    done = subprocess.run([sys.executable, "-m", "flowmake", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == project.run("--version").stdout


@pytest.mark.parametrize("args", [("status",), ("list",), ("--help",), ("schema",), ("log",)])
def test_a_full_disk_behind_stdout(built: Any, args: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [COMMAND, *args], cwd=built.root, env=built.environ(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (4, b"error: No space left on device\n")


def test_names_that_no_encoding_can_carry(project: Any) -> None:
    """File names are bytes: each command shows what it can of them, and none fails."""
    project.flowfile('[tasks.copy]\ninputs = ["in/*"]\noutputs = ["out"]\nrun = "cat {{ inputs }} > out"\n')
    folder = os.fsencode(project.root) + b"/in"
    os.mkdir(folder)
    with open(folder + b"/caf\xe9", "wb") as file:
        file.write(b"coffee")
    assert project.run("run", "-q") == (0, "", "")
    for args in (["status"], ["why"], ["show", "copy"], ["graph", "--files"], ["lineage", "out"], ["accept", "copy"]):
        done = project.run(*args)
        assert done.code == 0, done.stderr
    for args in (["status"], ["why"], ["show", "copy"], ["lineage", "out"]):
        document = json.loads(project.run(*args, "--json").stdout)
        assert document["v"] == 1
    assert "in/caf\\udce9" in project.run("why", "--json").stdout
