"""Prints the airports of the USA, which the package `vega_datasets` ships as a CSV file."""

from importlib.util import find_spec
from pathlib import Path

package = find_spec("vega_datasets")
if package is None or package.origin is None:
    raise SystemExit("vega_datasets is missing: `pip install -r requirements.txt`")
print(Path(package.origin).with_name("_data").joinpath("airports.csv").read_text(), end="")
