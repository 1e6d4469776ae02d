"""Waiting until another change of a file would show in its times."""

from __future__ import annotations

import os
from pathlib import Path

from flowmake.world.ticks import changed_ns, file_time, tick_left, wait_for_tick


def test_after_the_wait_any_change_shows(tmp_path: Path) -> None:
    file, log = tmp_path / "file", tmp_path / "log"
    log.touch()
    for _ in range(50):
        file.write_bytes(b"before")
        status = os.stat(file)
        wait_for_tick(status, str(log))
        file.write_bytes(b"after!")
        assert changed_ns(os.stat(file)) > changed_ns(status)


def test_a_log_that_is_not_there_makes_no_difference(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for _ in range(10):
        file.write_bytes(b"before")
        status = os.stat(file)
        wait_for_tick(status, str(tmp_path / "log"))
        file.write_bytes(b"after!")
        assert changed_ns(os.stat(file)) > changed_ns(status)


def test_nothing_is_waited_for_that_takes_too_long(tmp_path: Path) -> None:
    """A file system of whole seconds, and a clock that is far off."""
    file, log = tmp_path / "file", tmp_path / "log"
    file.touch()
    log.touch()
    now = file_time(str(log))
    for moment in (now // 1_000_000_000 * 1_000_000_000, now + 3_600_000_000_000):
        os.utime(file, ns=(moment, moment))
        status = os.stat(file)
        assert tick_left(status, changed_ns(status) + 1_000_000_000) == 0.0
        wait_for_tick(status, str(log))
    assert file_time(str(log)) >= now
