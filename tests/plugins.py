"""Plug-ins as pip would install them, in a folder for PYTHONPATH. Unaware of any one test."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path


def install(plugin: Path, into: Path) -> dict[str, str]:
    """The modules of a plug-in's folder with the entry points of its `pyproject.toml`; the environment to use them."""
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]
    info = into / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    for module in plugin.glob("*.py"):
        shutil.copy(module, into)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines: list[str] = []
    for group, names in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in names.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return {"PYTHONPATH": str(into)}
