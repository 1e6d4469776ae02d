"""Prints the days as a Markdown table: DAY…"""

import json
import sys
from pathlib import Path

print("| Date | Low | Mean | High |")
print("|---|---:|---:|---:|")
for day in sorted((json.loads(Path(path).read_text()) for path in sys.argv[1:]), key=lambda day: day["date"]):
    print(f"| {day['date']} | {day['low']} | {day['mean']} | {day['high']} |")
