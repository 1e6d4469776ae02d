"""Cores by affinity and by the quotas of cgroups, on made-up `/proc` and `/sys`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowmake.world.cpus import available_cpus

V2 = "0::/user/session\n"
V1 = "3:cpu,cpuacct:/docker/abc\n2:cpuset:/x\n1:name=systemd:/y\n"

CASES: dict[str, tuple[str, dict[str, str], int]] = {
    "no cgroups": ("", {}, 64),
    "no limit": (V2, {"user/session/cpu.max": "max 100000\n"}, 64),
    "whole cores": (V2, {"user/session/cpu.max": "300000 100000\n"}, 3),
    "a part of a core counts as one": (V2, {"user/session/cpu.max": "150000 100000\n"}, 2),
    "less than one core": (V2, {"user/session/cpu.max": "1000 100000\n"}, 1),
    "a limit further up": (V2, {"user/session/cpu.max": "max 100000", "user/cpu.max": "200000 100000"}, 2),
    "the tightest": (V2, {"user/session/cpu.max": "500000 100000", "user/cpu.max": "400000 100000"}, 4),
    "in a container": ("0::/\n", {"cpu.max": "200000 100000"}, 2),
    "in a container that sees the host's path": ("0::/../../host\n", {"cpu.max": "200000 100000"}, 2),
    "more than there are": (V2, {"user/session/cpu.max": "9900000 100000"}, 64),
    "v1": (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "200000", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 2),
    "v1 by its full name": (
        V1,
        {"cpu,cpuacct/cpu.cfs_quota_us": "100000", "cpu,cpuacct/cpu.cfs_period_us": "50000"},
        2,
    ),
    "v1 without a limit": (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
    "nonsense": (V2, {"user/session/cpu.max": "5 0"}, 64),
    "an unknown line": ("what is this\n", {}, 64),
}


@pytest.mark.parametrize(("own", "files", "expected"), CASES.values(), ids=CASES.keys())
def test_quotas(
    own: str, files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    for name, text in {"proc/self/cgroup": own, **{f"sys/{name}": text for name, text in files.items()}}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_cpus(str(tmp_path / "proc"), str(tmp_path / "sys")) == expected


def test_affinity(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert available_cpus(str(tmp_path), str(tmp_path)) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_here() -> None:
    assert 1 <= available_cpus() <= len(os.sched_getaffinity(0))
