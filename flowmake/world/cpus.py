"""How many cores this process may use. Knows nothing of what for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from math import ceil
from pathlib import Path


def available_cpus(proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> int:
    """Cores by affinity, lowered to the cgroup's CPU quota (v2 or v1; a part of a core counts as one); at least 1."""
    limits = [_affinity(), *(ceil(quota) for quota in _quotas(Path(proc), Path(cgroups)))]
    return max(1, min(limits))


def _affinity() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(proc: Path, cgroups: Path) -> Iterator[float]:
    """Every quota in force: that of our own cgroup and of each one around it."""
    for line in _read(proc / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon:
            continue
        if not controllers:
            yield from (quota for folder in _upwards(cgroups, path) if (quota := _v2_quota(folder)))
        elif "cpu" in controllers.split(","):
            for mount in (cgroups / "cpu", cgroups / controllers):
                yield from (quota for folder in _upwards(mount, path) if (quota := _v1_quota(folder)))


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """The folder of a cgroup and those above it, up to the mount.

    Inside a container the path may be that of the host and not exist; the mount then shows our own cgroup.
    """
    folder = mount / path.lstrip("/")
    while folder != mount and mount in folder.parents and ".." not in folder.parts:
        yield folder
        folder = folder.parent
    yield mount


def _v2_quota(folder: Path) -> float:
    quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
    return _share(quota, period)


def _v1_quota(folder: Path) -> float:
    return _share(_read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip())


def _share(quota: str, period: str) -> float:
    """Cores; 0 where there is no limit (`max`, -1) or nothing was readable."""
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return 0.0
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
