"""What tasks print: floods, bytes that are no text, control codes. Memory and disk stay bounded, terminals unharmed."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MEBI = 1 << 20
NASTY = (
    b"caf\xe9 \xff\xfe \x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\x1b[999A back\x08 "
    b"bell\x07 nul\x00 csi\xc2\x9b1m end\n"
)


def log_of(project: Any, task: str) -> Path:
    (found,) = (project.root / ".flowmake/runs").glob(f"*/logs/{task}.log")
    return Path(found)


def run_measured(project: Any, *args: str) -> tuple[int, int]:
    """Exit code, and the most memory in bytes that the process itself had (not its children)."""
    program = (
        "import os, sys, subprocess; sys.argv[0] = 'flowmake'\n"
        "from flowmake.__main__ import main\n"
        "code = main()\n"
        "status = open('/proc/self/status').read()\n"
        "print(status.partition('VmHWM:')[2].split()[0], code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        cwd=project.root,
        env=project.environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    peak, code = done.stdout.splitlines()[-1].split()
    return int(code), int(peak) * 1024


if sys.platform == "linux":

    @pytest.mark.parametrize(("size", "limit"), [(300, "1M"), pytest.param(5000, "16M", marks=pytest.mark.slow)])
    def test_a_flood_is_kept_within_bounds(project: Any, size: int, limit: str) -> None:
        project.flowfile(
            f"""
            [flow]
            log_limit = "{limit}"
            [tasks.flood]
            run = "echo the first line; head -c {size}M /dev/zero | tr '\\\\0' x; echo; echo the last line; false"
            """
        )
        code, peak = run_measured(project, "run", "-q")
        assert code == 1
        quiet = project.root.parent / "quiet"
        quiet.mkdir()
        (quiet / "Flowfile").write_text('[tasks.a]\nrun = "false"\n')
        _, usual = run_measured(type(project)(quiet, project.home), "run", "-q")
        assert peak < usual + 40 * MEBI
        data = log_of(project, "flood").read_bytes()
        assert len(data) <= int(limit[:-1]) * MEBI + 64 * 1024
        assert data.startswith(b"the first line\nxxx")
        assert data.endswith(b"x\nthe last line\n")
        assert b"\0" not in data
        assert b" left out here; `log_limit` is " in data

    def test_the_end_of_a_flood_is_told(project: Any) -> None:
        project.flowfile('[flow]\nlog_limit = "64K"\n[tasks.flood]\nrun = "seq 2000000; echo it broke; false"\n')
        done = project.run("run")
        assert done.code == 1
        assert "2000000\n    it broke\n" in done.stderr.replace("      ", "    ").replace("     ", "    ")

    def test_a_flood_that_is_still_running_takes_no_more_room(project: Any) -> None:
        project.flowfile(
            '[flow]\nlog_limit = "1M"\n'
            "[tasks.flood]\nrun = \"head -c 50M /dev/zero | tr '\\\\0' x; echo; echo flooded; read x < gate\"\n"
        )
        with project.gate() as gate, project.start("run") as running:
            assert b"started" in running.stderr.readline()
            log = log_of(project, "flood")
            while log.stat().st_size < 50 * MEBI or log.stat().st_blocks * 512 > 2 * MEBI:
                assert running.poll() is None
            shown = project.run("log", "flood").stdout
            assert len(shown) < 2 * MEBI
            assert "left out here]" in shown
            assert shown.endswith("x\nflooded\n")
            gate.write(b"go\n")
            running.communicate()
        assert running.returncode == 0
        assert log.stat().st_size < 2 * MEBI


@pytest.mark.parametrize("limit", ['"1K"', "-1", '"lots"', "0", "true"])
def test_a_limit_that_makes_no_sense(project: Any, limit: str) -> None:
    project.flowfile(f'[flow]\nlog_limit = {limit}\n[tasks.a]\nrun = "true"\n')
    done = project.run("run")
    assert done.code == 2
    assert "log_limit" in done.stderr


def test_what_no_terminal_reads_is_passed_on_as_it_is(project: Any) -> None:
    project.write("nasty", NASTY)
    project.flowfile('[tasks.a]\nrun = "cat nasty"\n')
    assert project.run("run", "-q").code == 0
    done = subprocess.run(
        ["flowmake", "log", "a"], cwd=project.root, env=project.environ(), capture_output=True, check=True
    )
    assert done.stdout == NASTY
    assert log_of(project, "a").read_bytes() == NASTY


def test_a_terminal_gets_no_control_codes_of_a_command(project: Any) -> None:
    project.write("nasty", NASTY)
    project.flowfile('[tasks.a]\nrun = "cat nasty; false"\n')
    for args in (
        ("run", "--progress", "plain"),
        ("run", "-v"),
        ("run",),
        ("log", "a"),
        ("why",),
        ("status",),
        ("history",),
    ):
        shown = project.run_on_terminal(*args, env={"NO_COLOR": "1"}).stdout
        for bad in ("\x1b]0;", "\x1b[2J", "\x1b[999A", "\x08", "\x07", "\x00", "\x9b", "\x1b[31m"):
            assert bad not in shown, (args, bad)
    assert "caf\ufffd" in project.run_on_terminal("log", "a").stdout
    done = project.run("run")
    assert done.code == 1
    assert "\x1b" not in done.stderr
    assert "caf\ufffd" in done.stderr


def test_lines_without_end_and_lines_redrawn(project: Any) -> None:
    program = "import sys; sys.stdout.write('x' * 200000 + chr(13) + 'half'); sys.exit(3)"
    project.flowfile(f'[tasks.a]\nexec = ["python", "-c", "{program}"]\n')
    done = project.run("run")
    assert done.code == 1
    assert "half" in done.stderr
    assert len(done.stderr) < 30_000
    shown = project.run_on_terminal("log", "a").stdout
    assert shown.endswith("half")


def test_names_of_tasks_that_hold_control_codes_are_spelt_out(project: Any) -> None:
    project.write("list.json", '["a\\u001b[31m", "b\\nc", "d\\u202ee"]')
    project.flowfile('[tasks.a]\nforeach = { v = { json = "list.json" } }\nrun = "false"\ndescription = "of {{ v }}"\n')
    for args in (("run", "-k"), ("status",), ("list",), ("show", "a"), ("why",), ("history",), ("graph",)):
        done = project.run(*args)
        for text in (done.stdout, done.stderr):
            assert "\x1b" not in text, args
            assert "\u202e" not in text, args


def test_reading_stdin_finds_nothing(project: Any) -> None:
    project.flowfile('[tasks.a]\noutputs = ["o"]\nrun = "cat > o"\n')
    assert project.run("run", "-q", stdin="typed\n").code == 0
    assert project.read("o") == ""


def test_an_include_program_that_prints_no_text(project: Any) -> None:
    project.flowfile(
        '[flow]\ninclude = [{ exec = ["printf", "\\\\377\\\\033[31m"], inputs = [] }]\n[tasks.a]\nrun = "true"\n'
    )
    done = project.run("run")
    assert done.code == 2
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_limit_of_file_sizes_is_not_touched(project: Any) -> None:
    """A limit on the size of files would kill the command instead of shortening its log."""
    project.flowfile(
        '[flow]\nlog_limit = "64K"\n[tasks.a]\noutputs = ["big"]\nrun = "ulimit -f; head -c 1M /dev/zero > big"\n'
    )
    assert project.run("run", "-q").code == 0
    assert project.run("log", "a").stdout.strip() == "unlimited"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_what_a_task_with_the_console_prints_is_no_event(project: Any) -> None:
    """Where events are asked for on stdout, it prints to stderr, as do hooks and what they start."""
    project.flowfile(
        '[hooks]\non_success = "echo hook"\n'
        "[tasks.t]\nconsole = true\nrun = \"echo printed; echo '{}' >&1; echo complaint >&2\"\n"
    )
    done = project.run("run", "--events", "-")
    assert done.code == 0
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()][-1] == "run_finished"
    assert all(f"{said}\n" in done.stderr for said in ("printed", "{}", "complaint", "hook"))
