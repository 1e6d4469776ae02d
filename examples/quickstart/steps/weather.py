"""Prints the daily weather of Seattle, 2012 to 2015, which the package `vega_datasets` ships as a CSV file."""

from importlib.util import find_spec
from pathlib import Path

package = find_spec("vega_datasets")
if package is None or package.origin is None:
    raise SystemExit("vega_datasets is missing: `pip install -r requirements.txt`")
print(Path(package.origin).with_name("_data").joinpath("seattle-weather.csv").read_text(), end="")
