"""Curves in SVG for light and dark pages, labelled beside the lines, in safe colours. Knows no tool but ours."""

from __future__ import annotations

import math
from itertools import groupby
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from figures import OURS, Medians, tools_of
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8f6b00", "#3a97d4", "#7a7a7a")
"""After Okabe and Ito, Color Universal Design (2008); the light ones darkened for thin lines on white."""
MARKERS = "osD^vPX<>phd"
GAP = 0.045
"""Between two labels, at the least, as a part of the height."""
WORDS = {"wall": "seconds", "memory": "MiB"}

Points = list[tuple[int, float]]


def draw(medians: Medians, scenario: str, what: str, title: str, path: Path) -> None:
    """One line for each tool, ours the thick one, both axes logarithmic."""
    plt.rcParams.update({"svg.hashsalt": OURS, "font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(figsize=(8, 5.2), facecolor="white")
    lines = {tool: _points(medians, tool, scenario, what) for tool in tools_of(medians)}
    colors = {tool: _color(number, tool) for number, tool in enumerate(lines)}
    for number, (tool, points) in enumerate(lines.items()):
        ours = tool == OURS
        axes.plot(
            *zip(*points, strict=True) if points else ([], []),
            gid=tool,
            color=colors[tool],
            marker=MARKERS[number % len(MARKERS)],
            markersize=6 if ours else 4.5,
            linewidth=3 if ours else 1.3,
            zorder=4 if ours else 3,
        )
    axes.set(xscale="log", yscale="log", xlabel="tasks", ylabel=WORDS[what])
    axes.set_title(title, loc="left", fontweight="bold", fontsize=11)
    axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(lambda value, place: "")
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:,g}")
    axes.yaxis.set_minor_formatter(lambda value, place: f"{value:,g}" if f"{value:e}"[0] in "25" else "")
    axes.margins(y=0.08)
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.8)
    _label(axes, {tool: points[-1] for tool, points in lines.items() if points}, colors)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _points(medians: Medians, tool: str, scenario: str, what: str) -> Points:
    return sorted((n, cost[what]) for (name, kind, n), cost in medians.items() if (name, kind) == (tool, scenario))


def _color(number: int, tool: str) -> str:
    return "black" if tool == OURS else PALETTE[(number - 1) % len(PALETTE)]


def _label(axes: Axes, ends: dict[str, tuple[int, float]], colors: dict[str, str]) -> None:
    """Beside the last point of each line; where lines end together, apart enough to be read."""
    low, high = axes.get_ylim()
    decades = math.log10(high / low)
    left, right = axes.get_xlim()
    axes.set_xlim(left, right * (right / left) ** 0.16)
    for count, group in groupby(sorted(ends, key=lambda tool: ends[tool]), key=lambda tool: ends[tool][0]):
        tools = list(group)
        heights = [math.log10(ends[tool][1] / low) / decades for tool in tools]
        for tool, own, height in zip(tools, heights, spread(heights, GAP), strict=True):
            axes.annotate(
                "",
                (count, low * 10 ** (own * decades)),
                xytext=(count * (right / left) ** 0.018, low * 10 ** (height * decades)),
                annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": colors[tool], "linewidth": 0.6, "alpha": 0.7},
            )
            text = axes.annotate(
                tool,
                (count, low * 10 ** (height * decades)),
                xytext=(10, 0),
                textcoords="offset points",
                annotation_clip=False,
                va="center",
                color=colors[tool],
                fontweight="bold" if tool == OURS else "normal",
                zorder=5,
            )
            text.set_path_effects([withStroke(linewidth=3, foreground="white")])


def spread(heights: list[float], gap: float) -> list[float]:
    """Ascending heights moved as little as it takes to be `gap` apart: those too near become a block.

    Source: the pool-adjacent-violators algorithm of isotonic regression.
    """
    blocks: list[tuple[float, int]] = []
    for number, height in enumerate(heights):
        blocks.append((height - number * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, size), (other, more) = blocks.pop(), blocks.pop()
            blocks.append(((mean * size + other * more) / (size + more), size + more))
    shifted = [mean for mean, size in blocks for _ in range(size)]
    return [height + number * gap for number, height in enumerate(shifted)]
