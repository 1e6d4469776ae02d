"""Prints the archive of $STATION: hourly temperatures of a year, which the package `vega_datasets` ships.

It stands for a server that is not always there: the words in the file `outage` say what becomes of the next tries, one
word each: `down` ends with exit code 75 (EX_TEMPFAIL: try again later), `slow` does not end at all.
"""

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

FILES = {"seattle": "seattle-temps.csv", "san-francisco": "sf-temps.csv"}
TRY_AGAIN_LATER = 75

station = os.environ.get("STATION", "")
if station not in FILES:
    raise SystemExit(f"STATION must be one of {', '.join(FILES)}, not {station!r}")

outage = Path("outage")
first, _, rest = outage.read_text().strip().partition(" ") if outage.exists() else ("", "", "")
if first:
    outage.write_text(rest)
if first == "down":
    print("the server does not answer", file=sys.stderr)
    raise SystemExit(TRY_AGAIN_LATER)
if first == "slow":
    signal.pause()

package = find_spec("vega_datasets")
if package is None or package.origin is None:
    raise SystemExit("vega_datasets is missing: `pip install -r requirements.txt`")
print(Path(package.origin).with_name("_data").joinpath(FILES[station]).read_text(), end="")
