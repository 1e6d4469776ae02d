"""The page, and what the README tells of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bench
import figures
import pytest
import report

REPOSITORY = Path(__file__).resolve().parents[3]
RESULTS = REPOSITORY / "docs" / "benchmarks" / "results.json"
README = f"# x\n\n{report.BEGIN}\nold\n{report.END}\n\nmore\n"


def _run(tool: str, wall: float, tasks: int, scenario: str = "no-op") -> dict[str, Any]:
    told = {"cpu": wall, "memory": 30.0, "floor": 10.0, "right": True}
    return {"tool": tool, "scenario": scenario, "tasks": tasks, "wall": wall, **told}


TRIAL = {"trial": "hash", "unit": "GiB", "amount": 2.0, "cpu": 1.0, "memory": 30.0, "floor": 10.0}
TOLD = {
    "machine": {"processor": "Abacus", "cores": 2, "memory": 24, "system": "Linux 6"},
    "python": {"implementation": "CPython", "version": "3.11.2", "debian": False, "built": "--enable-optimizations"},
    "versions": {"flowmake": "0.3.0", "ninja": "1.13.0"},
    "jobs": 2,
    "repeat": 7,
    "measured": [
        _run("flowmake", 0.03, 10_000),
        _run("ninja", 0.06, 10_000),
        _run("flowmake", 0.012, 100),
        _run("ninja", 0.004, 100),
    ],
    "trials": [{**TRIAL, "way": "flowmake", "wall": 0.5}, {**TRIAL, "way": "xxhash alone", "wall": 0.4}],
    "left_out": [
        {"left_out": "make", "tasks": 100_000, "why": "it would take longer than 400 s"},
        {"left_out": "load", "tasks": None, "why": "`python` failed with exit code 1: oh\nno"},
    ],
}


def test_the_readme_tells_what_was_measured_and_nothing_else() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    told = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"measured": []}

    assert report.with_figures(readme, told) == readme


def test_the_paragraph_names_who_is_faster_too() -> None:
    text = report.with_figures(README, TOLD)

    assert text.startswith("# x\n")
    assert text.endswith("\nmore\n")
    assert "old" not in text
    told = "With nothing to do in 10,000 tasks: flowmake 30.0 ms, ninja 60.0 ms. Others are faster in some"
    assert told in " ".join(text.split())
    assert "no-op (ninja)" in text


def test_a_readme_without_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="lacks"):
        report.with_figures("# x\n", TOLD)


def test_the_page_tells_ratios_trials_and_who_was_left_out() -> None:
    text = "\n".join(report.page(TOLD, figures.medians_of(TOLD["measured"])))
    words = " ".join(text.split())

    assert "| ninja | 4.0 ms (0.33) | 60.0 ms (2.00) |" in text
    assert "* no-op: ninja with 100 tasks (4.0 ms, flowmake 12.0 ms)." in text
    assert "| hash | 500 ms, 4.0 GiB/s (30 MiB) | xxhash alone: 400 ms, 5.0 GiB/s (1.25) |" in text
    assert "* make with 100,000 tasks: it would take longer than 400 s" in text
    assert "* load: `python` failed with exit code 1: oh\n" in text
    assert "CPython 3.11.2, built with profile-guided optimisation" in words


def test_results_have_a_line_for_each_record() -> None:
    text = bench.results_text({"jobs": 2, "measured": [{"wall": 1.0}, {"wall": 2.0}], "left_out": []})

    assert json.loads(text) == {"jobs": 2, "measured": [{"wall": 1.0}, {"wall": 2.0}], "left_out": []}
    assert '\n{"wall": 2.0}\n' in text
