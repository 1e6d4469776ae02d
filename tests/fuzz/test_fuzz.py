"""No input makes a parser, a matcher or a reader of state fail in a way that is not meant for users.

`python -m tests.fuzz TARGET [SECONDS]` looks for new ones, with atheris where that is installed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.mutations import corpus, mutations
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
QUICK = {
    "flowfile": 150,
    "depfile": 1500,
    "glob": 800,
    "template": 300,
    "dotenv": 1500,
    "snapshot": 300,
    "state": 60,
    "journal": 60,
}
"""Inputs that take a second or less, all together."""


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus(target: str) -> None:
    """Examples, and every input that once was a problem."""
    found = corpus(target)
    assert found
    for data in found:
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_of_the_corpus(target: str) -> None:
    tried = 0
    for data in mutations(target, QUICK[target], seed=1):
        tried += 1
        TARGETS[target](data)
    assert tried == QUICK[target]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_long_search(target: str) -> None:
    # Last on the path, so that what is tried is the flowmake that is installed.
    program = (
        f"import sys; sys.path.append({str(ROOT)!r}); from tests.fuzz.__main__ import main; sys.exit(main({target!r}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
