"""Prints what matters of a month as JSON: DAYS."""

import csv
import json
import sys
from statistics import mean

with open(sys.argv[1], newline="") as file:
    days = list(csv.DictReader(file))
summary = {
    "month": int(days[0]["date"].split("/")[1]),
    "high": round(mean(float(day["temp_max"]) for day in days), 2),
    "low": round(mean(float(day["temp_min"]) for day in days), 2),
    "rain": round(sum(float(day["precipitation"]) for day in days), 1),
    "wind": round(mean(float(day["wind"]) for day in days), 2),
}
print(json.dumps(summary))
