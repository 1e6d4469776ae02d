"""From `results.json` to a page in Markdown and plots in SVG beside it. Measures nothing."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from projects import SCENARIOS

Key = tuple[str, str, int]
"""Tool, scenario, number of tasks."""
Medians = dict[Key, dict[str, float]]

OURS = "flowmake"
ABOUT = """\
# Benchmarks

Layers of a hundred small tasks, each of which reads one source and two outputs of the layer before:
`cat … | cksum > output`. The tools take turns (A B C, A B C, …); what is told is the median over whole processes with
their children. `benchmarks/run` makes this page; `results.json` holds every single run.

What is compared differs in what it promises: flowmake, scons, doit, Snakemake, pytask, DVC and go-task look at
contents, ninja, make, tup and shake at times, and Luigi only at whether an output exists.

How well tasks are ordered where they differ in length is told by [the scheduler, simulated](simulation.md).
"""


def main(results: Path) -> None:
    told = json.loads(results.read_text())
    medians = _medians(told["measured"])
    (results.parent / "README.md").write_text("\n".join(_page(told, medians)))
    plt.rcParams.update({"svg.hashsalt": OURS, "font.size": 9})
    for scenario in _scenarios(medians):
        title = f"{scenario}: {SCENARIOS[scenario]}"
        _plot(medians, scenario, "wall", ("seconds", title), results.parent / f"{_file(scenario)}.svg")
    _plot(medians, "no-op", "memory", ("MiB", "Peak memory with nothing to do"), results.parent / "memory.svg")


def _medians(measured: list[dict[str, Any]]) -> Medians:
    runs: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for one in measured:
        runs[one["tool"], one["scenario"], one["tasks"]].append(one)
    return {
        key: {what: median(one[what] for one in ones) for what in ("wall", "cpu", "memory", "floor")}
        for key, ones in runs.items()
    }


def _scenarios(medians: Medians) -> list[str]:
    found = {scenario for _, scenario, _ in medians}
    return [scenario for scenario in SCENARIOS if scenario in found]


def _page(told: dict[str, Any], medians: Medians) -> Iterator[str]:
    machine = told["machine"]
    yield ABOUT
    yield (
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory']} GiB, {machine['system']}, "
        f"Python {machine['python']}, {told['jobs']} tasks at once, at most {told['repeat']} turns."
    )
    yield "Versions: " + ", ".join(f"{name} {version}" for name, version in told["versions"].items()) + "."
    yield from _section("Where others are faster", _faster(medians))
    yield from _section("What goes unnoticed", _unnoticed(told["measured"]))
    for scenario in _scenarios(medians):
        yield f"\n## {scenario.capitalize()}\n"
        yield f"{SCENARIOS[scenario]} In brackets: how many times as long as flowmake.\n"
        yield f"![{scenario}: seconds against tasks]({_file(scenario)}.svg)\n"
        yield from _table(medians, scenario, _time)
    yield "\n## Memory\n\nPeak of the largest process, in MiB, with nothing to do; in brackets: of a build.\n"
    yield "![peak memory against tasks](memory.svg)\n"
    yield from _table(medians, "no-op", _memory)
    yield from _section("Left out", _left_out(told["left_out"]))
    yield ""


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"\n## {title}\n"
        yield from lines


def _faster(medians: Medians) -> list[str]:
    lines = []
    for scenario in _scenarios(medians):
        others = [
            f"{tool} with {count:,} tasks ({_seconds(cost['wall'])}, flowmake {_seconds(ours['wall'])})"
            for (tool, kind, count), cost in medians.items()
            if kind == scenario and (ours := medians.get((OURS, kind, count))) and cost["wall"] < ours["wall"]
        ]
        lines += [f"* {scenario}: {', '.join(others)}."] if others else []
    return lines


def _unnoticed(measured: list[dict[str, Any]]) -> list[str]:
    """Scenarios after which a tool's output was not what its command makes of its inputs."""
    wrong: dict[str, set[str]] = defaultdict(set)
    for one in measured:
        if not one["right"]:
            wrong[one["scenario"]].add(one["tool"])
    return [
        f"* {scenario}: the output is still the old one with {', '.join(sorted(tools))}, as set up here."
        for scenario, tools in wrong.items()
    ]


def _left_out(records: list[dict[str, Any]]) -> list[str]:
    return [f"* {one['left_out']} with {one['tasks']:,} tasks: {one['why'].splitlines()[0]}" for one in records]


def _table(medians: Medians, scenario: str, cell: Any) -> Iterator[str]:
    counts = sorted({count for _, found, count in medians if found == scenario})
    yield "| tasks | " + " | ".join(f"{count:,}" for count in counts) + " |"
    yield "|---|" + "---:|" * len(counts)
    for tool in dict.fromkeys(tool for tool, found, _ in medians if found == scenario):
        yield f"| {tool} | " + " | ".join(cell(medians, (tool, scenario, count)) for count in counts) + " |"


def _time(medians: Medians, key: Key) -> str:
    tool, scenario, count = key
    if key not in medians:
        return ""
    wall = medians[key]["wall"]
    ours = medians.get((OURS, scenario, count))
    ratio = f" ({wall / ours['wall']:.2f})" if ours and tool != OURS else ""
    return _seconds(wall) + ratio


def _memory(medians: Medians, key: Key) -> str:
    if key not in medians:
        return ""
    build = medians.get((key[0], "build", key[2]))
    return _mebibytes(medians[key]) + (f" ({_mebibytes(build)})" if build else "")


def _mebibytes(cost: dict[str, float]) -> str:
    return f"< {cost['floor'] + 1:.0f}" if _is_below(cost) else f"{cost['memory']:.0f}"


def _is_below(cost: dict[str, float]) -> bool:
    """Too small to be told apart from the measuring process."""
    return cost["memory"] <= cost["floor"] + 1


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _plot(medians: Medians, scenario: str, what: str, words: tuple[str, str], path: Path) -> None:
    """One line for each tool, ours the thick one."""
    figure, axes = plt.subplots(figsize=(7, 4.6))
    tools = list(dict.fromkeys(tool for tool, _, _ in medians))
    colors = plt.get_cmap("tab20").colors
    for number, tool in enumerate(tools):
        points = sorted(
            (n, cost[what]) for (name, kind, n), cost in medians.items() if (name, kind) == (tool, scenario)
        )
        if points:
            ours = tool == OURS
            axes.plot(
                *zip(*points, strict=True),
                color="black" if ours else colors[(2 * number) % 20 + (number >= 10)],
                marker="o",
                markersize=3.5,
                linewidth=2.6 if ours else 1.2,
                zorder=3 if ours else 2,
                label=tool,
            )
    axes.set(xscale="log", yscale="log", xlabel="tasks", ylabel=words[0], title=words[1])
    axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:,g}")
    axes.yaxis.set_minor_formatter(lambda value, place: f"{value:,g}" if f"{value:e}"[0] in "25" else "")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _file(scenario: str) -> str:
    return scenario.replace(" ", "-")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
