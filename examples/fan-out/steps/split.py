"""Writes one CSV file for each state that has enough airports: AT_LEAST AIRPORTS FOLDER."""

import csv
import sys
from collections import defaultdict
from pathlib import Path

at_least, airports, folder = sys.argv[1:]
states: dict[str, list[dict[str, str]]] = defaultdict(list)
with open(airports, newline="") as file:
    for airport in csv.DictReader(file):
        states[airport["state"]].append(airport)

for state, found in states.items():
    if state != "NA" and len(found) >= int(at_least):  # "not available"
        with Path(folder, f"{state}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["iata", "latitude", "longitude"], extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(sorted(found, key=lambda airport: airport["iata"]))
