"""What Slurm's answers mean. The texts are those of Slurm 22.05."""

from __future__ import annotations

import pytest

from flowmake.world import slurm
from flowmake.world.calls import Said
from flowmake.world.slurm import Fate, Job


def said(code: int = 0, out: str = "", err: str = "") -> Said:
    return Said(code, out, err, 0.0)


@pytest.mark.parametrize(
    ("answer", "job"),
    [
        (said(out="17\n"), "17"),
        (said(out="17;cluster\n"), "17"),
        (said(1, "17\n"), ""),
        (said(), ""),
        (said(out="?"), ""),
    ],
)
def test_the_id_of_a_job(answer: Said, job: str) -> None:
    assert slurm.job_id(answer) == job


@pytest.mark.parametrize(
    ("err", "why", "is_busy"),
    [
        (
            "sbatch: error: invalid partition specified: nope\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
            "Invalid partition name specified",
            False,
        ),
        ("sbatch: error: Invalid generic resource (gres)\n", "Invalid generic resource (gres)", False),
        (
            "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n"
            "sbatch: error: Batch job submission failed: Resource temporarily unavailable\n",
            "Resource temporarily unavailable",
            True,
        ),
        (
            "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n",
            "Unable to contact slurm controller (connect failure)",
            True,
        ),
        ("sbatch: error: Batch job submission failed: Socket timed out\n", "Socket timed out", True),
        ("", "`sbatch` ended with exit code 1", False),
    ],
)
def test_refusals_that_pass_and_those_that_do_not(err: str, why: str, is_busy: bool) -> None:
    assert slurm.refusal(said(1, "", err)) == (why, is_busy)
    assert slurm.complaint(err) == (why if is_busy else "")


def test_who_was_killed_for_not_answering_may_be_asked_again() -> None:
    assert slurm.refusal(said(-9))[1]


def test_jobs_as_listed() -> None:
    text = "2|PENDING|r-1,r-2|flowmake/ab/r-1/t@x\n3|RUNNING|(null)|other | job\nsomething else\n"
    assert slurm.jobs(said(out=text)) == [
        Job("2", "PENDING", "r-1,r-2", "flowmake/ab/r-1/t@x"),
        Job("3", "RUNNING", "(null)", "other | job"),
    ]
    assert slurm.jobs(said()) == []
    assert slurm.jobs(said(1, err="slurm_load_jobs error: Unable to contact slurm controller")) is None


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (said(out="JobId=1 JobName=t JobState=FAILED Reason=None ExitCode=7:0 RunTime=1"), Fate("FAILED", 7, 0)),
        (said(out="JobId=1 JobName=t JobState=NODE_FAIL Reason=None ExitCode=0:9 RunTime=1"), Fate("NODE_FAIL", 0, 9)),
        (said(1, err="slurm_load_jobs error: Invalid job id specified\n"), Fate()),
        (said(1, err="slurm_load_jobs error: Unable to contact slurm controller\n"), None),
        (said(out="nothing of the sort"), None),
    ],
)
def test_what_became_of_a_job(answer: Said, fate: Fate | None) -> None:
    assert slurm.fate(answer) == fate


def test_names_are_plain() -> None:
    assert slurm.plain("t@x y|z\n,1=é") == "t@x_y_z_,1=_"


def test_a_job_gets_no_variables_but_what_the_node_needs() -> None:
    passed = {"PATH", "HOME", "LC_ALL", "PYTHONPATH", "SLURM_CONF", "SBATCH_PARTITION"}
    others = {"API_TOKEN", "SLURM_JOB_ID", "XPATH", "PATHS", "MAKEFLAGS"}
    assert {name for name in passed | others if slurm.PASSED.fullmatch(name)} == passed
