"""Prints the states as a Markdown table, greatest distance first: DISTANCES…"""

import json
import sys
from pathlib import Path

states = [json.loads(Path(path).read_text()) for path in sys.argv[1:]]
states.sort(key=lambda state: (-state["mean_km"], state["state"]))
print("| State | Airports | Mean distance to the next (km) | Loneliest airport (km) |")
print("|---|---:|---:|---|")
for state in states:
    print(f"| {state['state']} | {state['airports']} | {state['mean_km']} | {state['loneliest']} ({state['km']}) |")
