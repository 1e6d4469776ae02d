"""Draws the twelve summaries as an SVG file: temperature|rain|wind OUTPUT SUMMARY…"""

import json
import sys
from calendar import month_abbr
from pathlib import Path

import matplotlib.pyplot as plt

subject, output, *paths = sys.argv[1:]
months = sorted((json.loads(Path(path).read_text()) for path in paths), key=lambda summary: summary["month"])
names = [month_abbr[summary["month"]] for summary in months]

# The same numbers must give the same bytes, so that nothing downstream runs for a new date or new random ids.
plt.rcParams["svg.hashsalt"] = "weather"
figure, axes = plt.subplots(figsize=(8, 3))
axes.spines[["top", "right"]].set_visible(False)
if subject == "temperature":
    axes.plot(names, [summary["high"] for summary in months], color="#c44e52", label="mean high")
    axes.plot(names, [summary["low"] for summary in months], color="#4c72b0", label="mean low")
    axes.legend(frameon=False)
    axes.set_title("Temperature (°C)", loc="left")
elif subject == "rain":
    axes.bar(names, [summary["rain"] for summary in months], color="#4c72b0")
    axes.set_title("Precipitation (mm)", loc="left")
else:
    axes.plot(names, [summary["wind"] for summary in months], color="#55a868", marker="o")
    axes.set_title("Mean wind speed (m/s)", loc="left")
figure.tight_layout()
figure.savefig(output, metadata={"Date": None})
