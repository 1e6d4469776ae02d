"""From `results.json` to a table in Markdown and plots in SVG beside it. Measures nothing."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

Medians = dict[tuple[str, str, int], dict[str, float]]
"""By tool, scenario and number of tasks."""


def main(results: Path) -> None:
    told = json.loads(results.read_text())
    medians = _medians(told["measured"])
    (results.parent / "README.md").write_text(_page(told, medians))
    plt.rcParams.update({"svg.hashsalt": "flowmake", "font.size": 9})
    for scenario in dict.fromkeys(scenario for _, scenario, _ in medians):
        _plot(medians, scenario, "wall", "seconds", results.parent / f"{_file(scenario)}.svg")
    _plot(medians, "no-op", "memory", "peak memory, MiB", results.parent / "memory.svg")


def _medians(measured: list[dict[str, Any]]) -> Medians:
    runs: dict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
    for one in measured:
        runs[one["tool"], one["scenario"], one["tasks"]].append(one)
    return {
        key: {what: median(one[what] for one in ones) for what in ("wall", "cpu", "memory")}
        for key, ones in runs.items()
    }


def _page(told: dict[str, Any], medians: Medians) -> str:
    machine = told["machine"]
    lines = [
        "# Benchmarks",
        "",
        "Layers of small tasks, each reading one source and two outputs of the layer before by "
        "`cat … | cksum > output`. All tools in turns, medians of whole processes with their children.",
        "`benchmarks/run` makes this page.",
        "",
        "What is compared differs in what it promises: Luigi only looks whether outputs exist, make only at times; "
        "neither notices a changed command.",
        "",
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory']} GiB, {machine['system']}, "
        f"Python {machine['python']}, {machine['jobs']} tasks at once, load {machine['load']:.1f} at the end.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in told["versions"].items()) + ".",
    ]
    for scenario in dict.fromkeys(scenario for _, scenario, _ in medians):
        lines += ["", f"## {scenario.capitalize()}", "", f"![{scenario}]({_file(scenario)}.svg)", ""]
        lines += _table(medians, scenario)
    floor = f"Less than the {machine['floor']} MiB of the measuring process itself cannot be told apart."
    lines += ["", "## Memory", "", "![memory](memory.svg)", "", floor, ""]
    return "\n".join(lines)


def _table(medians: Medians, scenario: str) -> list[str]:
    counts = sorted({count for _, found, count in medians if found == scenario})
    tools = list(dict.fromkeys(tool for tool, found, _ in medians if found == scenario))
    lines = [
        "| | " + " | ".join(f"{count:,} tasks" for count in counts) + " |",
        "|---|" + "---:|" * len(counts),
    ]
    for tool in tools:
        cells = [_cell(medians, tool, scenario, count) for count in counts]
        lines.append(f"| {tool} | " + " | ".join(cells) + " |")
    return lines


def _cell(medians: Medians, tool: str, scenario: str, count: int) -> str:
    """Wall time, cpu time, memory, and how many times as long as ninja it took."""
    found = medians.get((tool, scenario, count))
    if found is None:
        return ""
    ninja = medians.get(("ninja", scenario, count))
    ratio = f", {found['wall'] / ninja['wall']:.2f} \N{MULTIPLICATION SIGN} ninja" if ninja and tool != "ninja" else ""
    return f"{_seconds(found['wall'])}{ratio} ({_seconds(found['cpu'])} cpu, {found['memory']:.0f} MiB)"


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _plot(medians: Medians, scenario: str, what: str, label: str, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(6, 4))
    for tool in dict.fromkeys(tool for tool, _, _ in medians):
        points = sorted(
            (n, value[what]) for (name, kind, n), value in medians.items() if (name, kind) == (tool, scenario)
        )
        if points:
            width = 2.5 if tool == "flowmake" else 1.2
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, linewidth=width, label=tool)
    axes.set(xscale="log", yscale="log", xlabel="tasks", ylabel=label, title=scenario)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _file(scenario: str) -> str:
    return scenario.replace(" ", "-")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
