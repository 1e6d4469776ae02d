"""Prints lowest, mean and highest temperature (°C) that the archive has for the day of a date as JSON: DATE ARCHIVE."""

import csv
import json
import sys
from statistics import mean

date, archive = sys.argv[1:]
day = date[5:].replace("-", "/").replace("02/29", "02/28")
with open(archive, newline="") as file:
    hours = [row for row in csv.DictReader(file) if row["date"][5:10] == day]
degrees = [(float(row["temp"]) - 32) / 1.8 for row in hours]
if not degrees:
    raise SystemExit(f"{archive} has nothing for {day}")
usual = {"low": min(degrees), "mean": mean(degrees), "high": max(degrees)}
print(json.dumps({"date": date, **{name: round(value, 1) for name, value in usual.items()}}))
