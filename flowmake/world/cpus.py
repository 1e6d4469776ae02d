"""How many cores this process may use. Knows nothing of what for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from math import ceil


def available_cpus(proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> int:
    """Cores by affinity, lowered to the cgroup's CPU quota (v2 or v1; a part of a core counts as one); at least 1."""
    limits = [_affinity(), *(ceil(quota) for quota in _quotas(proc, cgroups))]
    return max(1, min(limits))


def _affinity() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(proc: str, cgroups: str) -> Iterator[float]:
    """Every quota in force: that of our own cgroup and of each one around it."""
    for line in _read(f"{proc}/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon:
            continue
        if not controllers:
            yield from (quota for folder in _upwards(cgroups, path) if (quota := _v2_quota(folder)))
        elif "cpu" in controllers.split(","):
            for mount in (f"{cgroups}/cpu", f"{cgroups}/{controllers}"):
                yield from (quota for folder in _upwards(mount, path) if (quota := _v1_quota(folder)))


def _upwards(mount: str, path: str) -> Iterator[str]:
    """The folder of a cgroup and those above it, up to the mount.

    Inside a container the path may be that of the host and not exist; the mount then shows our own cgroup.
    """
    names = [name for name in path.split("/") if name]
    while names and ".." not in names:
        yield os.path.join(mount, *names)
        names.pop()
    yield mount


def _v2_quota(folder: str) -> float:
    quota, _, period = _read(f"{folder}/cpu.max").strip().partition(" ")
    return _share(quota, period)


def _v1_quota(folder: str) -> float:
    return _share(_read(f"{folder}/cpu.cfs_quota_us").strip(), _read(f"{folder}/cpu.cfs_period_us").strip())


def _share(quota: str, period: str) -> float:
    """Cores; 0 where there is no limit (`max`, -1) or nothing was readable."""
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return 0.0
    return int(quota) / int(period)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
