"""A job as cron runs it: a bare environment, silence unless something is wrong, and healing by running again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

BARE = ["env", "-i", "PATH=/usr/bin:/bin"]


@pytest.fixture
def job(example: Callable[[str], Any]) -> Any:
    """The example in place, its virtual environment this one, and less patient between tries."""
    found = example("daily-job")
    (found.root / ".venv").symlink_to(sys.prefix)
    found.edit("Flowfile", 'delay = "5s"', 'delay = "0.01s"')
    return found


@pytest.fixture
def done(job: Any) -> Any:
    """The job after its first morning."""
    assert cron(job) == (0, "", "")
    return job


def cron(job: Any, *args: str) -> tuple[int, str, str]:
    """Exit code and all that the mail would hold."""
    ended = subprocess.run(
        [*BARE, str(job.root / "daily"), *args], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return ended.returncode, ended.stdout, ended.stderr


def latest(job: Any) -> dict[str, str]:
    """What became of the tasks of the last run in which anything happened."""
    run = json.loads(job.project.run("history", "last", "--json").stdout)["runs"][0]
    return {task["task"]: task["status"] for task in run["tasks"]}


def alerts(job: Any) -> list[tuple[str, dict[str, Any]]]:
    if not job.project.exists("alerts.log"):
        return []
    lines = [line.partition(": ") for line in job.project.read("alerts.log").splitlines()]
    return [(what, json.loads(summary)) for what, _, summary in lines]


def test_last_week_is_there_and_nobody_is_told(done: Any) -> None:
    days = sorted(date.fromisoformat(path.stem) for path in done.root.glob("data/days/*.json"))
    assert [day - days[0] for day in days] == [timedelta(number) for number in range(7)]
    assert days[-1] < date.today() <= days[-1] + timedelta(2), "yesterday, unless midnight has just passed"
    table = done.project.read("week.md").splitlines()
    assert [line.split()[1] for line in table[2:]] == [str(day) for day in days]
    assert alerts(done) == []


def test_the_second_morning_has_nothing_to_do_whatever_the_environment(done: Any) -> None:
    before = done.project.run("history").stdout
    assert cron(done) == (0, "", "")
    assert done.run(env={"LANG": "de_DE", "EDITOR": "ed"}) == {}
    assert done.project.run("history").stdout == before


def test_an_outage_that_passes_is_nobodys_business(job: Any) -> None:
    job.edit("Flowfile", 'timeout = "1m"', 'timeout = "1s"')
    job.project.write("outage", "down slow")
    assert cron(job) == (0, "", "")
    assert job.project.read("outage") == ""
    assert job.project.read("week.md").count("\n") == 9
    assert "the server does not answer" in job.project.run("log", "archive").stdout


def test_an_outage_that_lasts_is_reported_and_heals_with_the_next_run(done: Any) -> None:
    archive = done.project.read("data/archive.csv")
    done.edit("Flowfile", 'max_age = "20h"', "max_age = 0.001")
    done.project.write("outage", "down down down down")
    code, out, err = cron(done)
    assert (code, out) == (1, "")
    assert "failed: `archive`: exit code 75" in err
    assert "    the server does not answer\n" in err
    assert "failed in SECONDS: 1 failed, 8 skipped\n" in done.project.scrub(err)
    assert done.project.read("data/archive.csv") == archive, "the old one stays"
    [(what, summary)] = alerts(done)
    assert (what, summary["status"], summary["failed"][0]["task"]) == ("failed", "failed", "archive")

    assert cron(done) == (0, "", "")
    assert {task for task, status in latest(done).items() if status == "succeeded"} == {"archive"}, "same answer"
    assert [what for what, _ in alerts(done)] == ["failed", "works again"]


def test_a_wrong_setting_is_not_tried_again_and_concerns_who_tracks_it(done: Any) -> None:
    done.project.write(".env", "STATION=atlantis\n")
    code, _, err = cron(done)
    assert code == 1
    # What a dotenv file says may be a secret, so it is masked wherever it would be seen.
    assert "    STATION must be one of seattle, san-francisco, not '********'\n" in err
    assert done.project.run("log", "archive").stdout.count("STATION must be") == 1

    done.project.write(".env", "STATION=san-francisco\nCOLOUR=blue\n")
    assert cron(done) == (0, "", "")
    ran = latest(done)
    assert len(ran) == 9
    assert set(ran.values()) == {"succeeded"}

    done.project.write(".env", "STATION=san-francisco\nCOLOUR=red\n")
    assert done.run() == {}


def test_days_of_another_week_go(done: Any) -> None:
    done.edit("Flowfile", '"today-7d"', '"today-3d"')
    assert cron(done) == (0, "", "")
    assert len(list(done.root.glob("data/days/*.json"))) == 3
    assert done.project.read("week.md").count("\n") == 5
