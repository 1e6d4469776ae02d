"""From `results.json` to a page in Markdown with plots beside it, and a paragraph in the README. Measures nothing."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import figures
from figures import OURS, Key, Medians
from machine import python_told
from projects import SCENARIOS

REPOSITORY = Path(__file__).resolve().parent.parent
ABOUT = """\
# Benchmarks

Layers of a hundred small tasks, each of which reads one source and two outputs of the layer before:
`cat … | cksum > output`. The tools take turns (A B C, A B C, …); what is told is the median over whole processes with
their children. `benchmarks/run` makes this page; `results.json` holds every single run.

What is compared differs in what it promises: flowmake, scons, doit, Snakemake, pytask, DVC and go-task look at
contents, ninja, make, tup and shake at times, and Luigi only at whether an output exists. flowmake keeps, besides, what
every task printed and the events of every run.

Commands are run by `/bin/sh -c`; only go-task interprets them itself, and scons runs `sh`. Every build begins in a new
folder, with everything written to the disk that is to be written, and nothing is deleted before the last one ends.

How well tasks are ordered where they differ in length is told by [the scheduler, simulated](simulation.md).
"""
ALONE = """\
What flowmake takes without a state, that is without a compiled graph, digests or a snapshot, and something that it can
be held against. In brackets: peak memory, and how many times as long flowmake takes.
"""
BEGIN, END = "<!-- measured: benchmarks/run -->", "<!-- end of measured -->"
SHOWN = ("no-op", 10_000)
"""What the README tells in figures, if it was measured; else with the largest number of tasks."""

Told = dict[str, Any]
Cell = Callable[[Medians, Key], str]


def main(results: Path) -> None:
    from plots import draw  # here, for matplotlib is only where plots are drawn

    told = json.loads(results.read_text())
    medians = figures.medians_of(told["measured"])
    (results.parent / "README.md").write_text("\n".join(page(told, medians)))
    for scenario in scenarios(medians):
        draw(
            medians,
            scenario,
            "wall",
            f"{scenario.capitalize()}: {SCENARIOS[scenario]}",
            results.parent / f"{_file(scenario)}.svg",
        )
    draw(medians, "no-op", "memory", "Peak memory with nothing to do", results.parent / "memory.svg")
    if results.parent == REPOSITORY / "docs" / "benchmarks":
        readme = REPOSITORY / "README.md"
        readme.write_text(with_figures(readme.read_text(), told))


def page(told: Told, medians: Medians) -> Iterator[str]:
    yield ABOUT
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    yield _filled(f"{_measured_on(told)} Versions: {versions}.")
    yield from _section("Where others are faster", _faster(medians))
    yield from _section("What goes unnoticed", _unnoticed(told))
    for scenario in scenarios(medians):
        yield f"\n## {scenario.capitalize()}\n"
        yield f"{SCENARIOS[scenario]} In brackets: how many times as long as flowmake.\n"
        yield f"![{scenario}: seconds against tasks]({_file(scenario)}.svg)\n"
        yield from _table(medians, scenario, _time)
    yield "\n## Memory\n\nPeak of the largest process, in MiB, with nothing to do; in brackets: of a build.\n"
    yield "![peak memory against tasks](memory.svg)\n"
    yield from _table(medians, "no-op", _memory)
    yield from _section("flowmake by itself", _trials(told))
    yield from _section("Left out", _left_out(told))
    yield ""


def with_figures(readme: str, told: Told) -> str:
    """The README with its paragraph about speed made anew, between its two marks. Raises `ValueError` without marks."""
    if not re.search(f"{BEGIN}.*{END}", readme, re.DOTALL):
        raise ValueError(f"the README lacks `{BEGIN}` or `{END}`")
    text = "\n".join([BEGIN, *paragraph(figures.medians_of(told["measured"])), END])
    return re.sub(f"{BEGIN}.*{END}", lambda found: text, readme, flags=re.DOTALL)


def paragraph(medians: Medians) -> Iterator[str]:
    """Short and honest: who takes how long where flowmake is best, and where it is not."""
    scenario, usual = SHOWN
    counts = figures.counts_of(medians, scenario)
    if not counts:
        return
    count = usual if usual in counts else counts[-1]
    ranked = sorted((cost["wall"], tool) for (tool, kind, n), cost in medians.items() if (kind, n) == (scenario, count))
    times = ", ".join(f"{tool} {figures.seconds(wall)}" for wall, tool in ranked)
    yield "## Speed"
    yield ""
    yield _filled(
        f"With nothing to do in {count:,} tasks: {times}. {_where_slower(medians)} "
        "[All of it](docs/benchmarks/README.md): building, one change, memory, and how it was measured."
    )
    yield ""
    yield "![Seconds against tasks with nothing to do](docs/benchmarks/no-op.svg)"
    yield ""


def _filled(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _where_slower(medians: Medians) -> str:
    parts = []
    for scenario in scenarios(medians):
        tools = list(dict.fromkeys(tool for tool, _, _ in figures.faster(medians, scenario)))
        parts += [f"{scenario} ({', '.join(tools)})"] if tools else []
    return f"Others are faster in some sizes of: {'; '.join(parts)}." if parts else "No other tool was faster anywhere."


def _measured_on(told: Told) -> str:
    machine = told["machine"]
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory']} GiB, {machine['system']}, "
        f"{told['jobs']} tasks at once, at most {told['repeat']} turns. What is written in Python runs on "
        f"{python_told(told['python'])}."
    )


def scenarios(medians: Medians) -> list[str]:
    return [scenario for scenario in SCENARIOS if figures.counts_of(medians, scenario)]


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"\n## {title}\n"
        yield from lines


def _faster(medians: Medians) -> list[str]:
    lines = []
    for scenario in scenarios(medians):
        others = [
            f"{tool} with {count:,} tasks ({figures.seconds(medians[tool, scenario, count]['wall'])}, "
            f"flowmake {figures.seconds(medians[OURS, scenario, count]['wall'])})"
            for tool, _, count in figures.faster(medians, scenario)
        ]
        lines += [f"* {scenario}: {', '.join(others)}."] if others else []
    return lines


def _unnoticed(told: Told) -> list[str]:
    return [
        f"* {scenario}: the output is still the old one with {', '.join(tools)}, as set up here."
        for scenario, tools in figures.unnoticed(told["measured"]).items()
    ]


def _left_out(told: Told) -> list[str]:
    return [f"* {one['left_out']}{_with(one['tasks'])}: {one['why'].splitlines()[0]}" for one in told["left_out"]]


def _with(tasks: int | None) -> str:
    return f" with {tasks:,} tasks" if tasks else ""


def _trials(told: Told) -> list[str]:
    units = {one["trial"]: one["unit"] for one in told["trials"]}
    rows = [
        f"| {name} | {_trial(ways[OURS], units[name])} | {_beside(ways, units[name])} |"
        for name, ways in figures.trials_of(told["trials"]).items()
    ]
    return [ALONE, "| what | flowmake | beside it |", "|---|---|---|", *rows] if rows else []


def _trial(cost: figures.Cost, unit: str) -> str:
    return f"{figures.seconds(cost['wall'])}{_rate(cost, unit)} ({figures.mebibytes(cost)} MiB)"


def _beside(ways: dict[str, figures.Cost], unit: str) -> str:
    return ", ".join(
        f"{way}: {figures.seconds(cost['wall'])}{_rate(cost, unit)} ({ways[OURS]['wall'] / cost['wall']:.2f})"
        for way, cost in ways.items()
        if way != OURS
    )


def _rate(cost: figures.Cost, unit: str) -> str:
    rate = cost["amount"] / cost["wall"]
    return f", {rate:,.{0 if rate >= 100 else 1}f} {unit}/s" if unit else ""


def _table(medians: Medians, scenario: str, cell: Cell) -> Iterator[str]:
    counts = figures.counts_of(medians, scenario)
    yield "| tasks | " + " | ".join(f"{count:,}" for count in counts) + " |"
    yield "|---|" + "---:|" * len(counts)
    for tool in dict.fromkeys(tool for tool, found, _ in medians if found == scenario):
        yield f"| {tool} | " + " | ".join(cell(medians, (tool, scenario, count)) for count in counts) + " |"


def _time(medians: Medians, key: Key) -> str:
    if key not in medians:
        return ""
    times = figures.ratio(medians, key)
    return figures.seconds(medians[key]["wall"]) + (f" ({times:.2f})" if times is not None else "")


def _memory(medians: Medians, key: Key) -> str:
    if key not in medians:
        return ""
    build = medians.get((key[0], "build", key[2]))
    return figures.mebibytes(medians[key]) + (f" ({figures.mebibytes(build)})" if build else "")


def _file(scenario: str) -> str:
    return scenario.replace(" ", "-")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
