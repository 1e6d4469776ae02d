"""Fails if the page shows a picture that is not there or is no picture: PAGE."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

page = Path(sys.argv[1])
images = re.findall(r'<img src="([^"]+)"', page.read_text())
if len(images) != 3:
    raise SystemExit(f"{page} shows {len(images)} charts, not 3")
for image in images:
    root = ElementTree.parse(page.with_name(image)).getroot()
    if not root.tag.endswith("svg"):
        raise SystemExit(f"{image} is no SVG")
print(f"{page}: {len(images)} charts, all there")
