"""What the numbers were taken on. Measures nothing."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path


def described() -> dict[str, object]:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def told() -> str:
    """The same as a sentence for a page, with how busy the machine is now."""
    found = described()
    on = ", ".join([str(found["processor"]), f"{found['cores']} cores", f"{found['memory']} GiB", str(found["system"])])
    load = os.getloadavg()[0]
    return (
        f"Measured on {on}, Python {found['python']}; at the end {load:.1f} processes wanted to run, others included."
    )


def python_told(python: Mapping[str, str | bool]) -> str:
    """Which Python, and whether it was built with profile-guided optimisation, which makes it faster by a good part."""
    name = f"{python['implementation']} {python['version']}"
    given = str(python["built"])
    options = " ".join(f"`{option}`" for option in build_options(given))
    if "--enable-optimizations" in given:
        return f"{name}, built with profile-guided optimisation ({options})"
    if python["debian"]:
        return f"{name} as packaged by Debian, which builds it with profile-guided optimisation ({options})"
    return f"{name}, built without profile-guided optimisation ({options or 'no options'})"


def build_options(arguments: str) -> list[str]:
    """Of the arguments of `configure`, those that say what was built, and not where."""
    return re.findall(r"--(?:enable|with)[\w-]*(?:=[\w.-]+)?", arguments)


def digest_of(folder: Path) -> str:
    """Of all Python files below: numbers of another state of the code are not to be mixed with these."""
    digest = blake2b(digest_size=8)
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
