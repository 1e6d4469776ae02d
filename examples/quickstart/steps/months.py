"""Writes the days of a year, with corrections applied, as one CSV file a month: YEAR WEATHER CORRECTIONS FOLDER."""

import csv
import sys
from collections import defaultdict
from pathlib import Path

year, weather, corrections, folder = sys.argv[1:]
with open(corrections, newline="") as file:
    corrected = {(row["date"], row["column"]): row["value"] for row in csv.DictReader(file)}

months: dict[int, list[dict[str, str]]] = defaultdict(list)
with open(weather, newline="") as file:
    for day in csv.DictReader(file):
        if day["date"].startswith(f"{year}/"):
            days = months[int(day["date"].split("/")[1])]
            days.append({column: corrected.get((day["date"], column), value) for column, value in day.items()})
if not months:
    raise SystemExit(f"{weather} has no days of {year}")

for month, days in months.items():
    with Path(folder, f"{month}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, days[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(days)
