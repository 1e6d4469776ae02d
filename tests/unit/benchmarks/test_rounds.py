"""Turns of real commands: what is measured, left out, and gone on with after an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import rounds
from graphs import Job
from kept import Kept
from measure import Cost
from peers import Peer
from plan import Pace
from projects import SCENARIOS, Project
from rounds import Round, Terms, measure_trials
from trials import Trial

PACE = Pace(0.0, 0.0, 0.0)


def script(folder: Path, jobs: Sequence[Job]) -> None:
    (folder / "build").write_text("\n".join(job.command for job in jobs))


def peer(name: str, *call: str, pace: Pace = PACE) -> Peer:
    """A tool that does what a shell script says."""
    return Peer(name, "sh", call, script, 1000, pace, debian=("dash",))


GOOD = peer("good", "build")
BAD = peer("bad", "no-such-script")
SLOW = peer("slow", "build", pace=Pace(0.0, 1000.0, 0.0))


@pytest.fixture
def terms(tmp_path: Path) -> Terms:
    places = [tmp_path / name for name in ("environments", "projects", "attic")]
    for place in places:
        place.mkdir()
    return Terms(2, 60.0, 100.0, 1, 1, *places)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "measured.jsonl", {})


def test_every_scenario_is_measured_in_turns_and_looked_at(kept: Kept, terms: Terms) -> None:
    Round(3, [GOOD, peer("other", "build")], kept, terms).measure()

    found = kept.records("scenario")
    assert [(one["scenario"], one["tool"]) for one in found] == [
        (scenario, tool) for scenario in SCENARIOS for _ in range(2) for tool in ("good", "other")
    ]
    assert all(one["right"] and one["wall"] > 0 for one in found)


def test_a_build_begins_in_a_new_folder_and_deletes_nothing(kept: Kept, terms: Terms) -> None:
    Round(3, [GOOD], kept, terms).measure()

    assert [place.name for place in terms.folder.iterdir()] == ["good-3"]
    (aside,) = terms.attic.iterdir()
    assert (aside / "out" / "0" / "2.txt").exists()


def test_a_tool_that_fails_or_would_take_too_long_is_left_out_with_the_reason(kept: Kept, terms: Terms) -> None:
    Round(3, [GOOD, BAD, SLOW], kept, terms).measure()

    assert {one["tool"] for one in kept.records("scenario")} == {"good"}
    left = {one["left_out"]: one["why"] for one in kept.records("left_out")}
    assert left["slow"] == "it would take longer than 100 s"
    assert left["bad"].startswith("`sh` failed with exit code ")


def test_what_is_complete_is_not_measured_again(kept: Kept, terms: Terms, tmp_path: Path) -> None:
    Round(3, [GOOD, BAD], kept, terms).measure()
    path = tmp_path / "measured.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))

    again = Kept(path, {})
    before = again.records("scenario")
    Round(3, [GOOD, BAD], again, terms).measure()

    assert {one["scenario"] for one in before} == {"build", "no-op", "one source"}
    assert again.records("scenario")[: len(before)] == before
    assert [one["scenario"] for one in again.records("scenario")[len(before) :]] == ["one command"] * 2
    assert [one["left_out"] for one in again.records("left_out")] == ["bad"]


def test_who_has_used_up_its_time_has_no_further_turn(kept: Kept, terms: Terms) -> None:
    impatient = replace(terms, patience=0.0)

    Round(3, [GOOD], kept, impatient).measure()

    assert [one["scenario"] for one in kept.records("scenario")] == list(SCENARIOS)


def test_a_tool_that_had_to_sit_out_a_turn_has_none_later_when_others_have_none_either(
    kept: Kept, terms: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Project.cost

    def four_seconds(project: Project, limit: float) -> Cost:
        return replace(really(project, limit), wall=4.0)

    monkeypatch.setattr(Project, "cost", four_seconds)

    Round(3, [GOOD], kept, replace(terms, repeat=7, patience=15.0)).measure()

    told = [one["scenario"] for one in kept.records("scenario")]
    assert {scenario: told.count(scenario) for scenario in SCENARIOS} == dict.fromkeys(SCENARIOS, 3)


def test_trials_take_turns_without_a_state_and_one_that_fails_is_told(
    kept: Kept, terms: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_up(folder: Path) -> None:
        (folder / "called").write_text("")

    write = ("sh", "-c", "test ! -e .flowmake && mkdir .flowmake && echo x >> called")
    good = Trial("good", set_up, write, "another", ("true",), 3.0, "calls", cores=1)
    monkeypatch.setattr(rounds, "TRIALS", (good, Trial("bad", set_up, ("sh", "-c", "exit 3"))))

    measure_trials(GOOD, kept, terms)
    measure_trials(GOOD, kept, terms)

    assert [(one["trial"], one["way"]) for one in kept.records("trial")] == [
        ("good", "flowmake"),
        ("good", "another"),
    ] * 2
    assert (terms.folder / "trials" / "0" / "called").read_text() == "x\nx\n"
    assert [one["why"] for one in kept.records("left_out")] == ["`sh` failed with exit code 3: "]


def test_a_trial_with_an_edit_begins_each_turn_up_to_date_but_for_that(
    kept: Kept, terms: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_up(folder: Path) -> None:
        (folder / "log").write_text("")

    def edit(folder: Path) -> None:
        with (folder / "log").open("a") as log:
            log.write("edit\n")

    mine = ("sh", "-c", "mkdir -p .flowmake && echo mine >> log")
    trial = Trial("edited", set_up, mine, "another", ("sh", "-c", "echo another >> log"), edit=edit)
    monkeypatch.setattr(rounds, "TRIALS", (trial,))

    measure_trials(GOOD, kept, terms)

    log = (terms.folder / "trials" / "0" / "log").read_text().split()
    assert log == ["mine", "edit", "mine", "mine", "edit", "another"] * terms.repeat
    assert [one["way"] for one in kept.records("trial")] == ["flowmake", "another"] * terms.repeat
