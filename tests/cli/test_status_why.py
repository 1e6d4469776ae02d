"""`status` and `why`: whole outputs, in the states a flow passes through."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_status_before_the_first_run(letters: Any) -> None:
    done = letters.run("status")
    assert done.code == 0
    assert done.stdout == (
        "TASK    STATE  LAST RUN  TOOK  WHY\n"
        "upper   stale  -            -  never ran\n"
        "part@1  stale  -            -  never ran\n"
        "part@2  stale  -            -  never ran\n"
        "all     stale  -            -  never ran\n"
    )
    assert done.stderr == "4 tasks: 4 stale\n"


def test_status_after_a_change(built: Any) -> None:
    built.write("in.txt", "abd\n")
    done = built.run("status", "--all")
    assert built.scrub(done.stdout) == (
        "TASK    STATE    LAST RUN             TOOK  WHY\n"
        "upper   stale    TIME  SECONDS  input changed: in.txt (158bbe → 53e090)\n"
        "part@1  waiting  TIME  SECONDS  waiting on upper\n"
        "part@2  waiting  TIME  SECONDS  waiting on upper\n"
        "all     waiting  TIME  SECONDS  waiting on part@1, part@2\n"
        "lint    stale    -                       -  never ran\n"
    )
    assert done.stderr == "5 tasks: 2 stale, 3 waiting\n"


def test_status_check_tells_by_its_exit_code(built: Any) -> None:
    assert built.run("status", "--check").code == 0
    built.write("in.txt", "abd\n")
    assert built.run("status", "--check").code == 3
    assert built.run("status", "--check", "lint").code == 3


def test_a_failure_is_a_state(project: Any) -> None:
    project.flowfile('[tasks.bad]\noutputs = ["x"]\nrun = "exit 7"')
    assert project.run("run", "-q").code == 1
    done = project.run("status")
    assert project.scrub(done.stdout).splitlines()[1] == "bad   failed  TIME  SECONDS  the last run failed"
    assert done.stderr == "1 task: 1 failed\n"


def test_why_follows_what_waits_down_to_the_changed_file(built: Any) -> None:
    built.write("in.txt", "abd\n")
    done = built.run("why", "all.txt")
    assert (done.code, done.stderr) == (0, "")
    assert built.scrub(done.stdout) == (
        "all: waiting\n"
        "  waiting on part@1, part@2\n"
        "part@1, part@2: waiting\n"
        "  waiting on upper\n"
        "upper: stale\n"
        "  input changed: in.txt (158bbe → 53e090)\n"
        "      was 4 B of TIME, is 4 B of TIME\n"
    )


def test_why_tells_of_many_alike_at_once(project: Any) -> None:
    project.flowfile(
        '[tasks.t]\nforeach = { n = { range = [0, 1000] } }\noutputs = ["{{ n }}"]\nrun = "touch {{ n }}"\n'
    )
    done = project.run("why")
    assert done.stdout == "t@0, t@1, t@2 and 997 more: stale\n  never ran\n"


def test_why_shows_what_changed_in_a_command(built: Any) -> None:
    done = built.run("why", "part@1", "--set", "sign=+")
    assert done.stdout == (
        "part@1: stale\n  recipe changed:\n      echo [-+-]{-+-} part 1; head -c 1 upper.txt > part1.txt\n".replace(
            "[-+-]{-+-}", "[---]{+++}"
        )
        + '      shell: ["bash", "-euo", "pipefail", "-c"]\n'
    )


def test_why_in_colour(built: Any) -> None:
    done = built.run("why", "part@1", "--set", "sign=+", env={"FORCE_COLOR": "1"})
    assert done.stdout.splitlines()[:3] == [
        "\x1b[1mpart@1\x1b[0m: \x1b[33m\x1b[1mstale\x1b[0m",
        "  recipe changed:",
        "      echo \x1b[31m\x1b[9m-\x1b[0m\x1b[32m+\x1b[0m part 1; head -c 1 upper.txt > part1.txt",
    ]
    plain = built.run("why", "part@1", "--set", "sign=+", env={"FORCE_COLOR": "1", "NO_COLOR": "1"})
    assert "\x1b" not in plain.stdout


def test_why_a_fresh_task_is_fresh(built: Any) -> None:
    done = built.run("why", "upper")
    assert done.stdout == (
        "upper: fresh, judged by\n"
        "  recipe\n"
        "    tr a-z A-Z < in.txt > upper.txt\n"
        '    shell: ["bash", "-euo", "pipefail", "-c"]\n'
        "  inputs\n"
        "    158bbe  in.txt\n"
        "  outputs\n"
        "    cd9076  upper.txt\n"
    )


def test_why_with_nothing_stale(built: Any) -> None:
    done = built.run("why", "part")
    assert (done.code, done.stdout, done.stderr) == (0, "", "2 tasks fresh\n")


def test_reading_commands_write_nothing(letters: Any) -> None:
    before = sorted(path.name for path in letters.root.iterdir())
    for command in (["status"], ["why"], ["list"], ["show", "all"], ["graph"], ["history"], ["check"], ["run", "-n"]):
        assert letters.run(*command).code == 0
    assert sorted(path.name for path in letters.root.iterdir()) == before


@pytest.mark.parametrize("args", [("status",), ("why", "all"), ("history",), ("list",), ("run", "-n")])
def test_a_damaged_state_file_is_told_by_who_looks(built: Any, args: tuple[str, ...]) -> None:
    built.write(".flowmake/state.db", "not a database")
    done = built.run(*args)
    told = f"the state file `{built.root}/.flowmake/state.db` is damaged (file is not a database); "
    assert (done.code, done.stderr.splitlines()[-1]) == (0, f"warning: {told}everything counts as never run")
    (state,) = (line for line in built.run("doctor").stdout.splitlines() if " state: " in line)
    assert state == f"note     state: {told}everything counts as never run"


def test_a_missing_input_is_a_reason_beside_the_others(built: Any) -> None:
    (built.root / "in.txt").unlink()
    done = built.run("status", "--all")
    assert (done.code, done.stderr) == (0, "5 tasks: 2 stale, 3 waiting\n")
    assert built.scrub(done.stdout).splitlines()[1] == "upper   stale    TIME  SECONDS  input missing: in.txt"
    assert built.run("why", "all").stdout.splitlines()[-2:] == ["upper: stale", "  input missing: in.txt"]
    assert "state      stale: input missing: in.txt; last run" in built.run("show", "upper").stdout
    assert built.run("status", "--check").code == 3
    assert built.run("run").code == 2


def test_a_missing_input_of_a_task_that_never_ran(letters: Any) -> None:
    (letters.root / "in.txt").unlink()
    assert letters.run("why", "upper").stdout == "upper: stale\n  never ran\n  input missing: in.txt\n"


def test_why_tells_of_instances_with_the_same_change_at_once(built: Any) -> None:
    done = built.run("why", "part", "--set", "sign=+")
    assert done.stdout.splitlines()[:3] == [
        "part@1, part@2: stale",
        "  recipe changed:",
        "      echo [---]{+++} part 1; head -c 1 upper.txt > part1.txt",
    ]
    built.write("part1.txt", "edited\n")
    assert "part@1: stale\n" in built.run("why", "part", "--set", "sign=+").stdout


FOLDER = """\
[tasks.pack]
inputs = ["lib/"]
outputs = ["packed"]
run = "ls -R lib > {{ outputs }}"
"""


@pytest.fixture
def packed(project: Any) -> Any:
    project.flowfile(FOLDER)
    for name in ("a.py", "b.py", "sub/c.py"):
        project.write(f"lib/{name}", name)
    assert project.run("run", "-q").code == 0
    return project


def test_why_names_what_changed_in_a_folder(packed: Any) -> None:
    packed.write("lib/sub/c.py", "longer than before")
    packed.write("lib/new.py", "new")
    (packed.root / "lib/a.py").unlink()
    lines = packed.scrub(packed.run("why").stdout).splitlines()
    assert lines[1].startswith("  input changed: lib/ (tree:")
    assert lines[2:] == [
        "      removed: lib/a.py, was 4 B of TIME",
        "      added: lib/new.py, is 3 B of TIME",
        "      changed: lib/sub/c.py (26786a → 9e33ad), was 8 B of TIME, is 18 B of TIME",
    ]


def test_why_still_names_it_where_files_went_before(packed: Any) -> None:
    (packed.root / "lib/a.py").unlink()
    assert packed.run("run", "-q").code == 0
    packed.write("lib/b.py", "B")
    (line,) = packed.scrub(packed.run("why").stdout).splitlines()[2:]
    assert line.startswith("      changed: lib/b.py (")


def test_why_guesses_nothing_about_a_folder(packed: Any) -> None:
    """The files are taken for what they were only if they add up to the digest that was recorded."""
    (packed.root / "lib/empty").mkdir()
    assert packed.run("run", "-q").code == 0
    packed.write("lib/b.py", "B")
    assert len(packed.run("why").stdout.splitlines()) == 2


def test_why_names_many_files_of_a_folder_in_part(packed: Any) -> None:
    for number in range(14):
        packed.write(f"lib/more{number:02}.py", "x")
    lines = packed.run("why").stdout.splitlines()
    assert lines[-2].startswith("      added: lib/more09.py")
    assert lines[-1] == "      and 4 more"


def test_why_as_json_tells_sizes_and_times(packed: Any) -> None:
    packed.write("lib/b.py", "longer")
    (task,) = json.loads(packed.run("why", "--json").stdout)["tasks"]
    (changed,) = task["changed"]
    assert (changed["path"], changed["before"]["size"], changed["now"]["size"]) == ("lib/b.py", 4, 6)
    assert changed["before"]["modified"] < changed["now"]["modified"]
