"""Prints the mean distance (km) from an airport to its nearest neighbour, and the loneliest airport: PART."""

import csv
import json
import sys
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

Position = tuple[float, float]
EARTH = 6371.0


def distance(one: Position, other: Position) -> float:
    """Along the great circle, in km (haversine)."""
    height = sin((other[0] - one[0]) / 2) ** 2
    width = sin((other[1] - one[1]) / 2) ** 2 * cos(one[0]) * cos(other[0])
    return 2 * EARTH * asin(sqrt(height + width))


part = Path(sys.argv[1])
with part.open(newline="") as file:
    places = {
        row["iata"]: (radians(float(row["latitude"])), radians(float(row["longitude"]))) for row in csv.DictReader(file)
    }
nearest = {
    name: min(distance(place, other) for neighbour, other in places.items() if neighbour != name)
    for name, place in places.items()
}
loneliest = max(nearest, key=lambda name: nearest[name])
result = {
    "state": part.stem,
    "airports": len(nearest),
    "mean_km": round(sum(nearest.values()) / len(nearest), 1),
    "loneliest": loneliest,
    "km": round(nearest[loneliest], 1),
}
print(json.dumps(result))
