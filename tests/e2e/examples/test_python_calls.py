"""Functions as tasks: many small calls, what an exception looks like, and the same flow from Python."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

ORIGINS = ("USA", "Europe", "Japan")
CARS = {f"cars@{origin}" for origin in ORIGINS}
FITS = {f"resample@{origin},{seed}" for origin in ORIGINS for seed in range(20)}


@pytest.fixture
def fuel(example: Callable[[str], Any]) -> Any:
    """The example after its first run."""
    found = example("python-calls")
    assert found.run() == dict.fromkeys({*CARS, *FITS, "table"}, "succeeded")
    return found


def slopes(found: Any) -> list[tuple[str, int, int]]:
    rows = list(csv.DictReader(found.project.read("slopes.csv").splitlines()))
    return [(row["origin"], int(row["fits"]), round(float(row["mpg_per_ton"]))) for row in rows]


def test_sixty_calls_and_a_table(fuel: Any) -> None:
    assert slopes(fuel) == [("Europe", 6000, -16), ("Japan", 6000, -24), ("USA", 6000, -15)]
    assert fuel.project.read("slopes.csv").startswith("origin,fits,mpg_per_ton,low,high\n")
    assert fuel.project.run("log", "cars@USA").stdout.endswith("249 cars from USA\n")
    assert fuel.run() == {}
    assert not list(fuel.root.rglob("__pycache__"))


def test_a_parameter_reaches_the_calls_as_a_number(fuel: Any) -> None:
    assert set(fuel.run("--set", "draws=10")) == {*FITS, "table"}
    assert [fits for _, fits, _ in slopes(fuel)] == [200, 200, 200]


def test_the_module_of_a_function_counts(fuel: Any) -> None:
    fuel.edit("fuel/fit.py", "[0.025, 0.975]", "[0.05, 0.95]")
    assert set(fuel.run()) == {*FITS, "table"}, "both are in the same file"
    fuel.edit("fuel/data.py", '"""Where the cars come from."""', '"""Where the data come from."""')
    assert set(fuel.run()) == CARS, "they come out the same"


def test_an_exception_is_shown_from_the_users_first_line_on(fuel: Any) -> None:
    done = fuel.project.run("run", "-q", "--set", "draws=0", "resample@USA,3")
    assert done.code == 1
    shown = """\
    Traceback (most recent call last):
      File "ROOT/fuel/fit.py", line 13, in resample
        raise ValueError(f"draws must be 1 or more, not {draws}")
    ValueError: draws must be 1 or more, not 0
"""
    assert shown in fuel.project.scrub(done.stderr)
    assert "worker.py" not in done.stderr
    assert fuel.run() == {"resample@USA,3": "succeeded"}, "as it was, so nothing comes of it"


def test_the_notebook_runs(example: Callable[[str], Any]) -> None:
    fuel = example("python-calls")
    before, after = (cells(fuel) for _ in range(2))
    shared = """\
origin  fits  mpg_per_ton    low   high
Europe  2000       -16.01 -21.61 -10.32
 Japan  2000       -23.89 -30.77 -17.24
   USA  2000       -15.04 -16.31 -13.74
table is fresh: True
with more draws: recipe changed: args: {"cars": "build/Japan.npy", "draws": [-100-]{+200+}, \
"output": "build/fits/Japan-0.npy", "seed": 0}
table waits for 60 calls of fuel.fit:resample
"""
    assert before == "before: Counter({'Stale': 64})\nrun: succeeded {'succeeded': 64}\nran: 64\n" + shared
    assert after == "before: Counter({'Fresh': 64})\nrun: nothing_to_do {'fresh': 64}\nran: 0\n" + shared


def cells(found: Any) -> str:
    """What the notebook prints, run from another folder."""
    command = [sys.executable, str(found.root / "pipeline_in_notebook.py")]
    done = subprocess.run(
        command, cwd=found.project.home, env=found.project.environ(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
