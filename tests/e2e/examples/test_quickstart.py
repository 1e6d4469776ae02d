"""The example people see first: everything once, then nothing, then what one edit asks for."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

MONTHS = [f"summary@{month}" for month in range(1, 13)]
CHARTS = ["chart@temperature", "chart@rain", "chart@wind"]
ALL = {"weather", "months", *MONTHS, *CHARTS, "records", "page", "check"}


@pytest.fixture
def weather(example: Callable[[str], Any]) -> Any:
    """The example after its first run."""
    found = example("quickstart")
    assert found.run() == dict.fromkeys(ALL, "succeeded")
    return found


def test_a_page_comes_out_and_a_second_run_runs_nothing(weather: Any) -> None:
    page = weather.project.read("site/index.html")
    assert "<h1>Seattle weather 2015</h1>" in page
    assert "<tr><td>hottest day<td>2015-07-19<td>35 °C" in page
    assert "<tr><td>wettest day<td>2015-12-08<td>54.1 mm" in page
    for subject in ("temperature", "rain", "wind"):
        assert f'<img src="{subject}.svg"' in page
        assert ElementTree.parse(weather.root / f"site/{subject}.svg").getroot().tag.endswith("svg")
    done = weather.command("run")
    assert (done.code, done.stdout, done.stderr) == (0, "", "nothing to do: all 20 tasks are fresh\n")


def test_an_edit_reruns_no_more_than_what_comes_of_it(weather: Any) -> None:
    rain = weather.project.read("site/rain.svg")
    subprocess.run(["./edit-one-input"], cwd=weather.root, check=True, capture_output=True)
    assert set(weather.run()) == {"months", "summary@7", *CHARTS, "records", "page", "check"}
    assert weather.project.read("site/rain.svg") == rain
    assert "<tr><td>hottest day<td>2015-07-30<td>34.4 °C" in weather.project.read("site/index.html")

    weather.edit("corrections.csv", "52.1", "52.1\n2015/02/01,wind,2.6")
    assert set(weather.run()) == {"months"}, "that is what the station had reported anyway"

    weather.edit("page.html", "Data: NOAA", "Measurements: NOAA")
    assert set(weather.run()) == {"page", "check"}
    assert weather.run() == {}


def test_the_year_is_a_parameter(weather: Any) -> None:
    assert set(weather.run("--set", "year=2013")) == ALL - {"weather"}
    assert "<h1>Seattle weather 2013</h1>" in weather.project.read("site/index.html")

    done = weather.command("run", "-q", "--set", "year=1999")
    assert done.code == 1
    assert "data/weather.csv has no days of 1999" in done.stderr
    assert weather.run()["months"] == "succeeded", "a failed attempt leaves nothing half done"
