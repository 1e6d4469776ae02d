"""How consumption depends on weight: a straight line, and how sure one can be of it (bootstrap)."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd


def resample(cars: str, seed: int, draws: int, output: str) -> None:
    """Write the slopes (miles per gallon, per ton) fitted to `draws` resampled sets of the cars."""
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, not {draws}")
    table = np.load(cars)
    random = np.random.default_rng(seed)
    slopes = [slope(table[random.integers(len(table), size=len(table))]) for _ in range(draws)]
    np.save(output, np.array(slopes))


def slope(table: np.ndarray) -> float:
    """Of the least-squares line through weight and consumption."""
    weight, consumption = table.T - table.mean(axis=0)[:, None]
    return float(weight @ consumption / (weight @ weight))


def table(fits: list[str], output: str) -> None:
    """Write mean and 95 % interval of all slopes of each origin as CSV."""
    slopes: dict[str, list[np.ndarray]] = defaultdict(list)
    for path in fits:
        slopes[Path(path).stem.partition("-")[0]].append(np.load(path))
    rows = []
    for origin, parts in slopes.items():
        every = np.concatenate(parts)
        low, high = np.quantile(every, [0.025, 0.975])
        rows.append({"origin": origin, "fits": len(every), "mpg_per_ton": every.mean(), "low": low, "high": high})
    pd.DataFrame(rows).sort_values("origin").round(2).to_csv(output, index=False)
