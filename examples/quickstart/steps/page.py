"""Prints the page: YEAR LAYOUT RECORDS CHART…"""

import json
import sys
from html import escape
from pathlib import Path
from string import Template

year, layout, records, *charts = sys.argv[1:]
rows = [
    f"<tr><td>{escape(record['kind'])} day<td>{record['date']}<td>{escape(record['value'])}"
    for record in json.loads(Path(records).read_text())
]
images = [f'<p><img src="{Path(chart).name}" alt="{Path(chart).stem}">' for chart in charts]
page = Template(Path(layout).read_text()).substitute(year=year, records="\n".join(rows), charts="\n".join(images))
print(page, end="")
