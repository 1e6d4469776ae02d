"""Prints the record days of the year as JSON: DAYS…"""

import csv
import json
import sys
from operator import itemgetter

KINDS = {
    "hottest": ("temp_max", max, "°C"),
    "coldest": ("temp_min", min, "°C"),
    "wettest": ("precipitation", max, "mm"),
    "windiest": ("wind", max, "m/s"),
}

days = []
for path in sys.argv[1:]:
    with open(path, newline="") as file:
        days += list(csv.DictReader(file))

records = []
for kind, (column, most, unit) in KINDS.items():
    value, date = most(((float(day[column]), day["date"]) for day in days), key=itemgetter(0))
    records.append({"kind": kind, "date": date.replace("/", "-"), "value": f"{value:g} {unit}"})
print(json.dumps(records, indent=1, ensure_ascii=False))
